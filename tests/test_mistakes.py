"""Mistakes in what is asked: exit code 2, one line that names the place, nothing left behind."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from xtts_lab import registry
from xtts_lab.cli import run_app
from xtts_lab.data.formats import read
from xtts_lab.data.formats.records import Source
from xtts_lab.errors import UsageError

GOOD = """\
name: good
systems:
  a: {name: "null"}
texts: {name: builtin, languages: [en], per_language: 1}
speakers: {name: synthetic, count: 1, references: 0, enrolment: 0}
metrics: [{name: duration}]
"""

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

MISTAKES: dict[str, tuple[str | bytes, str]] = {
    "unknown key": (GOOD + "repeat: 3\n", r":7: repeat: .*did you mean 'repeats'"),
    "missing key": (GOOD.replace("name: good\n", ""), r"name: missing"),
    "no metrics": (GOOD.replace("metrics: [{name: duration}]", "metrics: []"), r":6: metrics"),
    "wrong type": (GOOD + "repeats: many\n", r":7: repeats: .*integer.*\"many\""),
    "zero repeats": (GOOD + "repeats: 0\n", r":7: repeats"),
    "unknown system": (GOOD.replace('"null"', "espeek"), r":3: systems.a.name: .*'espeak'"),
    "unknown setting": (GOOD.replace('"null"', '"null", rate: 3'), r":3: systems.a.rate"),
    "setting of wrong type": (
        GOOD.replace('"null"', '"null", sample_rate: fast'), r"systems.a.sample_rate"
    ),
    "unknown language": (GOOD.replace("[en]", "[xx]"), r":4: texts: unknown language 'xx'"),
    "unknown metric": (GOOD.replace("duration", "wear"), r":6: metrics.0.name: .*'wer'"),
    "unknown instrument": (
        GOOD.replace("{name: duration}", "{name: wer, recognizer: whispr}"), r"'whisper'"
    ),
    "instrument without use": (
        GOOD + "instruments: {w: {name: whisper}}\n", r":7: instruments.w: no metric uses it"
    ),
    "absent manifest": (
        GOOD.replace("name: builtin", "name: manifest, path: /nowhere/m.csv").replace(
            ", per_language: 1", ""), r"/nowhere/m.csv.*cannot be read"
    ),
    "unset variable": (GOOD + 'question: "${XTTS_LAB_NOT_SET}"\n', r":7: .*XTTS_LAB_NOT_SET"),
    "baseline that is no arm": (
        GOOD + "statistics: {baseline: b}\n", r":7: statistics.baseline: unknown arm 'b'"
    ),
    "ablation of nothing": (GOOD + "ablate: {systems.a.rate: [1]}\n", r":7: ablate.*rate"),
    "name that is a path": (GOOD.replace("good", "../evil"), r":1: name: .*\^\[A-Za-z0-9\]"),
    "not YAML": ("name: [unclosed\n", r":\d+: not valid YAML"),
    "not a mapping": ("- a\n- b\n", r"must hold a mapping"),
    "empty file": ("", r"must hold a mapping"),
    "python object": ('x: !!python/object/apply:os.system ["echo owned > owned"]\n', r"tag"),
    "billion laughs": (BOMB, r"unfolds into more"),
    "endless alias": ("a: &a [*a]\n", r"unfolds|YAML|nested"),
    "key twice": (GOOD + "name: again\n", r":7: key 'name' stands twice"),
    "deep nesting": ("a: " + "[" * 3000 + "]" * 3000, r"nested|unfolds"),
    "not text": (b"\xff\xfe\x00\x01", r"UTF-8|YAML"),
    "a version that is true": (GOOD + "schema_version: true\n", r":7: schema_version"),
    "a version to come": (GOOD + "schema_version: 2\n", r":7: schema_version"),
    "a version with a point": (GOOD + "schema_version: 1.0\n", r":7: schema_version"),
    **{
        f"recognizer {asked}": (
            GOOD.replace("{name: duration}", f"{{name: cer, recognizer: '{asked}'}}"),
            f":6: metrics.0.recognizer: '{asked}' is no name; write '{meant}'"
        )
        for asked, meant in (
            ("levels:audio", "levels"), ("whisper:enrolment", "whisper"), ("whisper:", "whisper"),
        )
    },
    "negative limit": (GOOD + "limit: -1\n", r":7: limit"),
    "too many sentences": (GOOD.replace("per_language: 1", "per_language: 999"), r"per_language"),
}  # fmt: skip


def _left(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, message = MISTAKES[name]
    file = tmp_path / "x.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    assert run_app(["run", str(file)]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert re.search(message, err), err
    assert _left(tmp_path) == {"x.yaml"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Missing argument"),
        (["run", "absent.yaml"], "absent.yaml: cannot be read"),
        (["run", "x.yaml", "--limt", "3"], "--limt"),
        (["run", "x.yaml", "--limit", "x"], "--limit"),
        (["run", "x.yaml", "--languages", "en,xx"], "unknown language 'xx'"),
        (["run", "x.yaml", "--languages", ","], "names no language"),
        (["run", "x.yaml", "sead=3"], "did you mean 'seed'"),
        (["run", "x.yaml", "systems.b.name=null"], "unknown key 'b'"),
        (["run", "x.yaml", "--out", "x.yaml"], "x.yaml"),
        (["run", "x.yaml", "--out", "x.yaml/below"], "below"),
        (["run", "x.yaml", "--out", "/proc/nowhere/run"], "/proc/nowhere/run"),
        (["run", "."], "holds no \\*.yaml|known|x.yaml"),
        (["report", "."], "no finished run"),
        (["list", "system"], "did you mean 'systems'"),
        (["fly"], "fly"),
    ],
    ids=lambda v: " ".join(v)[:40] if isinstance(v, list) else "",
)
def test_mistakes_on_the_command_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    good = GOOD if arguments != ["run", "."] else "name: 3\n"
    (tmp_path / "x.yaml").write_text(good)
    assert run_app(arguments) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert re.search(message, err), err
    assert _left(tmp_path) == {"x.yaml"}


@pytest.mark.parametrize("marks", [0, 1, 2, 3])
def test_byte_order_marks_say_nothing(
    marks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mark = "\ufeff" * marks
    (tmp_path / "x.yaml").write_text(mark + GOOD)
    assert run_app(["plan", "x.yaml"]) == 0
    row = '{"id": "1", "text": "One line.", "language": "en", "speaker": "a"}\n'
    (tmp_path / "t.jsonl").write_text(
        mark + row + mark + row.replace("One", "Another").replace("1", "2")
    )
    (tmp_path / "t.csv").write_text(mark + "id,text,language,speaker\n1,One line.,en,a\n")
    assert [row.text for row in read(Source(tmp_path / "t.jsonl"))] == [
        "One line.", "Another line.",
    ]  # fmt: skip
    assert [row.text for row in read(Source(tmp_path / "t.csv"))] == ["One line."]


@pytest.mark.parametrize("error", ["SystemExit(0)", "GeneratorExit()", "Odd()", "1 / 0"])
def test_what_a_package_raises_when_imported_is_said_of_it(
    error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = f"raise {error}" if "/" not in error else error
    (tmp_path / "odd_part.py").write_text(f"class Odd(BaseException): pass\n{raised}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    installed = [EntryPoint("odd", "odd_part:Part", "xtts_lab.systems")]
    monkeypatch.setattr(registry, "entry_points", lambda **_: installed)
    with pytest.raises(UsageError, match="system 'odd' cannot be loaded from odd_part:Part"):
        registry.lookup("systems", "odd")


def test_a_folder_of_other_files_is_not_made_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.yaml").write_text(GOOD)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("do not touch")
    assert run_app(["run", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "mine")]) == 2
    assert "holds files but no run" in capfd.readouterr().err
    assert _left(tmp_path / "mine") == {"thesis.tex"}


def test_the_installed_command_exits_with_2() -> None:
    command = [sys.executable, "-m", "xtts_lab.cli", "run", "absent.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
