"""What every conditioner declares. B batch, T samples, N prefix, D width, E embedding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from xtts_lab.errors import UsageError

Reads = Literal["audio", "codes", "speaker", "nothing"]
Pooling = Literal["mean", "concatenate"]


@dataclass(frozen=True)
class Intake:
    """What a conditioner is given of the references, and how several become one prefix.

    `reads`: samples [B, T] at `sample_rate`, the DVAE's codes [B, N], speaker vectors [B, E], or
    nothing. Audio comes in chunks of `chunk_s` (None: the checkpoint's own; infinite: whole).
    With the pooling `mean` every reference is cut by itself, and the prefix is the mean over all
    chunks, weighted by duration, however many there are. With `concatenate`, as for codes,
    references are joined in their order and cut at `max_s`, and the chunks' prefixes follow each
    other. Raises `UsageError` for lengths that are not over 0.
    """

    reads: Reads = "audio"
    sample_rate: int = 22050
    chunk_s: float | None = None
    max_s: float = math.inf
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        for name, seconds in (("chunk", self.chunk_s), ("max_s", self.max_s)):
            if seconds is not None and not seconds > 0.0:
                raise UsageError(f"{name}: {seconds:g} seconds do not work; give more than 0")


def widened(inner: int | None, width: int) -> tuple[int, nn.Module]:
    """An encoder's width, and what makes the GPT's of it: nothing where they are the same.

    Small models spend their parameters in the GPT: an encoder may be narrower (`encoder_width`).
    """
    if inner is None or inner == width:
        return width, nn.Identity()
    return inner, nn.Linear(inner, width)


class Conditioner(nn.Module):
    """The base of all conditioners: what differs from these defaults, a class sets itself.

    `prefix_kind`: latents [N, D] may be averaged and blended, codes [N] may not. `continues`: the
    codes begin the output sequence, after the prompt's text and the target's, instead of standing
    before the text (VALL-E); such a conditioner needs to know what its references say. `anew`: the
    positions of what is asked for begin anew after such a prompt (`nn.gpt.places`).
    `inference_settings` may differ from those of training: with them weights stay what they are.
    """

    prefix_kind: ClassVar[Literal["latents", "codes"]] = "latents"
    continues: ClassVar[bool] = False
    anew: bool = False
    inference_settings: ClassVar[frozenset[str]] = frozenset()

    @property
    def intake(self) -> Intake:
        """What `forward` reads."""
        return Intake()

    def embed(self, codes: Tensor) -> Tensor:
        """Codes [N] -> the prefix [N, D] that they stand for, where codes are a prefix."""
        raise NotImplementedError(f"{type(self).__name__} makes no prefix of codes")
