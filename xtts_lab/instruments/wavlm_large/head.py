"""The ECAPA-TDNN over WavLM's layers (Chen et al. 2022, arXiv 2110.13900; microsoft/UniSpeech).

H hidden states a frame (each layer's input, and the last output), D their width, F frames, C
channels, E embedding. Batch norms after the ReLU; the last group of a Res2 block passes as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SCALE, BOTTLENECK, JOINED = 8, 128, 1536
DILATIONS = (2, 3, 4)


class TimeDelay(nn.Module):
    """Convolution, ReLU, batch norm; the length stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=reach, dilation=dilation)
        self.bn = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.bn(functional.relu(self.conv(x)))
        return made


class Block(nn.Module):
    """Squeeze-excitation Res2 block, [B, C, F] -> [B, C, F]."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        inner = channels // SCALE
        self.before = TimeDelay(channels, channels, 1)
        self.groups = nn.ModuleList(TimeDelay(inner, inner, 3, dilation) for _ in range(SCALE - 1))
        self.after = TimeDelay(channels, channels, 1)
        self.squeeze = nn.Linear(channels, BOTTLENECK)
        self.excite = nn.Linear(BOTTLENECK, channels)

    def forward(self, x: Tensor) -> Tensor:
        *parts, rest = self.before(x).chunk(SCALE, dim=1)
        made: list[Tensor] = []
        for part, group in zip(parts, self.groups, strict=True):
            made.append(group(part + made[-1] if made else part))
        y = self.after(torch.cat([*made, rest], dim=1))
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(y.mean(dim=2)))))
        added: Tensor = x + y * gate.unsqueeze(2)
        return added


class Pool(nn.Module):
    """Attentive mean and deviation, [B, C, F] -> [B, 2 C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv1d(channels, BOTTLENECK, 1)
        self.score = nn.Conv1d(BOTTLENECK, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        share = self.score(torch.tanh(self.hidden(x))).softmax(dim=2)
        mean = (share * x).sum(dim=2)
        variance = (share * x.square()).sum(dim=2) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-9).sqrt()], dim=1)


class Head(nn.Module):
    """Hidden states [H, B, F, D] -> embeddings [B, E]."""

    def __init__(self, states: int, width: int, channels: int, embedding: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(states))
        self.input = TimeDelay(width, channels, 5)
        self.blocks = nn.ModuleList(Block(channels, dilation) for dilation in DILATIONS)
        self.join = nn.Conv1d(len(DILATIONS) * channels, JOINED, 1)
        self.pool = Pool(JOINED)
        self.norm = nn.BatchNorm1d(2 * JOINED)
        self.output = nn.Linear(2 * JOINED, embedding)

    def forward(self, states: Tensor) -> Tensor:
        share = self.weights.softmax(dim=0)[:, None, None, None]
        x = (share * states).sum(dim=0).transpose(1, 2) + 1e-6
        x = self.input(functional.instance_norm(x))
        outputs: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        joined = functional.relu(self.join(torch.cat(outputs, dim=1)))
        vector: Tensor = self.output(self.norm(self.pool(joined)))
        return vector
