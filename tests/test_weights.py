"""What ships: small enough, readable, fitting together, and saying what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import xtts_lab
from tests.xtts_fixtures import write_voice
from xtts_lab import audio
from xtts_lab.checkpoint.arms import note_of
from xtts_lab.checkpoint.codec import load_codec
from xtts_lab.instruments.world_ctc import WorldCtc
from xtts_lab.systems.copy_synthesis import CopySynthesisSystem
from xtts_lab.types import Clip, Reference, Request, Synthesis

WEIGHTS = Path(xtts_lab.__file__).parent / "weights"
CODEC = WEIGHTS / "nano"


def test_everything_that_ships_is_small() -> None:
    sizes = [file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()]
    assert sum(sizes) <= 40e6
    assert max(sizes) <= 15e6


def test_the_card_names_every_file() -> None:
    card = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    for file in WEIGHTS.rglob("*.safetensors"):
        assert file.name in card or file.parent.name in card


def test_the_codec_copies_speech(tmp_path: Path) -> None:
    codec = load_codec(CODEC)
    assert codec.dvae.code_stride == 512
    assert codec.vocoder.sample_rate == 24000
    samples = audio.load(write_voice(tmp_path / "a.wav", 1.5), 22050).samples.unsqueeze(0)
    codes = codec.dvae(samples)
    assert len(codes.unique()) > 10
    made = codec.copy(samples)
    assert made.shape[1] == pytest.approx(1.5 * 24000, abs=1200)
    assert 0.01 < float(made.abs().max()) <= 1.0


def test_copy_synthesis_knows_it_by_name(tmp_path: Path) -> None:
    target = write_voice(tmp_path / "a.wav", 1.0)
    system = CopySynthesisSystem(codec=Path("nano"), device="cpu")
    (made,) = system.synthesise([Request("a", "en", (), 0, target=target)])
    assert isinstance(made, Synthesis)
    assert torch.isfinite(made.audio.samples).all()
    assert set(system.identity) == {"version", "dvae.safetensors", "vocoder.safetensors"}


def test_the_ruler_says_what_it_knows(tmp_path: Path) -> None:
    judge = WorldCtc(device="cpu")
    assert judge.languages == ("en", "es", "pt")
    floor = judge.identity["floor"]
    assert isinstance(floor, dict)
    assert set(floor) == set(judge.languages)
    (heard,) = judge.measure([Clip(write_voice(tmp_path / "a.wav", 1.0), "es")])
    assert isinstance(heard, dict)
    assert isinstance(heard["text"], str)


def _said(path: Path) -> Reference:
    """With its text, which a VALL-E-style prompt needs."""
    return Reference(path, "What a morning.", "en")


@pytest.mark.parametrize("name", ["nano", "nano-perceiver", "nano-tortoise", "nano-valle"])
def test_the_family_speaks_by_name(tmp_path: Path, name: str) -> None:
    model = xtts_lab.XTTS.from_pretrained(name, device="cpu")
    assert model.languages == {"en", "es", "pt"}
    voice = model.clone_voice([_said(write_voice(tmp_path / "me.wav", 3.0))])
    made = model.synthesise("Good morning.", language="en", voice=voice, seed=1)
    assert made.sample_rate == 24000
    assert 0.3 < made.duration_s < 12.0
    assert 0.02 < float(made.samples.abs().max()) <= 1.0
    other = model.clone_voice([_said(write_voice(tmp_path / "other.wav", 3.0, seed=9))])
    assert not torch.allclose(voice.prefix, other.prefix)


def test_arms_say_where_they_come_from() -> None:
    files = sorted((CODEC / "arms").glob("*.safetensors"))
    assert [file.stem for file in files] == ["perceiver", "tortoise", "valle"]
    for file in files:
        assert "neural16" in note_of(file)
        assert "experiments/train/nano" in note_of(file)
