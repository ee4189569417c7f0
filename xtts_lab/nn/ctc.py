"""A small recogniser: mel frames -> log-probabilities of phonemes, by connectionist temporal
classification (Graves et al. 2006).

B batch, T samples, M bands, F mel frames, N = ceil(F / 2) steps, W width, V symbols and the blank.

Convolutions in time over a residual stream (ConvNeXt blocks, Liu et al. 2022, arXiv 2201.03545, as
in Vocos), and the language as a vector: one spelling of sounds differs from language to language.
Frames beyond a row's length are zero before every convolution, so that a row does not depend on the
rows beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.convnext import EPSILON, ConvNextBlock

BLANK = 0
STRIDE = 2
"""Mel frames a step."""


@dataclass(frozen=True)
class CtcConfig:
    """Sizes of the recogniser. `symbols` V without the blank, `languages` how many."""

    symbols: int
    languages: int
    bands: int = 80
    width: int = 160
    inner: int = 480
    layers: int = 7
    kernel: int = 15

    def __post_init__(self) -> None:
        """Raises `ValueError` for an even kernel, which would shift time."""
        if self.kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, not {self.kernel}")


class CtcRecogniser(nn.Module):
    """Log mel [B, M, F] with lengths [B] in frames and languages [B] -> log-probabilities.

    [B, N, V + 1] in float32, the blank first. The mean of each band over a row's frames is taken
    off first: levels and the colour of a channel say nothing about the words.
    """

    def __init__(self, config: CtcConfig, drop: float = 0.0) -> None:
        """`drop`: the share of what each block adds that training leaves out."""
        super().__init__()
        self.config = config
        self.input = nn.Conv1d(config.bands, config.width, 3, stride=STRIDE, padding=1)
        self.language = nn.Embedding(config.languages, config.width)
        self.blocks = nn.ModuleList(
            ConvNextBlock(config.width, config.inner, config.kernel, drop=drop)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width, EPSILON)
        self.head = nn.Linear(config.width, config.symbols + 1)

    def forward(self, mel: Tensor, lengths: Tensor, languages: Tensor) -> Tensor:
        return self.told(self.layers(mel, lengths, languages)[-1])

    def told(self, last: Tensor) -> Tensor:
        """The last layer's output [B, W, N] -> log-probabilities [B, N, V + 1]."""
        logits = self.head(self.norm(last.transpose(1, 2)))
        return functional.log_softmax(logits.float(), -1)

    def layers(self, mel: Tensor, lengths: Tensor, languages: Tensor) -> list[Tensor]:
        """What each layer makes of a log mel [B, M, F]: the outputs of the blocks, [B, W, N]."""
        heard = _mask(lengths, mel.shape[-1]).unsqueeze(1)
        mean = (mel * heard).sum(-1, keepdim=True) / heard.sum(-1, keepdim=True)
        x = self.input((mel - mean) * heard) + self.language(languages).unsqueeze(-1)
        mask = _mask(self.steps(lengths), x.shape[-1]).unsqueeze(1)
        outputs = []
        for block in self.blocks:
            x = block(x, mask)
            outputs.append(x)
        return outputs

    @staticmethod
    def steps(frames: Tensor) -> Tensor:
        """Steps of rows of so many mel frames [B]."""
        return (frames + STRIDE - 1) // STRIDE


def _mask(lengths: Tensor, size: int) -> Tensor:
    """1 within a row's length, 0 beyond: [B] -> [B, size]."""
    places = torch.arange(size, device=lengths.device)
    return (places < lengths.unsqueeze(1)).float()


def greedy(log_probabilities: Tensor, steps: int) -> list[int]:
    """The most probable path of one row [N, V + 1], repeats joined and blanks left out.

    Symbols count from 0, as `CtcConfig.symbols` does.
    """
    path = torch.unique_consecutive(log_probabilities[:steps].argmax(-1))
    return [int(symbol) - 1 for symbol in path if int(symbol) != BLANK]
