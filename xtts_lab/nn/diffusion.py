"""A diffusion decoder from GPT states to mel frames, in the manner of Tortoise.

Betker 2023 (arXiv 2305.07243), section 3: the states are encoded, stretched to the mel's frames and
put beside the noisy mel; residual layers that know the timestep predict the noise.

B batch, N states, D their width, W width of the decoder, M mel bands, F frames = N * ratio.

Simpler than Tortoise's: attention has no relative positions (convolutions alone know the order),
the variance is not learned, and there is no voice prompt beside the states, nor guidance. Norms
and attention span the whole sequence, so rows of one length do not depend on each other, but the
mel of a part is not a part of the mel: this decoder cannot be streamed exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn import ddim
from xtts_lab.nn.conditioning_encoder import EncoderBlock, norm_groups
from xtts_lab.nn.ddim import ScheduleName


@dataclass(frozen=True)
class DiffusionConfig:
    """Sizes of the decoder; the mel is in units in which it lies within `low` .. `high`.

    Raises `ValueError` for a width that is odd or cannot be split into the heads, and for an empty
    range.
    """

    input_width: int = 1024
    bands: int = 80
    width: int = 512
    heads: int = 8
    layers: int = 8
    train_steps: int = 1000
    state_layers: int = 4
    ratio: int = 4
    schedule: ScheduleName = "linear"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.width % 2 or self.width % self.heads:
            raise ValueError(
                f"the width must be even and a multiple of {self.heads} heads, not {self.width}"
            )
        if not self.low < self.high:
            raise ValueError(f"the range {self.low} .. {self.high} is empty")


class TimestepEmbedding(nn.Module):
    """Timesteps [B] -> vectors [B, W]: sines and cosines of many speeds, then two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.speeds = width // 2
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)

    def forward(self, timesteps: Tensor) -> Tensor:
        order = torch.arange(self.speeds, device=timesteps.device, dtype=torch.float32)
        speeds = torch.exp(-math.log(10000.0) * order / self.speeds)
        angles = timesteps.float().unsqueeze(-1) * speeds
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1).to(self.up.weight.dtype)
        embedded: Tensor = self.down(functional.silu(self.up(waves)))
        return embedded


class TimedResidual(nn.Module):
    """Two convolutions added to their input; between them a norm that the timestep modulates.

    [B, W, F] and the timestep's vectors [B, W] -> [B, W, F].
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(norm_groups(width), width)
        self.first = nn.Conv1d(width, width, 3, padding=1)
        self.time = nn.Linear(width, 2 * width)
        self.second_norm = nn.GroupNorm(norm_groups(width), width)
        self.second = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.time(functional.silu(time)).unsqueeze(-1).chunk(2, dim=1)
        inner = self.first(functional.silu(self.first_norm(x)))
        inner = self.second_norm(inner) * (1.0 + scale) + shift
        added: Tensor = x + self.second(functional.silu(inner))
        return added


class TimedLayer(nn.Module):
    """A residual convolution block under the timestep and self-attention over frames."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.residual = TimedResidual(width)
        self.attention = EncoderBlock(width, heads, residual_from_norm=False)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        attended: Tensor = self.attention(self.residual(x, time))
        return attended


class StateEncoder(nn.Module):
    """States [B, N, D] -> conditions [B, W, F], each state's held for `ratio` frames."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        width = config.width
        self.ratio = config.ratio
        self.input = nn.Conv1d(config.input_width, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            EncoderBlock(width, config.heads, residual_from_norm=False)
            for _ in range(config.state_layers)
        )
        self.norm = nn.GroupNorm(norm_groups(width), width)

    def forward(self, states: Tensor) -> Tensor:
        x = self.input(states.transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed.repeat_interleave(self.ratio, dim=-1)  # nearest-neighbour interpolation


class DiffusionDecoder(nn.Module):
    """The denoiser, and sampling with it: states [B, N, D] -> mel [B, M, F]."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.schedule = ddim.alphas(config.schedule, config.train_steps)
        self.states = StateEncoder(config)
        self.time = TimestepEmbedding(width)
        self.input = nn.Conv1d(config.bands, width, 3, padding=1)
        self.join = nn.Conv1d(2 * width, width, 1)
        self.layers = nn.ModuleList(TimedLayer(width, config.heads) for _ in range(config.layers))
        self.norm = nn.GroupNorm(norm_groups(width), width)
        self.output = nn.Conv1d(width, config.bands, 3, padding=1)

    def forward(self, noisy: Tensor, timesteps: Tensor, conditions: Tensor) -> Tensor:
        """Predict the noise [B, M, F] in `noisy` [B, M, F] at `timesteps` [B].

        `conditions` [B, W, F] are those that `self.states` makes of the states.
        """
        time = self.time(timesteps)
        x = self.join(torch.cat([self.input(noisy), conditions], dim=1))
        for layer in self.layers:
            x = layer(x, time)
        epsilon: Tensor = self.output(functional.silu(self.norm(x)))
        return epsilon

    def sample(self, states: Tensor, steps: int, noise: Tensor) -> Tensor:
        """Decode states [B, N, D] from noise [B, M, F] in `steps` calls of the denoiser.

        The mel [B, M, F] lies within the configured range, and is a function of the two tensors.
        Raises `ValueError` for noise of another shape and for `steps` outside 1 .. `train_steps`.
        """
        config = self.config
        expected = (states.shape[0], config.bands, states.shape[1] * config.ratio)
        if noise.shape != expected:
            raise ValueError(f"noise must be of shape {expected}, not {tuple(noise.shape)}")
        conditions = self.states(states)

        def denoise(noisy: Tensor, time: int) -> Tensor:
            timesteps = torch.full((noisy.shape[0],), time, device=noisy.device)
            epsilon: Tensor = self(noisy, timesteps, conditions)
            return epsilon

        return ddim.sample(denoise, noise, self.schedule, steps, (config.low, config.high))
