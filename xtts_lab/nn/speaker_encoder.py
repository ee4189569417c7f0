"""The speaker encoder "H/ASP": an SE-ResNet-34 with attentive statistics pooling.

Heo et al. 2020 (arXiv 2009.14153), without the batch norm on its output. B batch, T samples at
16 kHz, M bands, F frames, C channels, E embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.mel import SPEAKER_MEL, MelConfig, SpeakerMel


@dataclass(frozen=True)
class SpeakerEncoderConfig:
    """Sizes of the encoder; the defaults are XTTS-v2's."""

    mel: MelConfig = SPEAKER_MEL
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    attention: int = 128
    embedding: int = 512
    squeeze: int = 8

    @property
    def sample_rate(self) -> int:
        return self.mel.sample_rate


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from all channels' means (Hu et al. 2018)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(x.mean(dim=(2, 3))))))
        scaled: Tensor = x * gate[:, :, None, None]
        return scaled


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a gate; the first activation comes before its norm."""

    def __init__(self, inputs: int, outputs: int, stride: int, reduction: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.gate = SqueezeExcite(outputs, reduction)
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None
        self.shortcut_norm = nn.BatchNorm2d(outputs) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        # In place where autograd allows it: half a minute of speech makes maps of 25 MB here.
        inner = self.norm1(functional.relu(self.conv1(x), inplace=True))
        inner = self.gate(self.norm2(self.conv2(inner)))
        if self.shortcut is not None and self.shortcut_norm is not None:
            x = self.shortcut_norm(self.shortcut(x))
        return functional.relu(inner + x, inplace=True)


class AttentiveStatistics(nn.Module):
    """Frames [B, C, F] -> their attention-weighted mean and deviation [B, 2 C]."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(channels, hidden, 1)
        self.norm = nn.BatchNorm1d(hidden)
        self.score = nn.Conv1d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.score(self.norm(functional.relu(self.hidden(x))))
        weights = scores.softmax(dim=2)
        mean = (x * weights).sum(dim=2)
        variance = (x.square() * weights).sum(dim=2) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], dim=1)


class SpeakerEncoder(nn.Module):
    """Samples [B, T] at 16 kHz -> unit vectors [B, E]. Use it in `eval` mode."""

    def __init__(self, config: SpeakerEncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.mel = SpeakerMel(config.mel)
        self.input = nn.Conv2d(1, widths[0], 3, padding=1)
        self.norm = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList(self._stage(index) for index in range(len(widths)))
        bands = config.mel.bands
        for _ in widths[1:]:
            bands = -(-bands // 2)
        channels = widths[-1] * bands
        self.pool = AttentiveStatistics(channels, config.attention)
        self.projection = nn.Linear(2 * channels, config.embedding)

    def _stage(self, index: int) -> nn.Sequential:
        width, count = self.config.widths[index], self.config.blocks[index]
        inputs = self.config.widths[max(index - 1, 0)]
        first = ResidualBlock(inputs, width, 1 if index == 0 else 2, self.config.squeeze)
        rest = (ResidualBlock(width, width, 1, self.config.squeeze) for _ in range(count - 1))
        return nn.Sequential(first, *rest)

    def forward(self, samples: Tensor) -> Tensor:
        mel: Tensor = self.mel(samples)
        x = self.norm(functional.relu(self.input(mel.unsqueeze(1))))
        for stage in self.stages:
            x = stage(x)
        embedding: Tensor = self.projection(self.pool(x.flatten(1, 2)))
        return functional.normalize(embedding, dim=1)
