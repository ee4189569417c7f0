"""References on the command line and on the bench: read as far as used, refused in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from tests.test_api_limits import silence
from tests.xtts_fixtures import write_voice
from xtts_lab import XTTS
from xtts_lab.checkpoint import random_checkpoint
from xtts_lab.cli import run_app
from xtts_lab.model import ModelConfig
from xtts_lab.types import Reference

RATE = 16_000
TINY = ["--checkpoint", "random-tiny", "--max-codes", "4"]


def two_hours(path: Path) -> Path:
    """Ten seconds of noise and the rest of two hours of nothing; sparse, so it takes no disk."""
    noise = np.random.default_rng(0).integers(-3000, 3000, 10 * RATE).astype(np.int16)
    soundfile.write(path, noise, RATE)
    data = bytearray(path.read_bytes())
    size = 2 * 3600 * RATE * 2
    data[4:8], data[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(data)
        file.truncate(44 + size)
    return path


@pytest.mark.parametrize(
    ("parts", "compat", "most_s"),
    [
        ({"conditioner": {"name": "code_prompt"}, "vocoder": {"name": "griffin_lim"}}, False, 10),
        ({"conditioner": {"name": "valle"}, "vocoder": {"name": "griffin_lim"}}, False, 10),
        (
            {
                "conditioner": {"name": "perceiver", "pooling": "concatenate", "max_s": 12.0},
                "vocoder": {"name": "griffin_lim"},
            },
            False,
            34,
        ),
        ({"conditioner": {"name": "no_reference"}, "vocoder": {"name": "griffin_lim"}}, False, 36),
        ({}, True, 36),
    ],
)
def test_two_hours_are_read_as_far_as_they_are_used(
    parts: dict[str, Any], compat: bool, most_s: float, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    read = 0
    original = soundfile.SoundFile.read

    def counted(self: Any, frames: int = -1, *rest: Any, **named: Any) -> Any:
        nonlocal read
        found = original(self, frames, *rest, **named)
        read += len(found)
        return found

    model = XTTS.from_pretrained("random-tiny", device="cpu", coqui_compat=compat, **parts)
    long, other = two_hours(tmp_path / "long.wav"), write_voice(tmp_path / "b.wav", 2.0)
    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    voice = model.clone_voice([Reference(long, "Some words.", "en"), Reference(other, "B.", "en")])
    assert voice.prefix.shape[0] > 0
    assert read <= most_s * RATE + 2 * 22_050


def test_what_is_not_read_changes_nothing(tmp_path: Path) -> None:
    """The part of a reference beyond what is used may be anything."""
    parts = {"conditioner": {"name": "code_prompt"}, "vocoder": {"name": "griffin_lim"}}
    model = XTTS.from_pretrained("random-tiny", device="cpu", **parts)  # type: ignore[arg-type]
    whole, rate = soundfile.read(write_voice(tmp_path / "a.wav", 9.0))
    soundfile.write(tmp_path / "cut.wav", whole[: 5 * rate], rate)
    one, two = (model.clone_voice([tmp_path / name]) for name in ("a.wav", "cut.wav"))
    assert torch.equal(one.prefix, two.prefix)


def test_references_that_are_cut_are_not_too_short(tmp_path: Path) -> None:
    """The last reference may lend a few milliseconds, which are judged with what follows."""
    parts = {"conditioner": {"name": "code_prompt"}, "vocoder": {"name": "griffin_lim"}}
    model = XTTS.from_pretrained("random-tiny", device="cpu", **parts)  # type: ignore[arg-type]
    clips = [write_voice(tmp_path / f"{s}.wav", s, seed=i) for i, s in enumerate((2.9, 2.0, 1.5))]
    voice = model.clone_voice(clips)
    assert voice.left_out == ()
    assert voice.reference_s == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.wav", "--reference: absent.wav: cannot be read as audio (no such file, or no ri"),
        ("folder", "--reference: folder: cannot be read as audio (it is a folder)"),
        ("page.wav", "--reference: page.wav: cannot be read as audio (Format not recognised)"),
        ("empty.wav", "--reference: empty.wav: cannot be read as audio"),
        ("silent.wav", "--reference: silent.wav: is silent (nothing above -80 dBFS)"),
        ("short.wav", "--reference: short.wav: nothing is as long as 0.33 s"),
        ("y" * 300, "(file name too long)"),
        ("no/such.wav", "(no such file, or no right"),
        ("page.wav/inner.wav", "(no such file, or no right"),
    ],
)
@pytest.mark.parametrize("command", ["synthesise", "stream"])
def test_references_that_cannot_be_used(
    name: str, message: str, command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.wav").write_text("<html>")
    (tmp_path / "empty.wav").write_bytes(b"")
    silence(tmp_path / "silent.wav", "antiphase")
    write_voice(tmp_path / "short.wav", 0.2)
    arguments = [command, "Hello.", *TINY, "-l", "en", "--reference", str(tmp_path / name)]
    assert run_app([*arguments, "--out", str(tmp_path / "x.wav")]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert "System error" not in err
    assert not (tmp_path / "x.wav").exists()


def test_what_is_left_out_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    silent = silence(tmp_path / "silent.wav", "zeros")
    spoken = write_voice(tmp_path / "spoken.wav", 2.0)
    flags = ["-l", "en", "-r", str(silent), "-r", str(spoken)]
    out = str(tmp_path / "x.wav")
    assert run_app(["synthesise", "Hello.", *TINY, *flags, "--out", out]) == 0
    err = capfd.readouterr().err
    assert "--reference: silent.wav: is silent (nothing above -80 dBFS); left out\n" in err


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("hi", "--language: language 'hi': this vocabulary has it, but there is no text front end"),
        ("jp", "unknown language 'jp'; did you mean 'ja'?"),
        ("kr", "unknown language 'kr'; did you mean 'ko'?"),
        ("cn", "unknown language 'cn'; did you mean 'zh-cn'?"),
        ("english", "unknown language 'english'; did you mean 'en'?"),
        ("xx", "unknown language 'xx'; known: ar, cs, de"),
    ],
)
def test_languages_on_the_command_line(
    language: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.wav")
    arguments = ["synthesise", "Hello.", *TINY, "--voice", "one", "-l", language, "--out", out]
    assert run_app(arguments) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("lacking", ["hu", "ja", "en"])
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_language_that_the_vocabulary_lacks_is_refused_at_planning(
    lacking: str, command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "checkpoint"
    random_checkpoint(folder, ModelConfig.tiny(), speakers=("one",))
    data = json.loads((folder / "vocab.json").read_text())
    data["model"]["vocab"][f"not {lacking}"] = data["model"]["vocab"].pop(f"[{lacking}]")
    data["added_tokens"] = [t for t in data["added_tokens"] if t["content"] != f"[{lacking}]"]
    (folder / "vocab.json").write_text(json.dumps(data))
    experiment = {
        "name": "x",
        "systems": {"x": {"name": "xtts", "checkpoint": str(folder), "voice": "one"}},
        "texts": {"name": "builtin", "languages": ["de", lacking], "per_language": 1},
        "metrics": [{"name": "duration"}],
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(experiment))
    out = ["--out", str(tmp_path / "out")]
    assert run_app([command, str(tmp_path / "x.yaml"), *out]) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert f"systems.x: does not speak {lacking}; leave them out of texts.languages" in err
    assert not (tmp_path / "out").exists()


def test_a_trial_records_what_was_left_out(tmp_path: Path) -> None:
    silence(tmp_path / "silent.wav", "dither")
    write_voice(tmp_path / "spoken.wav", 2.0)
    rows = [
        {"id": "mixed", "references": ["silent.wav", "spoken.wav"]},
        {"id": "fine", "references": ["spoken.wav"]},
        {"id": "lost", "references": ["silent.wav"]},
    ]
    said = {"text": "Hello.", "language": "en", "speaker": "s"}
    lines = "".join(json.dumps({**row, **said}) + "\n" for row in rows)
    (tmp_path / "m.jsonl").write_text(lines)
    experiment = {
        "name": "x",
        "systems": {"x": {"name": "xtts", "checkpoint": "random-tiny", "max_codes": 4}},
        "texts": {"name": "manifest", "path": str(tmp_path / "m.jsonl")},
        "metrics": [{"name": "duration"}],
        "sanity": False,
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(experiment))
    assert run_app(["run", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "out")]) == 1
    trials = pd.read_parquet(tmp_path / "out" / "trials.parquet").set_index("utterance_id")
    left_out = trials["references_left_out"]
    assert left_out["mixed"] == "silent.wav: is silent (nothing above -80 dBFS)"
    assert left_out[["fine", "lost"]].isna().all()
    assert trials["status"].to_dict() == {"mixed": "ok", "fine": "ok", "lost": "failed"}
    assert "silent.wav: is silent" in trials["error"]["lost"]
