"""Hostile audio, weights, manifests and worlds: a recorded failure, or one line and exit code 2."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import shutil
import signal
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from tests.test_hostile_experiments import GOOD, _refused
from xtts_lab.checkpoint.reading import read_pickle, read_safetensors
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path


# Audio.


def _wav(
    channels: int = 1, rate: int = 16000, bits: int = 16, code: int = 1, data: bytes = bytes(6400)
) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, rate, (rate * block) & 0xFFFFFFFF, block, bits)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(data)) + b"WAVE" + chunks + data


def _sound(kind: str, subtype: str | None = None) -> bytes:
    tone = 0.1 * np.sin(np.arange(16000) / 10.0)
    buffer = io.BytesIO()
    soundfile.write(buffer, tone, 16000, format=kind, subtype=subtype)
    return buffer.getvalue()


def _floats(values: list[float]) -> bytes:
    return _wav(bits=32, code=3, data=struct.pack(f"<{len(values)}f", *values))


AUDIO: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"R",
    "a header alone": b"RIFF\0\0\0\0WAVE",
    "no samples": _wav(data=b""),
    "no channels": _wav(channels=0),
    "30000 channels": _wav(channels=30_000),
    "no rate": _wav(rate=0),
    "a rate of a thousand million": _wav(rate=10**9),
    "the largest rate": _wav(rate=2**32 - 1),
    "no bits": _wav(bits=0),
    "bits that are none": _wav(bits=13),
    "an unknown code": _wav(code=0x7777),
    "NaN": _floats([0.1, float("nan")] * 4000),
    "infinity": _floats([0.1, float("inf")] * 4000),
    "no number at all": _floats([float("nan")] * 8000),
    "cut in the header": _wav()[:30],
    "a size that lies": _wav()[:40] + b"\xff\xff\xff\x7f" + bytes(2),
    "FLAC, cut": _sound("FLAC")[:200],
    "FLAC, its mark alone": b"fLaC",
    "FLAC of garbage": _sound("FLAC")[:60] + bytes(range(256)) * 20,
    "Ogg, cut": _sound("OGG")[:100],
    "MP3, its mark alone": b"ID3\x04\0\0\0\0\0\0",
    "MP3 of garbage": b"\xff\xfb\x90\x00" + b"\x12" * 50,
    "text": b"not audio at all\n" * 50,
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    "a page": b"<!DOCTYPE html><html>404</html>",
    "a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "an archive": b"PK\x03\x04" + bytes(100),
    "zeros": bytes(10_000),
}
PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a loop": lambda path: path.symlink_to(path.name),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
}


def test_audio_that_is_none_is_a_recorded_failure_and_the_others_are_scored(here: Path) -> None:
    rows = ["id,text,language,speaker,audio", "good,hello there,en,a,good.wav"]
    (here / "good.wav").write_bytes(_sound("WAV"))
    for number, (kind, content) in enumerate(AUDIO.items()):
        (here / f"bad{number}.wav").write_bytes(content)
        rows.append(f"b{number},{kind.replace(',', '')},en,a,bad{number}.wav")
    for number, (kind, make) in enumerate(PLACES.items()):
        make(here / f"odd{number}.wav")
        rows.append(f"o{number},{kind},en,a,odd{number}.wav")
    (here / "m.csv").write_text("\n".join(rows) + "\n")
    arguments = ["score", "m.csv", "--out", "run", "--no-cache", "--metrics", "duration"]
    assert run_app(arguments) == 1
    trials = pd.read_parquet(here / "run" / "trials.parquet").set_index("utterance_id")
    known = {name.partition("+")[0]: status for name, status in trials["status"].items()}
    assert known.pop("good") == "ok"
    assert len(known) == len(AUDIO) + len(PLACES)
    kinds = dict(zip(known, [*AUDIO, *PLACES], strict=True))
    # The code of a header, and what lies behind its end, are the decoder's business.
    fine = {kinds[name] for name, status in known.items() if status == "ok"}
    assert fine <= {
        "bits that are none",
        "a size that lies",
        "30000 channels",
        "FLAC, cut",
        "Ogg, cut",
    }
    errors = trials[trials["status"] == "failed"]["error"]
    assert not errors.str.contains("Traceback|\n").any()
    scores = pd.read_parquet(here / "run" / "scores.parquet")
    assert np.isfinite(scores["value"].dropna()).all()


# Weights.


def _header(header: object, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def _tensor(**changes: object) -> dict[str, object]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


TWO = {
    "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
}
SAFETENSORS: dict[str, bytes] = {
    "empty": b"",
    "seven bytes": bytes(7),
    "no header": struct.pack("<Q", 0),
    "a header of 2^63": _header({}, size=2**63),
    "a header of a gigabyte": _header({}, size=1 << 30),
    "a header beyond the end": _header({}, size=1000),
    "a header that is no JSON": _header(b"{nothing}"),
    "a header that is a list": _header([]),
    "a header that is text": _header("x"),
    "a header of brackets": _header(b'{"a":' * 50_000),
    "a header of NULs": _header(bytes(100)),
    "a header in Latin-1": _header(b'{"\xe9": 1}'),
    "a tensor that is a number": _header({"a": 1}),
    "a tensor without a shape": _header({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)),
    "an unknown type": _header(_tensor(dtype="F7"), bytes(8)),
    "a type that is none": _header(_tensor(dtype=None), bytes(8)),
    "offsets beyond the end": _header(_tensor(data_offsets=[0, 800]), bytes(8)),
    "offsets backwards": _header(_tensor(data_offsets=[8, 0]), bytes(8)),
    "offsets below zero": _header(_tensor(data_offsets=[-8, 0]), bytes(8)),
    "offsets that overlap": _header(TWO, bytes(12)),
    "one offset": _header(_tensor(data_offsets=[0]), bytes(8)),
    "another size than its shape": _header(_tensor(shape=[3]), bytes(8)),
    "a shape of 2^62": _header(_tensor(shape=[2**62, 2**62]), bytes(8)),
    "a shape below zero": _header(_tensor(shape=[-2]), bytes(8)),
    "a shape of text": _header(_tensor(shape="2"), bytes(8)),
    "more data than tensors": _header(_tensor(), bytes(80)),
    "half its data": _header(_tensor(), bytes(4)),
    "metadata that is no text": _header({"__metadata__": {"a": 1}, **_tensor()}, bytes(8)),
    "a pickle": pickle.dumps({"a": 1}),
    "a page": b"<!DOCTYPE html>",
}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_safetensors_that_are_none(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(SAFETENSORS[kind])
    with pytest.raises(UsageError) as raised:
        read_safetensors(path)
    assert "\n" not in str(raised.value)
    assert "model.safetensors" in str(raised.value)


class _Evil:
    def __reduce__(self) -> object:
        return os.system, ("touch owned",)


def _archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


PICKLES: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"\x80",
    "a command": pickle.dumps(_Evil()),
    "a command in an archive": _archive(archive__data_dot_pkl=pickle.dumps(_Evil())),
    "an archive of nothing": _archive(),
    "an archive without data": _archive(archive__version=b"3\n"),
    "a path that leaves": _archive(_dot__dot__evil=b"x"),
    "an archive, cut": _archive(archive__data_dot_pkl=pickle.dumps({}))[:40],
    "a bomb": _archive(archive__data_dot_pkl=b"\x80\x02" + b"(" * 50_000_000),
    "deep": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "a global": b"cos\nsystem\n(S'touch owned'\ntR.",
    "an opcode that is none": b"\x80\x02\xff\xff.",
    "a text": b"hello",
    "a number": pickle.dumps(7),
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("kind", PICKLES)
def test_pickles_that_hold_no_weights(kind: str, here: Path) -> None:
    path = here / "model.pth"
    path.write_bytes(PICKLES[kind])
    with pytest.raises(UsageError) as raised:
        read_pickle(path)
    assert "\n" not in str(raised.value)
    assert [entry.name for entry in here.iterdir()] == ["model.pth"]


# Worlds.


def _runs(here: Path, *flags: str) -> int:
    (here / "x.yaml").write_text(GOOD)
    return run_app(["run", "x.yaml", "--out", "run", *flags])


@pytest.mark.parametrize("room", [400, 4_000, 20_000])
def test_a_full_disk_is_one_line_and_the_run_goes_on_later(
    room: int, here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "x.yaml").write_text(GOOD)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        code = run_app(["run", "x.yaml", "--out", "run", "--no-cache"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    err = capfd.readouterr().err
    assert code in (1, 2)
    assert "Traceback" not in err
    assert code == 1 or sum(line.startswith("xtts-lab: ") for line in err.splitlines()) == 1
    assert _runs(here, "--no-cache") == 0
    assert not list((here / "run").rglob("*.partial"))


def test_a_clock_that_goes_backwards(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(2_000_000_000, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    assert _runs(here) == 0
    assert _runs(here) == 0


def test_a_lock_of_a_dead_process_holds_nobody(here: Path) -> None:
    assert _runs(here) == 0
    for content in ["", "999999999", "0", "-1", "not a number", "1\n2\n"]:
        (here / "run" / ".state" / "lock").write_text(content)
        (here / "run" / "report.html").unlink()
        assert _runs(here) == 0, content
        assert (here / "run" / "report.html").is_file(), content


@pytest.mark.usefixtures("impatient")
def test_two_runs_in_a_folder(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _runs(here) == 0
    (here / "run" / "report.html").unlink()
    with filelock.FileLock(here / "run" / ".state" / "lock"):
        assert "another process" in _refused(["run", "x.yaml", "--out", "run"], capfd)
    assert _runs(here) == 0


QUESTIONS = [
    "<script>alert(1)</script>", "</title><script>x</script>", "<img src=x onerror=x>",
    "![](http://x/y.png)", "[x](javascript:alert(1))", "`` ` ``", "| a | b |", "# no heading",
    "{{ 7 * 7 }}", "{% raw %}", "${7*7}", "&lt;script&gt;", "=HYPERLINK(1)", "%s%n",
    "\u202etxt.exe", "a\u0000b".replace("\u0000", "\u200b"), "$\\input{/etc/passwd}$",
]  # fmt: skip


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that asks all of it at once."""
    folder = tmp_path_factory.mktemp("asking")
    (folder / "x.yaml").write_text(GOOD + f"question: {json.dumps(' '.join(QUESTIONS))}\n")
    assert run_app(["run", str(folder / "x.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_said_in_a_report_does_nothing(question: str, asking: Path, here: Path) -> None:
    """Alone, and in the company of all the others."""
    _nothing_is_done(asking)
    shutil.copytree(asking, here / "run")
    file = here / "run" / "experiment.yaml"
    settings = yaml.safe_load(file.read_bytes())
    assert settings["question"] == " ".join(QUESTIONS)
    file.write_text(json.dumps({**settings, "question": question}))
    assert run_app(["report", "run"]) == 0
    _nothing_is_done(here / "run")


def _nothing_is_done(run: Path) -> None:
    html = (run / "report.html").read_text(encoding="utf-8")
    for made in ("<script>alert(1)", "<script>x", "<img src=x", "javascript:alert(1)]", ">49<"):
        assert made not in html
    page = (run / "report.md").read_text(encoding="utf-8").partition("```yaml")[0]
    assert "<script" not in page
    assert "<img" not in page
