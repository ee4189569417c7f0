"""`doctor` tries each judge, and librosa's compiled code is looked after."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from xtts_lab import records, registry
from xtts_lab.cli import run_app
from xtts_lab.instruments import compiled

JUDGES = """\
import os, signal
from xtts_lab.errors import UsageError
from xtts_lab.types import Failure

class Sound:
    uses_language = False
    identity = {}
    def measure(self, clips):
        for clip in clips:
            yield {"loudness": 1.0}

class Crashes(Sound):
    def measure(self, clips):
        os.kill(os.getpid(), signal.SIGSEGV)
        yield {}

class Fails(Sound):
    def measure(self, clips):
        yield Failure("deaf")

class Absent(Sound):
    def __init__(self):
        raise UsageError("the package x is absent; install it")
"""


def test_each_judge_hears_a_second_of_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "four_judges.py").write_text(JUDGES)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {
        name: f"four_judges:{name.title()}" for name in ("sound", "crashes", "fails", "absent")
    }
    instruments = {**names, "levels": registry.BUILTIN["instruments"]["levels"]}
    monkeypatch.setitem(registry.BUILTIN, "instruments", instruments)  # type: ignore[attr-defined]
    # In the worker, where this table is not patched, they come from an installed package.
    info = tmp_path / "four-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: four\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {target}" for name, target in names.items())
    (info / "entry_points.txt").write_text(f"[xtts_lab.instruments]\n{lines}\n")
    assert run_app(["doctor"]) == 1
    out = capfd.readouterr().out
    said = dict(re.findall(r"^\w+ +judge (\w+): (.*)$", out, re.MULTILINE))
    states = {b: a for a, b in re.findall(r"^(\w+) +judge (\w+):", out, re.MULTILINE)}
    assert states == {
        "sound": "ok", "crashes": "broken", "fails": "broken", "absent": "absent", "levels": "ok",
    }  # fmt: skip
    assert "killed by SIGSEGV" in said["crashes"]
    assert said["fails"] == "deaf"
    assert "the package x is absent" in said["absent"]


def test_compiled_code_is_noted_and_tried_where_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled.prepare()  # once a machine: it takes its time
    ready = compiled.keep_apart()
    known = records.read(ready.with_name(f"{ready.name}.json"))
    assert known
    assert known == compiled._hashes(ready)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compiled.keep_apart()
    assert folder.is_relative_to(tmp_path)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ready, folder)
    records.write(folder.with_name(f"{folder.name}.json"), known)
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_works", lambda: pytest.fail("what is known is tried again"))
        compiled.prepare()
    for path in folder.rglob("*.nbc"):  # what made the pitch tracker end with a segfault
        data = bytearray(path.read_bytes())
        data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
        path.write_bytes(bytes(data))
    assert not compiled._works()
    assert known != compiled._hashes(folder)
    monkeypatch.undo()
    compiled.keep_apart()  # else what comes next in this process reads the damaged code
