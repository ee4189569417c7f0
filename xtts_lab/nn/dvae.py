"""The discrete VAE that turns audio into the codes of XTTS, and codes back into a mel.

Van den Oord et al. 2017 (VQ-VAE, arXiv 1711.00937), in the one-dimensional form of Betker 2023
(Tortoise, arXiv 2305.07243) as XTTS uses it. B batch, T samples, M mel bands, F mel frames,
N codes, K codebook size, D code width, C channels.

`F = T // hop + 1` and `N = ceil(F / stride)`: no audio is padded to whole codes, the convolutions'
own zeros fill the last one. Rows of a batch are of one length; a row's codes do not depend on the
others, but audio padded with silence has other last codes than the same audio alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.convnext import EPSILON, ConvNextBlock
from xtts_lab.nn.fsq import Fsq
from xtts_lab.nn.mel import DVAE_MEL, ConditioningMel, MelConfig


@dataclass(frozen=True)
class DvaeConfig:
    """Sizes of the DVAE; the defaults are XTTS-v2's (v1 has 8192 codes).

    `kernel` is odd, `residual_blocks` at least 1. Channels double with each of the encoder's
    `layers`, from `width` on, and halve again in the decoder. With `levels` the codes are those of
    finite scalar quantisation (`nn/fsq.py`): `codes` is then their product, `code_width` their
    number; `grid` gives such a configuration. Such a DVAE also centres its mel (`centre`), which
    makes it easier to train. Without, all is as published. `dilations`, in turn, are how far apart
    the frames are that a residual block's convolutions look at: none, all 1, as published.

    `blocks` of `normed` are the published ones behind norms; those of `convnext` are smaller
    (`nn/convnext.py`, of `inner` width and `block_kernel`). `decoder_blocks` (0: as many as the
    encoder) and `decoder_dilations` (none: the encoder's) let the decoder, whose reach a stream
    waits for, have another size than the encoder.
    """

    bands: int = 80
    codes: int = 1024
    code_width: int = 512
    width: int = 512
    layers: int = 2
    residual_blocks: int = 3
    kernel: int = 3
    levels: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    blocks: Literal["residual", "normed", "convnext"] = "residual"
    inner: int = 512
    block_kernel: int = 7
    decoder_blocks: int = 0
    decoder_dilations: tuple[int, ...] = ()

    @classmethod
    def grid(
        cls, levels: tuple[int, ...], *, width: int, layers: int, residual_blocks: int
    ) -> DvaeConfig:
        """Return the sizes of a DVAE with finite scalar quantisation."""
        return cls(
            codes=math.prod(levels),
            code_width=len(levels),
            width=width,
            layers=layers,
            residual_blocks=residual_blocks,
            levels=levels,
        )

    @property
    def encoder_apart(self) -> tuple[int, ...]:
        """The dilation of each of the encoder's blocks, those of `dilations` in turn."""
        return tuple(islice(cycle(self.dilations or (1,)), self.residual_blocks))

    @property
    def decoder_apart(self) -> tuple[int, ...]:
        """The dilation of each of the decoder's blocks."""
        count = self.decoder_blocks or self.residual_blocks
        return tuple(islice(cycle(self.decoder_dilations or self.dilations or (1,)), count))

    @property
    def stride(self) -> int:
        """Mel frames a code."""
        return 1 << self.layers

    @property
    def inner_width(self) -> int:
        """Channels of the residual blocks."""
        return self.width << (self.layers - 1)

    @property
    def context_codes(self) -> int:
        """How many codes on either side a decoded mel frame can depend on (an upper bound)."""
        reach = 0  # in frames of the stage at hand, from the last one to the first
        for _ in range(self.layers):
            reach = -(-(reach + self.kernel // 2) // 2)
        convnext = self.blocks == "convnext"
        per_dilation = self.block_kernel // 2 if convnext else ResidualBlock.REACH
        return reach + per_dilation * sum(self.decoder_apart)


class ResidualBlock(nn.Module):
    """Two convolutions over three frames and one over channels, added to the input [B, C, F].

    The three frames lie `dilation` apart.
    """

    REACH = 2
    """Dilations on either side that an output frame depends on."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.second(functional.relu(self.first(x))))
        added: Tensor = self.out(inner) + x
        return added


class NormedBlock(ResidualBlock):
    """The same behind a norm over the channels, with GELUs: what goes in has one scale, and no unit
    is dead."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__(channels, dilation)
        self.norm = nn.LayerNorm(channels, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(x.transpose(1, 2)).transpose(1, 2)
        inner = functional.gelu(self.second(functional.gelu(self.first(inner))))
        added: Tensor = x + self.out(inner)
        return added


def _blocks(config: DvaeConfig, apart: tuple[int, ...]) -> nn.ModuleList:
    """Blocks of these dilations. No norm on the stream itself: levels are part of a mel."""
    width, scale = config.inner_width, 1.0 / len(apart)
    if config.blocks != "convnext":
        kind = NormedBlock if config.blocks == "normed" else ResidualBlock
        return nn.ModuleList(kind(width, dilation) for dilation in apart)
    return nn.ModuleList(
        ConvNextBlock(width, config.inner, config.block_kernel, dilation=dilation, scale=scale)
        for dilation in apart
    )


class DvaeEncoder(nn.Module):
    """Normalised log mel [B, M, F] -> one vector a code, before quantisation, [B, D, N]."""

    centre: Tensor | None

    def __init__(self, config: DvaeConfig) -> None:
        super().__init__()
        widths = [config.bands, *(config.width << i for i in range(config.layers))]
        self.downsample = nn.ModuleList(
            nn.Conv1d(inputs, outputs, config.kernel, stride=2, padding=config.kernel // 2)
            for inputs, outputs in pairwise(widths)
        )
        self.blocks = _blocks(config, config.encoder_apart)
        self.rectified = config.blocks == "residual"  # the streams of the others are not
        self.output = nn.Conv1d(config.inner_width, config.code_width, 1)
        self.register_buffer("centre", _centre(config))

    def forward(self, mel: Tensor) -> Tensor:
        x = mel if self.centre is None else mel - self.centre
        for downsample in self.downsample:
            x = functional.relu(downsample(x)) if self.rectified else downsample(x)
        for block in self.blocks:
            x = block(x)
        vectors: Tensor = self.output(x)
        return vectors


def _centre(config: DvaeConfig) -> Tensor | None:
    """The mean of the normalised log mel [M, 1], zero until it is measured; None as published."""
    return torch.zeros(config.bands, 1) if config.levels else None


class DvaeDecoder(nn.Module):
    """Codebook vectors [B, D, N] -> normalised log mel [B, M, stride * N]."""

    centre: Tensor | None

    def __init__(self, config: DvaeConfig) -> None:
        super().__init__()
        widths = [config.inner_width, *(config.width << i for i in reversed(range(config.layers)))]
        self.input = nn.Conv1d(config.code_width, config.inner_width, 1)
        self.blocks = _blocks(config, config.decoder_apart)
        self.upsample = nn.ModuleList(
            nn.Conv1d(inputs, outputs, config.kernel, padding=config.kernel // 2)
            for inputs, outputs in pairwise(widths)
        )
        self.output = nn.Conv1d(config.width, config.bands, 1)
        self.register_buffer("centre", _centre(config))

    def forward(self, vectors: Tensor) -> Tensor:
        x: Tensor = self.input(vectors)
        for block in self.blocks:
            x = block(x)
        for upsample in self.upsample:
            x = functional.relu(upsample(x.repeat_interleave(2, dim=-1)))
        mel: Tensor = self.output(x)
        return mel if self.centre is None else mel + self.centre


class Quantiser(nn.Module):
    """The codebook [K, D]: the nearest entry's index, and the entry of an index.

    A buffer, for the original moves it by running means and not by gradients.
    """

    codebook: Tensor

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        codebook = torch.empty(codes, width)
        if not codebook.is_meta:  # there, it would only import torch's compiler
            nn.init.normal_(codebook)
        self.register_buffer("codebook", codebook)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, D, N] -> codes [B, N], the lowest of equally near ones."""
        flat = vectors.transpose(1, 2).reshape(-1, vectors.shape[1])
        products = flat @ self.codebook.t()
        # In the original's order of operations: where two entries are all but equally near, the
        # rounding of the sum decides.
        squares = flat.pow(2).sum(1, keepdim=True), self.codebook.t().pow(2).sum(0, keepdim=True)
        distances = squares[0] - 2 * products + squares[1]
        return distances.argmin(1).view(vectors.shape[0], vectors.shape[2])

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes [B, N] -> their entries [B, D, N]."""
        return functional.embedding(codes, self.codebook).transpose(1, 2)


def _quantiser(config: DvaeConfig) -> Quantiser | Fsq:
    if not config.levels:
        return Quantiser(config.codes, config.code_width)
    if (config.codes, config.code_width) != (math.prod(config.levels), len(config.levels)):
        raise ValueError(f"{config.codes} codes of {config.code_width} are no grid {config.levels}")
    return Fsq(config.levels)


class Dvae(nn.Module):
    """Audio [B, T] at 22 050 Hz <-> codes [B, N]; a published code stands for 1024 samples."""

    def __init__(self, config: DvaeConfig, mel: MelConfig = DVAE_MEL) -> None:
        """Raises `ValueError` for an even kernel, no layers or residual blocks, or a wrong grid."""
        super().__init__()
        if config.kernel % 2 == 0 or config.layers < 1 or config.residual_blocks < 1:
            raise ValueError("a DVAE has an odd kernel, and at least one layer and residual block")
        apart = (*config.dilations, *config.decoder_dilations)
        if min(apart, default=1) < 1:
            raise ValueError(f"a DVAE's dilations are 1 or more, not {apart}")
        if config.block_kernel % 2 == 0 or config.decoder_blocks < 0 or config.inner < 1:
            raise ValueError(
                "a DVAE's block_kernel is odd, its decoder_blocks 0 or more, its inner 1 or more"
            )
        if config.bands != mel.bands:
            raise ValueError(f"a DVAE over {config.bands} bands cannot hear {mel.bands}")
        self.config = config
        self.mel = ConditioningMel(mel)
        self.encoder = DvaeEncoder(config)
        self.quantiser = _quantiser(config)
        self.decoder = DvaeDecoder(config)

    @property
    def sample_rate(self) -> int:
        """Of the audio that it hears, in Hz."""
        return self.mel.config.sample_rate

    @property
    def code_stride(self) -> int:
        """Samples a code."""
        return self.config.stride * self.mel.config.hop_length

    def forward(self, samples: Tensor) -> Tensor:
        """Samples [B, T] -> codes [B, N], int64. T must exceed 512, half a mel window."""
        return self.encode(self.mel(samples))

    def encode(self, mel: Tensor) -> Tensor:
        """Normalised log mel [B, M, F] -> codes [B, ceil(F / stride)], int64."""
        codes: Tensor = self.quantiser(self.encoder(mel))
        return codes

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, N] -> normalised log mel [B, M, stride * N]."""
        vectors = self.quantiser.vectors(codes)
        mel: Tensor = self.decoder(vectors.to(self.decoder.input.weight.dtype))
        return mel

    def log_mel(self, codes: Tensor) -> Tensor:
        """Codes [B, N] -> natural-log power mel [B, M, stride * N]: what vocoders read."""
        return self.decode(codes) * self.mel.mel_stats.unsqueeze(-1)

    def decode_window(self, codes: Tensor, start: int, stop: int) -> Tensor:
        """The frames of codes `start` to `stop` of [B, N] -> [B, M, stride * (stop - start)].

        They equal (but for rounding) those of `decode(codes)`, and cost `context_codes` more codes
        on either side. They are settled once `stop + context_codes` codes exist.
        """
        first = max(0, start - self.config.context_codes)
        mel = self.decode(codes[:, first : stop + self.config.context_codes])
        stride = self.config.stride
        return mel[..., stride * (start - first) : stride * (stop - first)]

    def denormalise(self, mel: Tensor) -> Tensor:
        """Normalised log mel [B, M, F] -> power mel [B, M, F], at least about 1e-5 where heard."""
        return (mel * self.mel.mel_stats.unsqueeze(-1)).exp()
