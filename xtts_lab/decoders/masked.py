"""SoundStorm's way: codes settle in parallel, the most certain first, level after level.

Borsos et al. 2023 (arXiv 2305.09636). With `first: ar` the GPT draws level 1, which stands where
SoundStorm has semantic tokens, and the others are filled in; with `first: masked` all are, from
text and prefix (as MaskGCT, arXiv 2409.00750), and how long it is must be given or is predicted.
B batch, M frames, L levels, S text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.decoders.ar_nar import hidden_loss, opened, predicted
from xtts_lab.decoders.base import Decoder, Draft, Example, noise, several
from xtts_lab.errors import UsageError
from xtts_lab.nn.frame_net import BlockKind, FrameNet, FrameNetConfig
from xtts_lab.nn.masking import MASKED, fill
from xtts_lab.types import ModelSizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MaskedDecoder(Decoder):
    """Masked parallel decoding: `steps` passes for the first level that it fills, one for others.

    `first`: `ar`, level 1 is the GPT's; `masked`, it is filled in as well. `steps` from 1 to 64
    (SoundStorm: 16), `temperature` and `hesitation` fall to 0 until the last of them (see
    `nn.masking.fill`). `layers`, `width`, `heads`, `blocks` and `kernel` are the network's
    (SoundStorm: 12, 1024, 16, conformer, 5). Nothing streams: every pass sees all frames.
    """

    inference_settings: ClassVar[frozenset[str]] = frozenset({"steps", "temperature", "hesitation"})

    def __init__(
        self,
        sizes: ModelSizes,
        /,
        *,
        first: Literal["ar", "masked"] = "ar",
        steps: int = 16,
        temperature: float = 1.0,
        hesitation: float = 0.0,
        layers: int = 6,
        width: int = 216,
        heads: int = 9,
        blocks: BlockKind = "conformer",
        kernel: int = 5,
    ) -> None:
        super().__init__()
        if not 1 <= steps <= 64:
            raise UsageError(f"steps: {steps} does not work; take 1 to 64")
        if min(temperature, hesitation) < 0.0:
            raise UsageError("temperature and hesitation: must be 0 or more")
        self.levels, self.drafts = several(sizes), first == "ar"
        self._steps, self._temperature, self._hesitation = steps, temperature, hesitation
        self._begin = 1 if self.drafts else 0  # the first level that is filled
        self.net = FrameNet(
            FrameNetConfig(
                layers, width, heads, sizes.width, sizes.text_tokens, sizes.codes, self.levels,
                blocks, kernel,
            )
        )  # fmt: skip
        self.duration = None if self.drafts else Duration(sizes.text_tokens, sizes.width)

    def finish(self, drafts: Sequence[Draft]) -> list[Tensor]:
        return [self._completed(draft) for draft in drafts]

    def _completed(self, draft: Draft) -> Tensor:
        codes, start = opened(draft, self.levels), draft.prompted
        if not self.drafts:
            new = codes.new_full((self.levels, self._frames(draft)), MASKED)
            codes = torch.cat([codes, new], dim=1)
        if codes.shape[1] == start:
            return codes[:, start:]
        for level in range(self._begin, self.levels):
            passes = self._steps if level == self._begin else 1
            # Numbers of a level's own: they do not depend on how many passes another takes.
            drawn = noise(draft.seed * 64 + level, passes, 2, codes.shape[1] - start)
            codes[level, start:] = fill(
                codes[level, start:],
                partial(self._predicted, draft, codes, level),
                passes,
                self._temperature,
                self._hesitation,
                drawn.to(codes.device),
            )
        return codes[:, start:]

    def _predicted(self, draft: Draft, codes: Tensor, level: int, settled: Tensor) -> Tensor:
        """Logits [n, V] of a level of which so much is `settled` [n]."""
        now = codes.clone()
        now[level, draft.prompted :] = settled
        return predicted(self.net, draft, now, level)[draft.prompted :]

    def _frames(self, draft: Draft) -> int:
        """How many frames to make: as told, else as predicted."""
        if draft.frames is not None:
            return min(draft.frames, draft.limit)
        assert self.duration is not None
        counts = torch.tensor([draft.text.shape[0]], device=draft.text.device)
        told = self.duration(draft.prefix[None], draft.text[None], counts)
        return max(1, min(round(float(told)), draft.limit))

    def draw(
        self, random: np.random.Generator, lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
        """A level, the lower the more often (MaskGCT), and a share of cos(u) of it hidden."""
        import numpy as np

        weights = np.arange(self.levels - self._begin, 0, -1, dtype=np.float64)
        levels = self._begin + random.choice(len(weights), len(lengths), p=weights / weights.sum())
        shares = np.cos(0.5 * np.pi * random.random(len(lengths)))
        hidden = []
        for count, share in zip(lengths.tolist(), shares, strict=True):
            order = random.permutation(count)
            hidden.append(order < max(1, round(share * count)))
        return levels, hidden

    def losses(self, example: Example) -> Mapping[str, Tensor]:
        found = {"levels": hidden_loss(self.net, example)}
        if self.duration is not None:
            frames = example.frames
            told = self.duration(frames.prefix, frames.text, frames.text_lengths)
            wanted = (frames.lengths - example.prompted).clamp(min=1).float()
            found["duration"] = functional.l1_loss(told.float().log(), wanted.log())
        return found

    @property
    def repeated(self) -> list[nn.Module]:
        return list(self.net.blocks)


class Duration(nn.Module):
    """How many frames a text takes: a sum over its tokens, at the voice's pace.

    A prompt's text, where it stands before the target's (`valle`), counts as if it were said: the
    network learns to live with that, and a duration is better given there.
    """

    def __init__(self, text_tokens: int, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(text_tokens, 1, _weight=torch.zeros(text_tokens, 1))
        self.pace = nn.Linear(width, 1)
        self.usual = nn.Parameter(torch.full((), 1.5))  # e^1.5 = 4.5 frames a token, to begin with

    def forward(self, prefix: Tensor, text: Tensor, lengths: Tensor) -> Tensor:
        """Prefix [B, N, D], text [B, S] of which `lengths` [B] count -> frames [B], positive."""
        counts = torch.arange(text.shape[1], device=text.device) < lengths.unsqueeze(1)
        heard = prefix.to(self.pace.weight.dtype)
        pace = self.pace(heard.mean(1)).squeeze(-1) if prefix.shape[1] else 0.0
        each = (self.tokens(text).squeeze(-1) + self.usual).exp() * counts
        made: Tensor = each.sum(1).clamp(min=1e-3) * torch.as_tensor(pace).exp()
        return made
