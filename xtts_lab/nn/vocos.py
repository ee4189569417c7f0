"""The Vocos generator with a speaker vector (Siuzdak 2023, arXiv 2306.00814, section 3).

B batch, C input channels, F frames, W width, K = n_fft / 2 + 1 bins, E embedding,
T samples = F * hop.

Nothing is upsampled: the network keeps one vector a frame, predicts each frame's spectrum, and an
inverse Fourier transform makes the samples. Vocos knows no speakers; here their vector is added
to the first layer's output, as in `nn/hifigan.py`.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.convnext import EPSILON, ConvNextBlock

MAX_MAGNITUDE = 1e2


@dataclass(frozen=True)
class VocosConfig:
    """Sizes of the generator; `n_fft` and `hop_length` in samples; `embedding` 0: no speakers.

    Raises `ValueError` for an even kernel and for windows that overlap by less than a half or by an
    odd number of samples: the one would shift time, the others cannot be inverted in place.
    """

    input_width: int = 1024
    embedding: int = 512
    width: int = 512
    inner: int = 1536
    layers: int = 8
    kernel: int = 7
    n_fft: int = 1024
    hop_length: int = 256

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, not {self.kernel}")
        if self.n_fft % 2 or self.hop_length % 2 or self.n_fft < 2 * self.hop_length:
            raise ValueError(
                f"n_fft {self.n_fft} and hop_length {self.hop_length} must be even, "
                "and n_fft at least twice hop_length"
            )

    def block(self) -> ConvNextBlock:
        """Return a new block of these sizes."""
        return ConvNextBlock(self.width, self.inner, self.kernel, scale=1.0 / self.layers)

    @property
    def trim(self) -> int:
        """Samples that "same" padding cuts off at either end of the overlapped frames."""
        return (self.n_fft - self.hop_length) // 2

    @property
    def context_frames(self) -> int:
        """How many frames on either side an output sample can depend on."""
        convolutions = (self.layers + 1) * (self.kernel // 2)
        return convolutions + -(-self.trim // self.hop_length)


class SameIstft(nn.Module):
    """Spectra [B, K, F] -> samples [B, F * hop]: frame f's centre is that of its own hop.

    A centred transform gives a hop fewer, or needs a frame more. The sum of windowed frames is
    divided by the sum of the squared windows that are there: fewer at the edges of the sequence,
    and so a part of it can be had exactly only with its context, or at the true edge.
    """

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int, trim: int) -> None:
        super().__init__()
        self.hop_length, self.trim = hop_length, trim
        with torch.device("cpu"):  # real even where the module around it is built on `meta`
            window = torch.hann_window(n_fft)
        self.register_buffer("window", window, persistent=False)

    def forward(self, spectra: Tensor) -> Tensor:
        size = self.window.shape[0]
        frames = torch.fft.irfft(spectra, size, dim=1) * self.window.unsqueeze(-1)
        squares = self.window.square().view(1, size, 1).expand(1, size, frames.shape[-1])
        samples: Tensor = self._overlap(frames) / self._overlap(squares)
        return samples

    def _overlap(self, frames: Tensor) -> Tensor:
        """Add frames [B, n_fft, F] a hop apart -> [B, F * hop]."""
        size, count = frames.shape[1:]
        length = (count - 1) * self.hop_length + size
        summed = functional.fold(frames, (1, length), (1, size), stride=(1, self.hop_length))
        return summed[:, 0, 0, self.trim : length - self.trim]


class VocosGenerator(nn.Module):
    """Frames [B, C, F] and speaker vectors [B, E] -> waveform [B, T].

    With an `embedding` of 0 the vectors are not looked at. Nothing bounds the waveform: a trained
    generator stays near [-1, 1], and who needs the bound clamps. Rows do not depend on each other;
    samples depend on `context_frames` either side.
    """

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.config = config
        width, kernel = config.width, config.kernel
        self.input = nn.Conv1d(config.input_width, width, kernel, padding=kernel // 2)
        self.speaker = nn.Conv1d(config.embedding, width, 1) if config.embedding else None
        self.input_norm = nn.LayerNorm(width, EPSILON)
        self.blocks = nn.ModuleList(config.block() for _ in range(config.layers))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.head = nn.Linear(width, config.n_fft + 2)
        self.istft = SameIstft(config.n_fft, config.hop_length, config.trim)

    @property
    def hop_length(self) -> int:
        """Samples a frame."""
        return self.config.hop_length

    @property
    def context_frames(self) -> int:
        """How many frames on either side an output sample can depend on."""
        return self.config.context_frames

    def forward(self, frames: Tensor, embedding: Tensor) -> Tensor:
        x = self.input(frames)
        if self.speaker is not None:
            x = x + self.speaker(embedding.unsqueeze(-1))
        x = self.input_norm(x.transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        waveform: Tensor = self.istft(self.spectra(self.norm(x.transpose(1, 2))))
        return waveform

    def spectra(self, x: Tensor) -> Tensor:
        """Vectors [B, F, W] -> complex spectra [B, K, F], in float32 at least.

        No autocast reaches them: in bf16 a phase of some turns is known to a tenth of a radian.
        """
        device = x.device.type
        with nullcontext() if x.is_meta else torch.autocast(device, enabled=False):
            predicted = self.head(x.to(self.head.weight.dtype)).transpose(1, 2)
        precise = predicted.to(torch.promote_types(predicted.dtype, torch.float32))
        log_magnitude, phase = precise.chunk(2, dim=1)
        magnitude = log_magnitude.exp().clamp(max=MAX_MAGNITUDE)
        return torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
