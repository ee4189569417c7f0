"""What the Perceiver's latents attend to: the shares that its output is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.xtts_fixtures import write_voice
from xtts_lab import XTTS
from xtts_lab.conditioners.perceiver import PerceiverConditioner
from xtts_lab.errors import UsageError
from xtts_lab.nn.perceiver import LatentAttention


@pytest.fixture(scope="module")
def model() -> XTTS:
    return XTTS.from_pretrained("random-tiny", device="cpu")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_voice(tmp_path / "a.wav", 1.5)


def test_the_shares_are_those_that_the_output_is_made_of() -> None:
    torch.manual_seed(0)
    block = LatentAttention(16, heads=2, head_width=8)
    latents, frames = torch.randn(1, 3, 16), torch.randn(1, 7, 16)
    shares = block.weights(latents, frames)
    _, value = block.key_value(torch.cat([latents, frames], dim=1)).chunk(2, dim=-1)
    taken = shares @ value.view(1, 10, 2, 8).transpose(1, 2)
    made = block.out(taken.transpose(1, 2).flatten(2))
    torch.testing.assert_close(made, block(latents, frames))


def test_a_model_says_where_its_latents_look(model: XTTS, clip: Path) -> None:
    found = model.attention(clip)
    conditioner = model.model.conditioner
    assert isinstance(conditioner, PerceiverConditioner)
    layers, latents = len(conditioner.resampler.layers), conditioner.resampler.latents.shape[0]
    assert found.frames.shape[0] == layers
    assert found.frames.shape[2] == found.latents.shape[3] == latents
    whole = found.frames.sum(dim=-1) + found.latents.sum(dim=-1)
    torch.testing.assert_close(whole, torch.ones_like(whole))
    assert 0.0 < found.frames.shape[3] * found.frame_s <= model.model.config.cloning.chunk_s + 0.1


def test_what_has_no_latents_says_so(clip: Path) -> None:
    other = XTTS.from_pretrained("random-tiny", device="cpu", conditioner={"name": "tortoise"})
    with pytest.raises(UsageError, match="'tortoise' has no latents"):
        other.attention(clip)
