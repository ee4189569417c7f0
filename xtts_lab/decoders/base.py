"""What every decoder declares. B batch, N prefix, D width, S text, L levels, n frames, V codes.

A decoder says what becomes of text and prefix beside and after the model's GPT, which is always
there: it reads them, and draws codes of the first level one after the other. A decoder may have it
draw several levels at once, complete what it drew, or do without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from xtts_lab.errors import UsageError
from xtts_lab.nn.frame_net import Frames
from xtts_lab.types import ModelSizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Draft:
    """One thing to say, as far as it is decoded.

    `prefix` [N, D]; `text` int64 [S] without start and stop; `codes` int64 [K + n] of the first
    level, of which the first `prompted` K are the voice's and not part of the result, or those K
    alone where a decoder works without the GPT. `frames`: how many are wanted, None if that is for
    the decoder to say; never more than `limit`. `guidance` over 1 moves away from what would be
    said without the prefix (see `inference.guidance`), also in networks beside the GPT.
    """

    prefix: Tensor
    text: Tensor
    codes: Tensor
    prompted: int
    seed: int
    frames: int | None
    limit: int
    guidance: float = 1.0


@dataclass(frozen=True, eq=False)
class Example:
    """A batch to learn from: `frames` with all codes, and of each row how many of them are the
    voice's (`prompted` [B]; of those only the first level is known); and what was drawn of the
    row: the `level` [B] to predict, and which of its codes are `hidden` [B, M] bool."""

    frames: Frames
    prompted: Tensor
    level: Tensor
    hidden: Tensor


class Decoder(nn.Module):
    """The base of all decoders: what differs from these defaults, a class sets itself.

    `streams`: codes become final while others are still to come. `drafts`: the GPT draws codes
    one after the other, of `depth` levels a step; else `finish` alone makes them. `levels` are
    those of the result. `inference_settings` may differ from those of training.
    """

    streams: ClassVar[bool] = False
    inference_settings: ClassVar[frozenset[str]] = frozenset()

    levels: int
    drafts: bool = True
    depth: int = 1

    def finish(self, drafts: Sequence[Draft]) -> list[Tensor]:
        """The codes [L, n] of each draft, prompt left out; every row as it would be alone."""
        return [draft.codes[draft.prompted :].unsqueeze(0) for draft in drafts]

    def draw(
        self, random: np.random.Generator, lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
        """For training: of rows of so many frames the level to predict, and what to hide of it."""
        import numpy as np

        del random
        return np.zeros(len(lengths), dtype=np.int64), [np.zeros(n, dtype=bool) for n in lengths]

    def losses(self, example: Example) -> Mapping[str, Tensor]:
        """What is learned beside the GPT: losses in nats a code, that are added up."""
        del example
        return {}

    def beside(self, codes: Tensor) -> Tensor:
        """Where `depth` is more than 1: codes [B, depth - 1, M] of the levels after the first, -1
        for none, -> what is added to the GPT's embedding of the first's, [B, M, D]."""
        raise NotImplementedError(f"{type(self).__name__} draws one code a step")

    def others(self, states: Tensor) -> Tensor:
        """Where `depth` is more than 1: the GPT's states [..., D] -> logits [..., depth - 1, V] of
        the levels after the first."""
        raise NotImplementedError(f"{type(self).__name__} draws one code a step")

    @property
    def repeated(self) -> list[nn.Module]:
        """Blocks that are worth compiling, and whose matrices Muon moves."""
        return []


def several(sizes: ModelSizes) -> int:
    """How many levels there are; `UsageError` where there is only one."""
    if sizes.levels < 2:
        raise UsageError(
            "it makes codes of several levels, and the checkpoint's codec has one; train on those "
            "of a residual codec (stage rvq)"
        )
    return sizes.levels


def noise(seed: int, *shape: int) -> Tensor:
    """Random numbers in [0, 1) that depend on a seed alone, on the CPU; apart from the GPT's."""
    generator = torch.Generator(device="cpu").manual_seed((seed * 2 + 1) % 2**63)
    return torch.rand(shape, generator=generator)
