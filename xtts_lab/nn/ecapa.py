"""ECAPA-TDNN: a speaker encoder of dilated convolutions.

Desplanques et al. 2020 (arXiv 2005.07143), with layer norms over channels in place of batch norms,
so that a clip's vector does not depend on its company, in training either. B batch, M bands, F
frames, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each frame, [B, C, F] -> [B, C, F]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return normed


class TimeDelay(nn.Module):
    """Convolution, ReLU, norm; the length stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.convolution = nn.Conv1d(inputs, outputs, kernel, padding=reach, dilation=dilation)
        self.norm = ChannelNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.norm(functional.relu(self.convolution(x)))
        return made


class Res2Block(nn.Module):
    """Squeeze-excitation Res2 block: groups of channels see ever more frames (section 3.2)."""

    def __init__(self, channels: int, kernel: int, dilation: int, scale: int, squeeze: int) -> None:
        super().__init__()
        self.scale = scale
        inner = channels // scale
        self.before = TimeDelay(channels, channels, 1)
        self.groups = nn.ModuleList(
            TimeDelay(inner, inner, kernel, dilation) for _ in range(scale - 1)
        )
        self.after = TimeDelay(channels, channels, 1)
        self.squeeze = nn.Linear(channels, squeeze)
        self.excite = nn.Linear(squeeze, channels)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.before(x).chunk(self.scale, dim=1))
        for index, group in enumerate(self.groups, start=1):
            parts[index] = group(parts[index] + (parts[index - 1] if index > 1 else 0.0))
        y = self.after(torch.cat(parts, dim=1))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(y.mean(dim=2)))))
        added: Tensor = x + y * gate.unsqueeze(-1)
        return added


class ContextPooling(nn.Module):
    """Attentive statistics that also see the clip's own mean and deviation (section 3.3).

    [B, C, F] -> [B, 2 C].
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(3 * channels, hidden, 1)
        self.score = nn.Conv1d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = _moments(x, torch.full_like(x[:, :1], 1.0 / x.shape[2]))
        context = [x, mean.unsqueeze(-1).expand_as(x), deviation.unsqueeze(-1).expand_as(x)]
        scores = self.score(torch.tanh(self.hidden(torch.cat(context, dim=1))))
        return torch.cat(_moments(x, scores.softmax(dim=2)), dim=1)


class EcapaTdnn(nn.Module):
    """Log mel [B, M, F] -> one vector a clip, [B, E]."""

    def __init__(self, bands: int, channels: int, width: int, blocks: int = 3) -> None:
        super().__init__()
        squeeze = max(channels // 4, 8)
        self.input = TimeDelay(bands, channels, 5)
        self.blocks = nn.ModuleList(
            Res2Block(channels, 3, index + 2, 8, squeeze) for index in range(blocks)
        )
        self.join = nn.Conv1d(blocks * channels, channels, 1)
        self.pool = ContextPooling(channels, squeeze)
        self.norm = nn.LayerNorm(2 * channels)
        self.output = nn.Linear(2 * channels, width)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.input(mel)
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        joined = functional.relu(self.join(torch.cat(outputs, dim=1)))
        vector: Tensor = self.output(self.norm(self.pool(joined)))
        return vector


def _moments(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    mean = (x * weights).sum(dim=2)
    # Centred first: the difference of two large squares would be noise.
    variance = ((x - mean.unsqueeze(-1)).square() * weights).sum(dim=2)
    return mean, variance.clamp(min=1e-5).sqrt()
