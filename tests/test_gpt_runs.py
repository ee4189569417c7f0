"""What becomes of trained runs: arms in fp16, checkpoints of shared parts, codes of speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tone_corpus
from tests.test_gpt_training import CONDITIONERS, out, stage_of, train
from xtts_lab import XTTS
from xtts_lab.audio import save
from xtts_lab.checkpoint import arms, builtin, load
from xtts_lab.checkpoint.builtin import builtin_folder
from xtts_lab.errors import UsageError
from xtts_lab.inference.voice import clone
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.gpt.sampling import prefix_of
from xtts_lab.types import Audio, Reference

__all__ = ["out"]  # the fixture


@pytest.fixture(scope="module")
def runs(out: Path) -> Path:
    for name in CONDITIONERS:
        assert train(out, f"run-{name}", stage_of(name), 2) == 0
    return out


@pytest.mark.parametrize("name", CONDITIONERS)
def test_sampling_hears_what_cloning_hears(runs: Path, name: str) -> None:
    """The prefix from the corpus's samples is the one of the same audio as a file."""
    model = load(runs / f"run-{name}").model
    pcm = np.concatenate(
        [tone_corpus.tones("aeioust", 1.0, np.random.default_rng(i)) for i in (0, 1)]
    )
    samples = torch.from_numpy(pcm.astype(np.float32) / 32768.0)
    save(runs / "heard.wav", Audio(samples, 24000))
    cloned = clone(model, [Reference(runs / "heard.wav", "aeioust", "es")]).voice.prefix
    with torch.inference_mode():
        heard = prefix_of(model, Resampler(24000, model.conditioner.intake.sample_rate)(samples))
    assert heard.shape == cloned.shape
    if heard.is_floating_point():
        torch.testing.assert_close(heard, cloned, rtol=1e-3, atol=1e-3)
    else:
        assert float((heard == cloned).float().mean()) > 0.9


def test_an_arm_and_its_codec_are_the_run_again(runs: Path, tmp_path: Path) -> None:
    arm = tmp_path / "perceiver.safetensors"
    arms.write_arm(runs / "run-perceiver", arm, "a note")
    assert arms.note_of(arm) == "a note"
    vocabulary = runs / "codes" / "vocab.json"
    arms.assemble(tmp_path / "whole", arm, runs / "codes", vocabulary, "whole")
    one, two = (
        XTTS.from_pretrained(p, device="cpu") for p in (runs / "run-perceiver", tmp_path / "whole")
    )
    assert two.model.config == one.model.config
    for (name, first), second in zip(
        one.model.state_dict().items(), two.model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(second, first, rtol=2e-3, atol=1e-4, msg=name)
    assert "a note" in (tmp_path / "whole" / "README.md").read_text()


def test_a_foreign_codec_is_refused(runs: Path, tmp_path: Path) -> None:
    arm = tmp_path / "a.safetensors"
    arms.write_arm(runs / "run-tortoise", arm)
    other = {
        "name": "dvae", "corpora": ["tones"], "levels": [4, 4], "autoencoder_steps": 1,
        "validation_batches": 1, "width": 16, "layers": 1, "residual_blocks": 1, "seconds": 4.0,
        "ctc_width": 16,
    }  # fmt: skip
    assert train(runs, "other-dvae", other, 1) == 0
    with pytest.raises(UsageError, match=r"a\.safetensors: was trained on another codec"):
        arms.assemble(tmp_path / "x", arm, runs / "other-dvae", runs / "codes" / "vocab.json", "x")
    with pytest.raises(UsageError, match="holds no arm"):
        arms.assemble(tmp_path / "x", runs / "dvae" / "dvae.safetensors", runs / "codes", arm, "x")
    assert not (tmp_path / "x").exists()


def test_the_family_in_the_package_opens_by_name(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = tmp_path / "nano"
    (family / "arms").mkdir(parents=True)
    monkeypatch.setattr(builtin, "NANO", family)
    assert builtin_folder("nano") is None
    for name in ("perceiver", "valle"):
        arms.write_arm(runs / f"run-{name}", family / "arms" / f"{name}.safetensors")
    arms.halve(runs / "codes" / "dvae.safetensors", family / "dvae.safetensors")
    (family / "vocab.json").write_bytes((runs / "codes" / "vocab.json").read_bytes())
    assert builtin.names() == ("random-tiny", "nano", "nano-perceiver", "nano-valle")
    assert builtin_folder("nano") == builtin_folder("nano-perceiver")
    model = XTTS.from_pretrained("nano-valle", device="cpu")
    assert model.model.config.conditioner.name == "valle"
    assert model.model.vocoder.reads == "mel"


def test_runs_say_the_test_speakers_sentences(runs: Path) -> None:
    stage = {
        "name": "sample", "runs": ["run-perceiver", "run-valle"], "corpus": "tones",
        "split": "train", "reference_s": [0.7], "guidance": [1.0, 2.0], "batch": 3,
    }  # fmt: skip
    assert train(runs, "heard", stage, 1) == 0
    for name in ("run-perceiver", "run-valle"):
        with np.load(runs / "heard" / name / "0.7s-1.npz") as data:
            assert len(data["ids"]) == len(set(data["ids"])) == len(data["counts"]) > 4
            assert data["counts"].sum() == len(data["codes"])
            assert data["codes"].max() < 80
        assert (runs / "heard" / name / "0.7s-2.npz").is_file()
    assert train(runs, "nothing", {**stage, "runs": ["no-*"]}, 1) == 2
    assert train(runs, "nobody", {**stage, "split": "test"}, 1) == 2
