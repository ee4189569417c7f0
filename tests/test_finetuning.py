"""Fine-tuning: a published checkpoint, its own vocabulary and DVAE, and recorded human speech."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from xtts_lab import XTTS
from xtts_lab.checkpoint import load, random_checkpoint
from xtts_lab.cli import run_app
from xtts_lab.model import ModelConfig, part
from xtts_lab.nn.dvae import DvaeConfig
from xtts_lab.training.corpora.reader import Corpus


def train(out: Path, name: str, stage: dict[str, object], steps: int, **loop: object) -> int:
    file = out / f"{name}.yaml"
    training = {"steps": steps, "warmup": 0, "decay": 0.0, "log_every": 1, "average": 0.0, **loop}
    file.write_text(yaml.safe_dump({"name": name, "stage": stage, "training": training}))
    return run_app(["train", str(file), "--out", str(out), "--devices", "cpu"])


@pytest.fixture(scope="module")
def out(speech_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten transcribed clips of the human speech pack as a corpus."""
    folder = tmp_path_factory.mktemp("finetune")
    with (speech_pack / "manifest.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["transcript"] and r["language"] == "en"]
    short = sorted(rows, key=lambda r: float(r["duration_s"]))[2:12]
    for index, row in enumerate(short):
        row["path"] = str(speech_pack / row["path"])
        row["split"] = "dev" if index < 2 else "train"
        row["speaker"] = f"{row['split']}-{row['speaker']}"
    (folder / "pack").mkdir()
    with (folder / "pack" / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, short[0].keys())
        writer.writeheader()
        writer.writerows(short)
    arguments = ["--from", str(folder / "pack"), "--layout", "manifest", "--out"]
    assert run_app(["corpus", "recordings", *arguments, str(folder / "human")]) == 0
    assert len(Corpus.open(folder / "human").items) == 10
    return folder


def test_it_lowers_the_loss_of_a_full_architecture_of_reduced_depth(out: Path) -> None:
    """Widths, vocabulary, codes and mels of XTTS-v2, one layer of each kind; the rest is small."""
    conditioner = part("conditioners", "perceiver", encoder_blocks=1, depth=1)
    full = ModelConfig(
        conditioner=conditioner,
        vocoder=part("vocoders", "hifigan", channels=32),
        speaker_encoder=ModelConfig.tiny().speaker_encoder,
        dvae=DvaeConfig(residual_blocks=1),
    ).reduced(1)
    random_checkpoint(out / "published", full)
    checkpoint = str(out / "published")
    codes: dict[str, object] = {
        "name": "tokenise", "corpora": ["human"], "checkpoint": checkpoint,
    }  # fmt: skip
    assert train(out, "codes", codes, 1) == 0
    stage: dict[str, object] = {
        "name": "finetune", "checkpoint": checkpoint, "corpora": ["human"], "codes": "codes",
        "positions": 250, "reference_s": [1.0, 2.0], "lr": 1e-3, "validation_batches": 1,
    }  # fmt: skip
    assert train(out, "tuned", stage, 5, validate_every=5) == 0
    losses = pd.read_csv(out / "tuned" / "losses.csv")["audio"]
    assert losses.tail(2).mean() < losses.head(2).mean() - 0.5
    tuned, before = load(out / "tuned"), load(checkpoint)
    assert torch.equal(
        tuned.model.vocoder.state_dict()["generator.output.weight"],
        before.model.vocoder.state_dict()["generator.output.weight"],
    )
    assert not torch.equal(tuned.model.gpt.audio_head.weight, before.model.gpt.audio_head.weight)
    assert tuned.config.gpt == before.config.gpt


@pytest.mark.parametrize("self_masked", [False, True])
def test_a_tiny_checkpoint_is_tuned_and_speaks(out: Path, self_masked: bool) -> None:
    name = f"tiny-{self_masked}"
    codes: dict[str, object] = {
        "name": "tokenise", "corpora": ["human"], "checkpoint": "random-tiny", "into": "tiny-codes",
    }  # fmt: skip
    assert train(out, f"codes-{name}", codes, 1) == 0
    stage: dict[str, object] = {
        "name": "finetune", "checkpoint": "random-tiny", "corpora": ["human"],
        "codes": "tiny-codes", "positions": 300, "reference_s": [1.0, 2.0], "lr": 3e-3,
        "self_masked": self_masked, "validation_batches": 1,
    }  # fmt: skip
    assert train(out, name, stage, 12) == 0
    losses = pd.read_csv(out / name / "losses.csv")["audio"]
    assert losses.tail(3).mean() < losses.head(3).mean()
    model = XTTS.from_pretrained(out / name, device="cpu")
    assert set(model.voices) == {"one", "two"}
    spoken = model.synthesise("Good day.", language="en", voice="one", max_codes=10)
    assert torch.isfinite(spoken.samples).all()


def test_a_checkpoint_without_a_dvae_cannot_be_tokenised_with(
    out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random_checkpoint(out / "without", ModelConfig.tiny(layers=1))
    for file in ("dvae.pth", "mel_stats.pth"):
        (out / "without" / file).unlink()
    codes: dict[str, object] = {
        "name": "tokenise", "corpora": ["human"], "checkpoint": str(out / "without"),
    }  # fmt: skip
    assert train(out, "no-codes", codes, 1) == 2
    assert "has no DVAE" in capfd.readouterr().err
