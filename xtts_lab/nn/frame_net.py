"""A network that looks both ways over prefix, text and frames of codes: what fills in codes.

B batch, N prefix, S text tokens, M frames, L levels, K codes, C = N + S + M, W width, H heads.

Blocks of a transformer, as VALL-E's second stage has them (arXiv 2301.02111), or of a Conformer
(Gulati et al. 2020, arXiv 2005.08100), as SoundStorm has (arXiv 2305.09636). Text and frames lie on
one clock: token s of S is at (s + 1/2) M / S frames, by rotation of half of each head's channels
(Su et al. 2021, arXiv 2104.09864). The other half, and the prefix, know no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOWEST = 10_000.0
"""Frames of the longest period of the rotation, over 2 pi."""

BlockKind = Literal["transformer", "conformer"]


@dataclass(frozen=True)
class FrameNetConfig:
    """Sizes; `prefix_width` is what the conditioner makes. Heads are at least 4 channels wide."""

    layers: int
    width: int
    heads: int
    prefix_width: int
    text_tokens: int
    codes: int
    levels: int
    blocks: BlockKind = "transformer"
    kernel: int = 5


@dataclass(frozen=True, eq=False)
class Frames:
    """What is said by whom, and its codes as far as they are known.

    `prefix` [B, N, D]; `text` int64 [B, S] without start and stop; `codes` int64 [B, L, M], -1
    where one is not known. Of them `text_lengths` and `lengths` [B] count.
    """

    prefix: Tensor
    text: Tensor
    text_lengths: Tensor
    codes: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, prefix: Tensor, text: Tensor, codes: Tensor) -> Frames:
        """One row: `prefix` [N, D], `text` [S], `codes` [L, M]."""
        sizes = [torch.tensor([one.shape[-1]], device=codes.device) for one in (text, codes)]
        return cls(prefix[None], text[None], sizes[0], codes[None], sizes[1])


def rotation(times: Tensor, channels: int) -> Tensor:
    """Times [B, C] in frames -> angles [B, 1, C, channels / 4] of the first half of a head."""
    count = channels // 4
    exponents = torch.arange(count, device=times.device, dtype=torch.float32) / max(count, 1)
    return (times.float().unsqueeze(-1) * SLOWEST**-exponents).unsqueeze(1)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the first channels of each head, x [B, H, C, channels]; the rest stays."""
    count = angles.shape[-1]
    first, second, rest = x[..., :count], x[..., count : 2 * count], x[..., 2 * count :]
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1)


