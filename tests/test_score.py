"""`xtts-lab score`: the same numbers as the experiment path; bad audio is a recorded failure."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from xtts_lab.audio import AudioError, save
from xtts_lab.cli import run_app
from xtts_lab.data.sentences import builtin
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.systems.files import FilesSystem
from xtts_lab.systems.sound_files import read_bounded
from xtts_lab.types import Failure, Request

RATE = 16_000
NOISE = np.random.default_rng(0).uniform(-0.1, 0.1, RATE).astype(np.float32)


def wav_of(samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Callable[..., None]:
    return lambda path: soundfile.write(path, samples, rate, subtype=subtype, format="WAV")


def bytes_of(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content)


def with_header(change: Callable[[bytearray], object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        soundfile.write(path, NOISE, RATE, format="WAV")
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    return write


def sparse(seconds: int, rate: int = 48_000, channels: int = 2) -> Callable[[Path], None]:
    """A WAV of silence that takes no disk: its end is a hole in the file."""

    def write(path: Path) -> None:
        size = seconds * rate * channels * 2
        head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", size + 36, b"WAVEfmt ", 16, 1, channels,
                           rate, rate * channels * 2, channels * 2, 16, b"data", size)  # fmt: skip
        with path.open("wb") as file:
            file.write(head)
            file.truncate(44 + size)

    return write


NAN = np.where(np.arange(RATE) == 99, np.nan, NOISE)
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda _: None, "no file 'no file.wav' in the folder"),
    "folder": (Path.mkdir, "no file 'folder.wav' in the folder"),
    "no bytes": (bytes_of(b""), "cannot be read as audio"),
    "text": (bytes_of(b"not found\n"), "cannot be read as audio"),
    "header alone": (wav_of(NOISE[:0]), "holds no samples"),
    "half a header": (bytes_of(b"RIFF\x24\0\0\0WAVEfmt "), "cannot be read as audio"),
    "NaN": (wav_of(NAN, subtype="FLOAT"), "not finite"),
    "infinite": (wav_of(np.full(RATE, np.inf), subtype="FLOAT"), "not finite"),
    "one sample": (wav_of(NOISE[:1]), "lasts 0.062 ms, less than 20"),
    "two hours": (sparse(7200), "lasts 7200 s, over the limit of 600 s"),
    "rate of 1 Hz": (with_header(lambda d: d.__setitem__(slice(24, 28), b"\1\0\0\0")), "1 Hz"),
    "rate of 4 GHz": (with_header(lambda d: d.__setitem__(slice(24, 28), b"\xff" * 4)), "Hz|read"),
    "200 channels": (sparse(1, 8000, 200), "200 channels"),
    "wrong format code": (with_header(lambda d: d.__setitem__(20, 0x77)), "cannot be read"),
}
ODD: dict[str, tuple[Callable[[Path], object], float]] = {
    "8 kHz": (wav_of(NOISE[: RATE // 2], 8000), 1.0),
    "stereo": (wav_of(np.stack([NOISE, -NOISE / 2], axis=1)), 1.0),
    "header too long": (with_header(lambda d: d.__setitem__(slice(40, 44), b"\xf0" * 4)), 1.0),
    "cut off": (with_header(lambda d: d.__delitem__(slice(RATE + 44, None))), 0.5),
    "a name in FLAC": (lambda p: soundfile.write(p, NOISE, RATE, format="FLAC"), 1.0),
    "prime rate": (wav_of(NOISE, 15_991), RATE / 15_991),
    "clipped": (wav_of(NOISE * 50, subtype="FLOAT"), 1.0),
    "silence": (wav_of(NOISE * 0), 1.0),
}


def test_bad_audio_fails_its_row_and_odd_audio_is_scored(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "made").mkdir()
    for name, (make, _) in {**BAD, **ODD}.items():
        make(tmp_path / "made" / f"{name}.wav")
    rows = [{"id": name, "text": "Hello.", "language": "en"} for name in (*BAD, *ODD)]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    arguments = ["score", tmp_path / "m.jsonl", "--audio", tmp_path / "made", "--metrics",
                 "duration", "--out", tmp_path / "run"]  # fmt: skip
    assert run_app(list(map(str, arguments))) == 1
    assert "Traceback" not in capfd.readouterr().err
    trials = pd.read_parquet(tmp_path / "run/trials.parquet").set_index("utterance_id")
    assert list(trials.index) == [*BAD, *ODD]
    assert list(trials["status"]) == ["failed"] * len(BAD) + ["ok"] * len(ODD)
    for name, (_, message) in BAD.items():
        assert trials.loc[name, "error"].count("\n") == 0
        assert str(tmp_path) not in trials.loc[name, "error"]
        assert any(part in trials.loc[name, "error"] for part in message.split("|")), name
    for name, (_, duration_s) in ODD.items():
        assert trials.loc[name, "duration_s"] == pytest.approx(duration_s, abs=1e-3), name
    failures = pd.read_csv(tmp_path / "run/failures.csv", keep_default_na=False)
    assert list(failures["utterance_id"]) == list(BAD)


def test_two_hours_are_refused_without_filling_the_memory(tmp_path: Path) -> None:
    code = """
import resource, sys, torch, soundfile
from pathlib import Path
from xtts_lab.systems.files import FilesSystem
from xtts_lab.types import Request
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(result,) = FilesSystem().synthesise([Request("t", "en", (), 0, audio=Path(sys.argv[1]))])
print(result.error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    sparse(7200)(tmp_path / "long.wav")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "long.wav")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    error, kilobytes = done.stdout.splitlines()
    assert error == "long.wav: lasts 7200 s, over the limit of 600 s (max_duration_s)"
    assert int(kilobytes) < 100_000


