"""A codec that is listened to while it learns, and runs that begin where others ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests import tone_corpus
from tests.test_codec_training import (
    CTC_STAGE,
    DVAE_STAGE,
    VOCODER_STAGE,
    losses,
    train,
    validation,
)
from xtts_lab.checkpoint.codec import load_codec
from xtts_lab.training.corpora import folder as layout
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.ears import Ears
from xtts_lab.training.speech.listener import SHIPPED, WEIGHTS, Listener

NATURAL: dict[str, Any] = {k: v for k, v in VOCODER_STAGE.items() if k != "dvae"}
RULER: dict[str, Any] = {k: v for k, v in CTC_STAGE.items() if k != "dvae"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, a ruler, a DVAE that it listens to, and a vocoder of natural mels."""
    folder = tmp_path_factory.mktemp("listening")
    tone_corpus.write(folder / "tones")
    assert train(folder, "ruler", RULER, 60) == 0
    heard = {**DVAE_STAGE, "listener": "ruler", "dilations": [1, 2], "residual_blocks": 2}
    assert train(folder, "dvae", heard, 25) == 0
    assert train(folder, "natural", NATURAL, 10) == 0
    return folder


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(WEIGHTS / f"{SHIPPED}.safetensors", ("es", "en", "xx"))


@pytest.fixture(scope="module")
def mel() -> Tensor:
    random = torch.Generator().manual_seed(0)
    return Ears(24000)(0.1 * torch.randn(3, 24000, generator=random))


def _heard(listener: Listener, made: Tensor, wanted: Tensor) -> Tensor:
    torch.manual_seed(1)
    frames = torch.full((made.shape[0],), made.shape[-1])
    heard: Tensor = listener(made, wanted, frames, torch.tensor([0, 1, 2])[: made.shape[0]])
    return heard


def test_the_same_is_heard_alike_and_more_noise_less_so(listener: Listener, mel: Tensor) -> None:
    assert float(_heard(listener, mel, mel)) == pytest.approx(0.0, abs=1e-6)
    noise = torch.randn(mel.shape, generator=torch.Generator().manual_seed(2))
    unlike = [float(_heard(listener, mel + amount * noise, mel)) for amount in (0.1, 0.5, 2.0)]
    assert 0.0 < unlike[0] < unlike[1] < unlike[2]


def test_what_is_heard_moves_what_was_made_and_nothing_else(
    listener: Listener, mel: Tensor
) -> None:
    made, wanted = (mel + 0.3).cos().requires_grad_(), mel.clone().requires_grad_()
    _heard(listener, made, wanted).backward()
    assert made.grad is not None
    assert float(made.grad.abs().sum()) > 0.0
    assert wanted.grad is None or not bool(wanted.grad.any())
    assert all(weight.grad is None for weight in listener.parameters())


def test_frames_beyond_a_row_are_not_heard(listener: Listener, mel: Tensor) -> None:
    torch.manual_seed(3)
    frames, languages = torch.tensor([40]), torch.tensor([0])
    other = mel[:1].clone()
    other[..., 40:] += 3.0
    heard = [float(listener(one, mel[:1], frames, languages)) for one in (mel[:1], other)]
    assert heard[0] == pytest.approx(0.0, abs=1e-6)
    assert heard[1] == pytest.approx(0.0, abs=1e-5)


def test_a_dvae_learns_to_be_understood(out: Path) -> None:
    curve = losses(out / "dvae")
    assert curve["heard"].iloc[-5:].mean() < 0.9 * curve["heard"].iloc[:5].mean()
    assert {"mel", "ctc", "heard"} <= set(validation(out / "dvae"))


def test_a_vocoder_begins_from_one_of_natural_mels(out: Path) -> None:
    assert train(out, "vocoder", {**VOCODER_STAGE, "begin": "natural", "listener": "ruler"}, 8) == 0
    begun, alone = losses(out / "vocoder"), losses(out / "natural")
    assert begun["mel"].iloc[0] < 0.9 * alone["mel"].iloc[0]
    assert (begun["heard"] > 0).all()
    assert load_codec(out / "vocoder").vocoder.sample_rate == 24000
    assert not (out / "natural" / "dvae.safetensors").exists()


def test_a_ruler_begins_from_another(out: Path) -> None:
    assert train(out, "second", {**CTC_STAGE, "begin": "ruler"}, 1) == 0
    assert losses(out / "second")["ctc"].iloc[0] < 0.5 * losses(out / "ruler")["ctc"].iloc[0]
    weights = [load_file(out / name / "recogniser.safetensors") for name in ("ruler", "second")]
    assert weights[0].keys() == weights[1].keys()


@pytest.mark.parametrize(
    ("name", "stage", "expected"),
    [
        ("a", {**NATURAL, "vocoder": {"name": "vocos"}}, "stage.vocoder: 'vocos' reads"),
        ("b", {**VOCODER_STAGE, "begin": "nowhere"}, "stage.begin: neither a run"),
        ("c", {**VOCODER_STAGE, "begin": "ruler"}, "vocoder.safetensors"),
        ("d", {**VOCODER_STAGE, "begin": "natural", "channels": 8}, "stage.begin: discriminators"),
        ("e", {**CTC_STAGE, "begin": "ruler", "width": 32}, "stage.begin: its recogniser"),
        ("f", {**CTC_STAGE, "begin": "natural"}, "recogniser.safetensors"),
        ("g", {**DVAE_STAGE, "listener": "natural"}, "recogniser.safetensors"),
        ("h", {**DVAE_STAGE, "dilations": [1, 0]}, "dilations are 1 or more"),
        ("i", {**VOCODER_STAGE, "begin": "natural", "vocoder": {"name": "mel_vocos"}}, "another"),
    ],
)
def test_mistakes_are_named(
    out: Path, name: str, stage: dict[str, Any], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(out, f"wrong-{name}", stage, 2) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told


def test_symbols_are_those_of_the_plan(tmp_path: Path) -> None:
    """So that a run begun on a part of a corpus goes on when more is rendered."""
    corpus = Corpus.open(tone_corpus.write(tmp_path))
    before = Alphabet.of([corpus])
    planned = corpus.items.copy()
    planned["phonemes"] = [f"{told}ŋ" for told in planned["phonemes"]]
    layout.write_table(layout.plan_path(tmp_path), pd.DataFrame(planned))
    after = Alphabet.of([Corpus.open(tmp_path)])
    assert set(after.symbols) - set(before.symbols) == {"ŋ"}