class Attention(nn.Module):
    """Every position sees all that count."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads or width // heads < 4:
            raise ValueError(f"a width of {width} cannot be split into {heads} heads")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, angles: Tensor, mask: Tensor | None) -> Tensor:
        """x [B, C, W]; `mask` [B, 1, 1, C] bool, None where all counts."""
        batch, length, width = x.shape
        split = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        heads = functional.scaled_dot_product_attention(
            rotate(query, angles), rotate(key, angles), value, attn_mask=mask
        )
        joined: Tensor = self.out(heads.transpose(1, 2).flatten(2))
        return joined


def feed_forward(width: int) -> nn.Sequential:
    """Norm, four times the width, and back."""
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
    )


class TransformerBlock(nn.Module):
    """A pre-norm block: attention, then the feed-forward part."""

    def __init__(self, config: FrameNetConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.feed = feed_forward(config.width)

    def forward(self, x: Tensor, angles: Tensor, mask: Tensor | None, counts: Tensor) -> Tensor:
        del counts
        x = x + self.attention(self.norm(x), angles, mask)
        fed: Tensor = x + self.feed(x)
        return fed


class ConformerBlock(nn.Module):
    """Half a feed-forward part, attention, a convolution over frames, the other half, a norm."""

    def __init__(self, config: FrameNetConfig) -> None:
        super().__init__()
        width, kernel = config.width, config.kernel
        if kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, not {kernel}")
        self.before, self.after = feed_forward(width), feed_forward(width)
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, config.heads)
        self.gate = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GLU())
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        # Not over the batch, as published: a row must not depend on its company.
        self.mixed = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width))
        self.last = nn.LayerNorm(width)

    def forward(self, x: Tensor, angles: Tensor, mask: Tensor | None, counts: Tensor) -> Tensor:
        """`counts` [B, M, 1]: 1 where a frame counts; the convolution hears zeros elsewhere."""
        x = x + 0.5 * self.before(x)
        x = x + self.attention(self.norm(x), angles, mask)
        # Over the frames, which come last: neighbours in text and prefix are none in time.
        before = x.shape[1] - counts.shape[1]
        frames = x[:, before:]
        heard = (self.gate(frames) * counts).transpose(1, 2)
        frames = frames + self.mixed(self.depthwise(heard).transpose(1, 2))
        x = torch.cat([x[:, :before], frames], dim=1)
        ended: Tensor = self.last(x + 0.5 * self.after(x))
        return ended


class FrameNet(nn.Module):
    """States of frames, from which the codes of one level are predicted."""

    def __init__(self, config: FrameNetConfig) -> None:
        """Raises `ValueError` for heads that do not fit, and an even kernel."""
        super().__init__()
        self.config = config
        width = config.width
        self.prefix = nn.Linear(config.prefix_width, width)
        self.text = _table(config.text_tokens, width)
        # An entry more a level: the one that is not known.
        self.codes = _table(config.levels * (config.codes + 1), width)
        self.kinds = _table(3, width)
        self.level = _table(config.levels, width)
        made = TransformerBlock if config.blocks == "transformer" else ConformerBlock
        self.blocks = nn.ModuleList(made(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.heads = nn.Parameter(torch.empty(config.levels, config.codes, width))
        if not self.heads.is_meta:
            nn.init.normal_(self.heads, std=0.02)

    def forward(self, given: Frames, level: Tensor) -> Tensor:
        """Logits [B, M, K] of the codes of `level` [B], each row's own."""
        states = self.states(given, level)
        return torch.bmm(states, self.heads[level].to(states.dtype).transpose(1, 2))

    def states(self, given: Frames, level: Tensor) -> Tensor:
        """States [B, M, W] of the frames."""
        kinds = self.kinds.weight
        embedded = [
            self.prefix(given.prefix.to(self.prefix.weight.dtype)) + kinds[0],
            self.text(given.text) + kinds[1],
            self.embed_codes(given.codes) + kinds[2],
        ]
        x = torch.cat(embedded, dim=1) + self.level(level).unsqueeze(1)
        times, counts = self._layout(given)
        angles = rotation(times, self.config.width // self.config.heads)
        mask = counts[:, None, None, :] if x.shape[0] > 1 else None  # one row has no padding
        shares = counts[:, -given.codes.shape[2] :].unsqueeze(-1).to(x.dtype)
        for block in self.blocks:
            x = block(x, angles, mask, shares)
        states: Tensor = self.norm(x[:, x.shape[1] - given.codes.shape[2] :])
        return states

    def embed_codes(self, codes: Tensor) -> Tensor:
        """Codes [B, L, M], -1 where unknown, -> the sum over the levels, [B, M, W]."""
        entries = self.config.codes + 1
        levels = torch.arange(codes.shape[1], device=codes.device).view(1, -1, 1)
        known = torch.where(codes < 0, torch.full_like(codes, entries - 1), codes)
        # Of all levels at once, [B, L, M, W], small models take half as many kernels.
        summed: Tensor = self.codes(known + entries * levels).sum(1)
        return summed

    def _layout(self, given: Frames) -> tuple[Tensor, Tensor]:
        """Of each position [B, C]: its time in frames, and whether it counts."""
        batch, prefix, _ = given.prefix.shape
        device = given.codes.device
        text = torch.arange(given.text.shape[1], device=device).float()
        frames = torch.arange(given.codes.shape[2], device=device)
        pace = given.lengths / given.text_lengths.clamp(min=1)
        times = [
            torch.zeros(batch, prefix, device=device),
            (text + 0.5) * pace.unsqueeze(1),
            frames.float().expand(batch, -1),
        ]
        counts = [
            torch.ones(batch, prefix, dtype=torch.bool, device=device),
            text < given.text_lengths.unsqueeze(1),
            frames < given.lengths.unsqueeze(1),
        ]
        return torch.cat(times, 1), torch.cat(counts, 1)


def _table(count: int, width: int) -> nn.Embedding:
    table = nn.Embedding(count, width, _weight=torch.empty(count, width))
    if not table.weight.is_meta:
        nn.init.normal_(table.weight, std=0.02)
    return table
