"""The Perceiver resampler: any number of frames in, a fixed number of latents out.

Alayrac et al. 2022 (Flamingo, arXiv 2204.14198), as XTTS-v2 uses it. B batch, F frames,
N latents, D width, H heads, W head width, L layers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class RmsNorm(nn.Module):
    """x / |x| * sqrt(D) * weight over the last dimension."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=-1) * math.sqrt(x.shape[-1]) * self.weight


class LatentAttention(nn.Module):
    """Latents attend to the frames and to each other: they join the keys."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * head_width
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(width, 2 * inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, latents: Tensor, frames: Tensor) -> Tensor:
        """latents [B, N, D], frames [B, F, D] -> [B, N, D]."""
        query = self._heads(self.query(latents))
        key, value = self.key_value(torch.cat([latents, frames], dim=1)).chunk(2, dim=-1)
        heads = functional.scaled_dot_product_attention(query, self._heads(key), self._heads(value))
        joined: Tensor = self.out(heads.transpose(1, 2).flatten(2))
        return joined

    def weights(self, latents: Tensor, frames: Tensor) -> Tensor:
        """Where `forward` looks: shares [B, H, N, N + F] of the latents and of the frames."""
        query = self._heads(self.query(latents))
        key, _ = self.key_value(torch.cat([latents, frames], dim=1)).chunk(2, dim=-1)
        scores = query @ self._heads(key).transpose(-2, -1)
        return torch.softmax(scores / math.sqrt(query.shape[-1]), dim=-1)

    def _heads(self, x: Tensor) -> Tensor:
        batch, length, inner = x.shape
        return x.view(batch, length, self.heads, inner // self.heads).transpose(1, 2)


class GegluMlp(nn.Module):
    """A gated feed-forward part with 2/3 of `mult` times the width inside (Shazeer 2020)."""

    def __init__(self, width: int, mult: int = 4) -> None:
        super().__init__()
        inner = int(width * mult * 2 / 3)
        self.up = nn.Linear(width, 2 * inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.up(x).chunk(2, dim=-1)
        down: Tensor = self.down(value * functional.gelu(gate))
        return down


class ResamplerLayer(nn.Module):
    """Attention and feed-forward part, each added to its input; no norm between them."""

    def __init__(self, width: int, heads: int, head_width: int, mult: int) -> None:
        super().__init__()
        self.attention = LatentAttention(width, heads, head_width)
        self.mlp = GegluMlp(width, mult)

    def forward(self, latents: Tensor, frames: Tensor) -> Tensor:
        latents = latents + self.attention(latents, frames)
        fed: Tensor = latents + self.mlp(latents)
        return fed


class PerceiverResampler(nn.Module):
    """Frames [B, F, D] -> latents [B, N, D]."""

    def __init__(
        self,
        width: int,
        latents: int,
        depth: int,
        heads: int,
        head_width: int,
        mult: int = 4,
    ) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.empty(latents, width))
        if not self.latents.is_meta:  # there, it would only import torch's compiler
            nn.init.normal_(self.latents, std=0.02)
        self.layers = nn.ModuleList(
            ResamplerLayer(width, heads, head_width, mult) for _ in range(depth)
        )
        self.norm = RmsNorm(width)

    def forward(self, frames: Tensor) -> Tensor:
        latents = self.latents.expand(frames.shape[0], -1, -1)
        for layer in self.layers:
            latents = layer(latents, frames)
        normed: Tensor = self.norm(latents)
        return normed

    def attention(self, frames: Tensor) -> Tensor:
        """Frames [B, F, D] -> the shares that every layer's heads give, [B, L, H, N, N + F]."""
        latents = self.latents.expand(frames.shape[0], -1, -1)
        shares = []
        for layer in self.layers:
            assert isinstance(layer, ResamplerLayer)
            shares.append(layer.attention.weights(latents, frames))
            latents = layer(latents, frames)
        return torch.stack(shares, dim=1)
