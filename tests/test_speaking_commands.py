"""`synthesise`, `stream` and `voices` on the command line, and the system `xtts` on the bench."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from xtts_lab import audio
from xtts_lab.cli import run_app
from xtts_lab.types import Audio

TINY = ["--checkpoint", "random-tiny", "--language", "en", "--max-codes", "8"]


def _reference(folder: Path) -> Path:
    noise = torch.randn(32_000, generator=torch.Generator().manual_seed(0)) * 0.1
    audio.save(folder / "ref.wav", Audio(noise, 16_000))
    return folder / "ref.wav"


def test_stream_writes_what_synthesise_writes(tmp_path: Path) -> None:
    reference = ["--reference", str(_reference(tmp_path)), "--seed", "4"]
    whole, chunks = tmp_path / "whole.wav", tmp_path / "chunks.wav"
    assert run_app(["synthesise", "Good day.", *TINY, *reference, "--out", str(whole)]) == 0
    assert run_app(["stream", "Good day.", *TINY, *reference, "--out", str(chunks)]) == 0
    one, two = audio.load(whole), audio.load(chunks)
    torch.testing.assert_close(one.samples, two.samples, rtol=0.0, atol=2e-4)


def test_voices_are_listed_and_speak(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["voices", "random-tiny"]) == 0
    assert capfd.readouterr().out.split() == ["one", "two"]
    out = tmp_path / "x.wav"
    assert run_app(["synthesise", "Hi.", *TINY, "--voice", "two", "--out", str(out)]) == 0
    assert audio.load(out).sample_rate == 24_000


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--voice", "three"], "unknown voice 'three'"),
        ([], "either --reference"),
        (["--voice", "one", "--reference", "x.wav"], "either --reference"),
        (["--reference", "absent.wav"], "absent.wav"),
        (["--voice", "one", "--language", "xx"], "unknown language 'xx'"),
        (["--voice", "one", "--checkpoint", "nowhere"], "no such folder"),
        (["--voice", "one", "--out", "no/such/folder.wav"], "folder that exists"),
        (["--voice", "one", "--device", "cuda:77"], "device 'cuda:77'"),
    ],
)
def test_mistakes_are_one_line(
    flags: list[str],
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(["synthesise", "Hello.", *TINY, "--out", "x.wav", *flags]) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.iterdir())


EXPERIMENT = {
    "name": "x",
    "systems": {"x": {"name": "xtts", "checkpoint": "random-tiny", "max_codes": 8}},
    "texts": {"name": "builtin", "languages": ["en", "ja"], "per_language": 2},
    "speakers": {"name": "synthetic", "count": 2},
    "repeats": 2,
    "metrics": [{"name": "duration"}],
}


def _run(folder: Path, name: str, **system: object) -> Path:
    changed = {**EXPERIMENT["systems"]["x"], **system}  # type: ignore[index]
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**EXPERIMENT, "systems": {"x": changed}}))
    assert run_app(["run", str(file), "--out", str(folder / name), "--no-cache"]) == 0
    return folder / name


def test_random_weights_are_said_and_settings_of_the_checkpoint_shown(tmp_path: Path) -> None:
    run = _run(tmp_path, "a")
    trials = pd.read_parquet(run / "trials.parquet")
    assert trials["weights_random"].all()
    assert set(trials["stop"]) <= {"limit", "end"}
    assert "random" in (run / "report.md").read_text()
    resolved = yaml.safe_load((run / "experiment.yaml").read_text())["systems"]["x"]
    assert resolved["sampling"]["temperature"] == 0.75
    assert resolved["sampling"]["top_k"] == 50


def test_batches_and_workers_change_no_code(tmp_path: Path) -> None:
    one = pd.read_parquet(_run(tmp_path, "one") / "trials.parquet")
    many = pd.read_parquet(_run(tmp_path, "many", batch_size=3) / "trials.parquet")
    assert (one["duration_s"] == many["duration_s"]).all()
    for a, b in zip(one["audio_path"], many["audio_path"], strict=True):
        torch.testing.assert_close(
            audio.load(tmp_path / "one" / a).samples,
            audio.load(tmp_path / "many" / b).samples,
            rtol=0.0,
            atol=2e-4,
        )
    repeats = one.groupby("utterance_id")["audio_sha256"].nunique()
    assert (repeats == 2).all()
