"""A recogniser that listens to what a codec makes of speech: does it hear what it hears in speech?

A mel distance counts every decibel alike, and a codec of few bits then spends them on what no
listener needs. What the layers of a recogniser make of a mel is near where the words are. B batch,
M bands, F mel frames, N steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn import ctc_weights
from xtts_lab.training.speech.ears import frame_mask
from xtts_lab.training.stage import Context

WEIGHTS = Path(__file__).parents[2] / "weights"
SHIPPED = "world_ctc"
"""The name of the recogniser that comes with the package."""
NOISE = (-7.0, -2.5)
"""The level of the noise under which it listens, against a row's mean, in nats of power."""


class Listener(nn.Module):
    """A recogniser (a file of the stage `ctc`) that is not trained; see `forward`.

    `languages`: those of the numbers that it is told, in their order; one that it does not know
    counts as its first. All on the device that it is put on.
    """

    known: Tensor

    def __init__(self, weights: Path, languages: Sequence[str]) -> None:
        super().__init__()
        knowledge = ctc_weights.knowledge(weights)
        self.recogniser = ctc_weights.load(weights)
        own = knowledge.languages
        numbers = [own.index(name) if name in own else 0 for name in languages]
        self.register_buffer("known", torch.tensor(numbers or [0]), persistent=False)

    def forward(self, made: Tensor, wanted: Tensor, frames: Tensor, languages: Tensor) -> Tensor:
        """How differently two natural-log mels [B, M, F] are heard, of which `frames` [B] count.

        The mean over the layers of the distance of their outputs, as a share of the wanted one's
        size; and the divergence of the phonemes heard in `made` from those in `wanted`, in nats a
        step. Half of the rows are heard under the same noise, so that no trick of the quiet pays.
        """
        made, wanted = _under_noise(made.float(), wanted.detach().float())
        both = torch.cat([made, wanted]), frames.repeat(2), self.known[languages].repeat(2)
        outputs = self.recogniser.layers(*both)
        mask = frame_mask(self.recogniser.steps(frames), outputs[-1].shape[-1])
        told, meant = self.recogniser.told(outputs[-1]).chunk(2)
        apart = functional.kl_div(told, meant.detach(), reduction="none", log_target=True).sum(-1)
        unlike = [_share(one.float(), mask.unsqueeze(1)) for one in outputs]
        return torch.stack(unlike).mean() + (apart * mask).sum() / mask.sum()


def listener(context: Context, setting: str, languages: Sequence[str]) -> Listener:
    """Return the recogniser of a run of the stage `ctc`, or the shipped one."""
    if setting == SHIPPED:
        return Listener(WEIGHTS / f"{SHIPPED}.safetensors", languages)
    return Listener(context.path(setting, "stage.listener") / "recogniser.safetensors", languages)


def _share(both: Tensor, mask: Tensor) -> Tensor:
    """The distance of the first half of the rows from the second, as a share of the second."""
    made, wanted = both.chunk(2)
    return ((made - wanted).abs() * mask).sum() / (wanted.abs() * mask).sum().clamp(min=1e-6)


def _under_noise(made: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    low, high = NOISE
    drawn = torch.rand(2, wanted.shape[0], 1, 1, device=wanted.device)
    level = wanted.mean((1, 2), keepdim=True) + low + (high - low) * drawn[0]
    level = torch.where(drawn[1] < 0.5, level, torch.full_like(level, -1e4))
    return torch.logaddexp(made, level), torch.logaddexp(wanted, level)