def test_the_limit_can_be_moved_and_reading_is_exact(tmp_path: Path) -> None:
    stereo = np.stack([NOISE, NOISE / 2], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE, subtype="FLOAT")
    audio = read_bounded(tmp_path / "a.wav", 1.0)
    assert audio.sample_rate == RATE
    assert np.allclose(audio.samples.numpy(), stereo.mean(axis=1), atol=1e-7)
    with pytest.raises(AudioError, match=r"over the limit of 0.5 s"):
        read_bounded(tmp_path / "a.wav", 0.5)


def test_a_folder_is_looked_up_by_id_and_never_left(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("out.wav", "in/sub/a.flac", "in/b.wav"):
        soundfile.write(tmp_path / name, NOISE, RATE)
    system = FilesSystem(folder=tmp_path / "in")
    ids = ["sub/a", "b", "../out", str(tmp_path / "out"), "", "c", "n" * 5000]
    results = list(system.synthesise([Request("t", "en", (), 0, id=i) for i in ids]))
    assert [isinstance(result, Failure) for result in results] == [False] * 2 + [True] * 5
    before = system.identity
    soundfile.write(tmp_path / "in/b.wav", NOISE / 2, RATE)
    assert system.identity != before


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A meta.lst of 8 espeak-ng clips that copy 4 prompts, and what was made of it."""
    folder = tmp_path_factory.mktemp("eight")
    fast, slow = EspeakSystem(speed_wpm=240), EspeakSystem(speed_wpm=140)
    texts = [s.text for s in (*builtin("en")[:4], *builtin("de")[:4])]
    lines = []
    for number, text in enumerate(texts):
        (made,) = fast.synthesise([Request(text, "en", (), 0)])
        save(folder / "made" / f"u{number:02d}.wav", made.audio)
        prompt = f"prompts/p{number % 4}.wav"
        (said,) = slow.synthesise([Request(f"I am speaker number {number % 4}.", "en", (), 0)])
        save(folder / prompt, said.audio)
        lines.append(f"u{number:02d}|I am speaker number {number % 4}.|{prompt}|{text}")
    (folder / "meta.lst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_score_gives_the_numbers_of_the_experiment(eight: Path, tmp_path: Path) -> None:
    """The experiment, written by hand from rows, gives the same tables as the one-line command."""
    assert len((eight / "meta.lst").read_text().splitlines()) == 8
    scored, ran = tmp_path / "scored", tmp_path / "ran"
    metrics = ["--metrics", "secs,duration", "--language", "en", "--no-cache"]
    command = ["score", str(eight / "meta.lst"), "--audio", str(eight / "made"), *metrics]
    assert run_app([*command, "--out", str(scored)]) == 0
    rows = []
    for line in (eight / "meta.lst").read_text(encoding="utf-8").splitlines():
        uid, said, prompt, text = line.split("|")
        row = {"id": uid, "text": text, "language": "en", "audio": f"made/{uid}.wav"}
        rows.append({**row, "references": [{"audio": prompt, "text": said}]})
    (eight / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    experiment = {
        "name": "by-hand",
        "systems": {"made": {"name": "files"}},
        "texts": {"name": "manifest", "path": str(eight / "items.jsonl")},
        "pairing": "own",
        "metrics": [{"name": "secs", "encoder": "resemblyzer"}, {"name": "duration"}],
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(experiment))
    assert run_app(["run", str(tmp_path / "x.yaml"), "--out", str(ran)]) == 0
    for table in ("scores.parquet", "trials.parquet"):
        one, other = (pd.read_parquet(folder / table) for folder in (scored, ran))
        wall = [c for c in ("synthesis_s",) if c in one]
        pd.testing.assert_frame_equal(one.drop(columns=wall), other.drop(columns=wall))
    assert (scored / "summary.csv").read_bytes() == (ran / "summary.csv").read_bytes()
    scores = pd.read_parquet(scored / "scores.parquet")
    assert (scores["metric"] == "secs.resemblyzer.prompt").sum() == 8
    assert scores["value"].notna().all()
    # What the run folder holds is an experiment that can be run again.
    again = ["run", str(scored / "experiment.yaml"), "--out", str(tmp_path / "again")]
    assert run_app(again) == 0
    assert (tmp_path / "again/summary.csv").read_bytes() == (ran / "summary.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["meta.lst"], "--language"),
        (["meta.lst", "--language", "en"], "--audio"),
        (["meta.lst", "--language", "xx", "--audio", "made"], "unknown language 'xx'"),
        (["meta.lst", "--language", "en", "--audio", "nowhere"], "'nowhere' is no folder"),
        (["meta.lst", "--language", "en", "--audio", "made", "--metrics", "wear"], "'wer'"),
        (["meta.lst", "--language", "en", "--audio", "made", "--metrics", ","], "--metrics"),
        (["meta.lst", "--language", "en", "--audio", "made", "--system", "a b"], "systems.a b"),
        (["meta.lst", "--language", "en", "--audio", "made", "--languages", "fr"], "'fr'"),
        (["meta.lst", "--language", "en", "--audio", "made", "--max-duration-s", "0"], "above 0"),
        (["meta.lst", "--language", "en", "--audio", "made", "--format", "tsv"], "format"),
        (["meta.lst", "--language", "en", "--audio", "made", "--root", "nowhere"], "no folder"),
        (["absent.csv"], "absent.csv: cannot be read"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    eight: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(eight)
    assert run_app(["score", *arguments]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not (eight / "runs").exists()
