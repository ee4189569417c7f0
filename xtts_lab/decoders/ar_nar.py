"""VALL-E's way: the GPT draws the first level, a second network adds the others one by one.

Wang et al. 2023 (arXiv 2301.02111, section 4.2): levels 2 to L without sampling, each in one pass
over all frames, given those before it. B batch, M frames, L levels, K codes of a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.decoders.base import Decoder, Draft, Example, several
from xtts_lab.nn.frame_net import BlockKind, FrameNet, FrameNetConfig, Frames
from xtts_lab.nn.masking import MASKED
from xtts_lab.types import ModelSizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ArNarDecoder(Decoder):
    """Level 1 from the GPT, then a pass for each further level, which takes the likeliest codes.

    `layers`, `width` and `heads` are those of the second network (VALL-E: 12, 1024, 16), which
    sees text, prefix, and all frames at once: nothing streams. Its speaker is that of the prefix;
    of a prompt of codes (`valle`) it is told the first level.
    """

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        layers: int = 6,
        width: int = 216,
        heads: int = 9,
        blocks: BlockKind = "transformer",
        kernel: int = 5,
    ) -> None:
        super().__init__()
        self.levels = several(sizes)
        self.net = FrameNet(
            FrameNetConfig(
                layers, width, heads, sizes.width, sizes.text_tokens, sizes.codes, self.levels,
                blocks, kernel,
            )
        )  # fmt: skip

    def finish(self, drafts: Sequence[Draft]) -> list[Tensor]:
        return [self._completed(draft) for draft in drafts]

    def _completed(self, draft: Draft) -> Tensor:
        codes = opened(draft, self.levels)
        start = draft.prompted
        if codes.shape[1] == start:
            return codes[:, start:]
        for level in range(1, self.levels):
            logits = predicted(self.net, draft, codes, level)
            codes[level, start:] = logits[start:].argmax(-1)
        return codes[:, start:]

    def draw(
        self, random: np.random.Generator, lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
        """Any level but the first, all of it hidden."""
        import numpy as np

        levels = random.integers(1, self.levels, size=len(lengths))
        return levels, [np.ones(n, dtype=bool) for n in lengths]

    def losses(self, example: Example) -> Mapping[str, Tensor]:
        return {"levels": hidden_loss(self.net, example)}

    @property
    def repeated(self) -> list[nn.Module]:
        return list(self.net.blocks)


def opened(draft: Draft, levels: int) -> Tensor:
    """A draft's first level and nothing else: [L, K + n], the rest `MASKED`."""
    table = torch.full(
        (levels, draft.codes.shape[0]), MASKED, dtype=torch.long, device=draft.codes.device
    )
    table[0] = draft.codes
    return table


def predicted(net: FrameNet, draft: Draft, codes: Tensor, level: int) -> Tensor:
    """Logits [K + n, V] of a level of codes [L, K + n] as far as they are known, guided if asked.

    A prompt of codes is no prefix: without one there is nothing to be guided away from.
    """
    which = torch.tensor([level], device=codes.device)
    logits: Tensor = net(Frames.of(draft.prefix, draft.text, codes), which)[0]
    if draft.guidance == 1.0 or draft.prefix.shape[0] == 0:
        return logits
    away: Tensor = net(Frames.of(draft.prefix[:0], draft.text, codes), which)[0]
    return away + draft.guidance * (logits - away)


def hidden_loss(net: FrameNet, example: Example) -> Tensor:
    """Cross-entropy of what is hidden of each row's level; finer levels are hidden, too.

    In nats a code: the mean over the batch's hidden codes.
    """
    codes = example.frames.codes
    order = torch.arange(codes.shape[1], device=codes.device).view(1, -1, 1)
    own = example.level.view(-1, 1, 1)
    hidden = (order > own) | ((order == own) & example.hidden.unsqueeze(1))
    given = Frames(
        example.frames.prefix,
        example.frames.text,
        example.frames.text_lengths,
        torch.where(hidden, torch.full_like(codes, MASKED), codes),
        example.frames.lengths,
    )
    wanted = codes.gather(1, own.expand(-1, 1, codes.shape[2])).squeeze(1)
    wanted = torch.where(example.hidden, wanted, torch.full_like(wanted, -100))
    logits = net(given, example.level).float().flatten(0, 1)
    summed = functional.cross_entropy(logits, wanted.flatten(), reduction="sum")
    return summed / example.hidden.sum().clamp(min=1)
