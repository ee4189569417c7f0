"""The stage `speaker_encoder`: its loss, what it learns, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.metrics import roc_curve

from tests import tone_corpus
from xtts_lab.checkpoint.speaker_file import (
    SPEAKER_ENCODER,
    load_speaker_encoder,
    save_speaker_encoder,
)
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.nn.speaker_encoder import SpeakerEncoder, SpeakerEncoderConfig
from xtts_lab.training.speaker.losses import equal_error_rate, margin_loss

STAGE: dict[str, Any] = {
    "name": "speaker_encoder", "corpora": ["tones"], "widths": [4, 8], "blocks": [1, 1],
    "attention": 8, "embedding": 16, "rows": 6, "crop_s": 0.4, "lr": 5e-3,
}  # fmt: skip
LOOP = {
    "warmup": 2, "log_every": 1, "validate_every": 1000, "workers": 1, "save_minutes": 1e-9,
}  # fmt: skip


def train(out: Path, name: str, stage: Mapping[str, Any], steps: int) -> int:
    file = out / f"{name}.yaml"
    content = {"name": name, "stage": dict(stage), "training": {**LOOP, "steps": steps}}
    file.write_text(yaml.safe_dump(content))
    return run_app(["train", str(file), "--out", str(out), "--devices", "cpu"])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speakers")
    tone_corpus.write(folder / "tones", utterances=144)
    return folder


def test_the_margin_is_an_angle() -> None:
    """By hand: two centres at right angles, a vector at 30 degrees from its own."""
    vector = torch.tensor([[np.cos(np.pi / 6), np.sin(np.pi / 6)]], dtype=torch.float32)
    centres, speaker = 3.0 * torch.eye(2), torch.tensor([0])
    logits = 10 * np.array([np.cos(np.pi / 6 + 0.2), np.sin(np.pi / 6)])
    expected = np.log(np.exp(logits).sum()) - logits[0]
    loss = margin_loss(vector, centres, speaker, 0.2, 10.0)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert float(margin_loss(vector, centres, speaker, 0.0, 10.0)) < float(loss)
    with torch.autocast("cpu", torch.bfloat16):
        assert float(margin_loss(vector, centres, speaker, 0.2, 10.0)) == pytest.approx(
            expected, rel=5e-2
        )


def test_a_vector_at_its_centre_has_a_gradient_that_is_finite() -> None:
    vector = torch.tensor([[1.0, 0.0]], requires_grad=True)
    margin_loss(vector, torch.eye(2), torch.tensor([0]), 0.2, 30.0).backward()
    assert vector.grad is not None
    assert bool(vector.grad.isfinite().all())


@pytest.mark.parametrize("seed", range(4))
def test_the_equal_error_rate_is_that_of_an_independent_roc(seed: int) -> None:
    random = np.random.default_rng(seed)
    same, different = random.normal(0.7, 0.2, 200), random.normal(0.4, 0.2, 900)
    labels = np.r_[np.ones(200), np.zeros(900)]
    false, true, _ = roc_curve(labels, np.r_[same, different])
    expected = false[np.abs(false - (1 - true)).argmin()]
    found = equal_error_rate(torch.from_numpy(same), torch.from_numpy(different))
    assert found == pytest.approx(expected, abs=0.01)


def test_it_learns_who_speaks(out: Path) -> None:
    assert train(out, "who", STAGE, 25) == 0
    curve = pd.read_csv(out / "who" / "losses.csv")
    assert curve["margin"].iloc[-5:].mean() < 0.7 * curve["margin"].iloc[:5].mean()
    found = pd.read_csv(out / "who" / "validation.csv").iloc[-1]
    assert 0.0 <= found["eer"] < 0.4
    encoder = load_speaker_encoder(out / "who" / SPEAKER_ENCODER)
    assert encoder.config.embedding == 16
    assert not encoder.training


def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xtts_lab.training.speaker.stage import SpeakerEncoderStage

    assert train(out, "whole", STAGE, 8) == 0
    step = SpeakerEncoderStage.step

    def interrupted(self: Any, batch: Any, number: int, update: Any) -> Any:
        if number == 5:
            raise KeyboardInterrupt
        return step(self, batch, number, update)

    with monkeypatch.context() as patched:
        patched.setattr(SpeakerEncoderStage, "step", interrupted)
        assert train(out, "parts", STAGE, 8) == 130
    assert train(out, "parts", STAGE, 8) == 0
    one, other = (pd.read_csv(out / n / "losses.csv").drop(columns="minutes") for n in
                  ("whole", "parts"))  # fmt: skip
    pd.testing.assert_frame_equal(one, other)


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    config = SpeakerEncoderConfig(widths=(4, 8), blocks=(1, 1), attention=8, embedding=12)
    torch.manual_seed(0)
    encoder = SpeakerEncoder(config).eval()
    save_speaker_encoder(tmp_path / SPEAKER_ENCODER, encoder)
    read = load_speaker_encoder(tmp_path / SPEAKER_ENCODER)
    samples = torch.randn(2, 16000)
    assert read.config == config
    torch.testing.assert_close(read(samples), encoder(samples))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "train a speaker encoder first"),
        (b"x", "cannot be read"),
        ({"format": "other"}, "holds no"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, content: bytes | dict[str, str] | None, expected: str
) -> None:
    from safetensors.torch import save_file

    path = tmp_path / SPEAKER_ENCODER
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file({"a": torch.zeros(1)}, path, content)
    with pytest.raises(UsageError, match=expected):
        load_speaker_encoder(path)


def test_sizes_that_do_not_fit_are_refused(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert train(out, "mistaken", {**STAGE, "blocks": [1]}, 2) == 2
    assert "1 do not fit 2 widths" in capsys.readouterr().err


def test_a_gpt_is_conditioned_by_its_vectors(out: Path, tmp_path: Path) -> None:
    """The control `speaker_embedding`: the encoder stays fixed and goes into the checkpoint."""
    import soundfile

    from tests.test_gpt_training import DVAE
    from xtts_lab import XTTS

    if not (out / "who" / SPEAKER_ENCODER).is_file():
        assert train(out, "who", STAGE, 25) == 0
    assert train(out, "dvae", DVAE, 8) == 0
    assert train(out, "codes", {"name": "tokenise", "corpora": ["tones"], "dvae": "dvae"}, 1) == 0
    gpt = {
        "name": "gpt", "corpora": ["tones"], "codes": "codes", "layers": 1, "width": 16, "heads": 2,
        "positions": 400, "reference_s": [0.6, 0.6], "validation_batches": 1,
        "conditioner": {"name": "speaker_embedding", "slots": 2}, "speaker_encoder": "who",
    }  # fmt: skip
    assert train(out, "gpt", gpt, 6) == 0
    curve = pd.read_csv(out / "gpt" / "losses.csv")
    assert curve["audio"].iloc[-1] < curve["audio"].iloc[0]
    model = XTTS.from_pretrained(str(out / "gpt"))
    samples = tone_corpus.tones("aeioustaei", 1.0, np.random.default_rng(0))
    soundfile.write(tmp_path / "a.wav", samples, tone_corpus.RATE)
    voice = model.clone_voice([tmp_path / "a.wav"])
    encoder = load_speaker_encoder(out / "who" / SPEAKER_ENCODER)
    assert voice.embedding.shape == (encoder.config.embedding,)
    assert voice.prefix.shape == (2, 16)
    assert model.synthesise("seis osos", language="es", voice=voice, seed=1).samples.numel() > 0


def test_vectors_are_asked_for_by_name(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gpt = {
        "name": "gpt", "corpora": ["tones"], "codes": "codes", "layers": 1, "width": 16, "heads": 2,
        "conditioner": {"name": "speaker_embedding"},
    }  # fmt: skip
    capsys.readouterr()
    assert train(out, "unnamed", gpt, 2) == 2
    assert "name its run in speaker_encoder" in capsys.readouterr().err
