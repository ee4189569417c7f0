"""A small residual codec: speech at 24 kHz <-> a few codes for each moment, coarse to fine.

Residual vector quantisation as in SoundStream (Zeghidour et al. 2021, arXiv 2107.03312), with DAC's
factorised, L2-normalised codes (Kumar et al. 2023, arXiv 2306.06546); between mel and codes, and
codes and waveform, the blocks of Vocos (arXiv 2306.00814). B batch, T samples, M mel bands, F mel
frames, N codes a level, L levels, K codebook size, D width of what is quantised, W code width.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.convnext import EPSILON
from xtts_lab.nn.dvae import Quantiser
from xtts_lab.nn.mel import MelConfig, PowerMel
from xtts_lab.nn.vocos import VocosConfig, VocosGenerator

MEL_HOP = 320
"""The most samples between two mel frames: 13 ms at 24 kHz."""

FLOOR = 1e-5
CENTRE, SPREAD = -5.0, 4.0
"""Of a natural-log mel, about: what the encoder takes off, and divides by."""


@dataclass(frozen=True)
class RvqConfig:
    """Sizes of the codec; those here have 4.4 million parameters.

    `frame_rate` is in codes a second and level: a code stands for a whole, even number of samples,
    as at 12.5, 25, 37.5, 50 and 75. `encoder_layers` are shared out before and behind the stride.
    Raises `ValueError` for a rate without such a number, or for no level, code or layer.
    """

    levels: int = 8
    codes: int = 1024
    code_width: int = 8
    frame_rate: float = 50.0
    vector: int = 128
    width: int = 256
    inner: int = 640
    encoder_layers: int = 4
    decoder_layers: int = 6
    kernel: int = 7
    bands: int = 100
    n_fft: int = 1024
    sample_rate: int = 24000

    def __post_init__(self) -> None:
        if min(self.levels, self.codes, self.code_width, self.decoder_layers) < 1:
            raise ValueError("a residual codec has levels, codes and layers")
        if self.encoder_layers < 2:
            raise ValueError(f"encoder_layers must be at least 2, not {self.encoder_layers}")
        hop = self.sample_rate / self.frame_rate if self.frame_rate > 0 else 0.5
        if hop != int(hop) or (int(hop) // self.stride) % 2 or int(hop) % self.stride:
            raise ValueError(
                f"frame_rate {self.frame_rate:g} does not divide {self.sample_rate} Hz evenly; "
                "take 12.5, 25, 37.5, 50 or 75"
            )

    @property
    def code_hop(self) -> int:
        """Samples a code."""
        return int(self.sample_rate / self.frame_rate)

    @property
    def stride(self) -> int:
        """Mel frames a code: a power of two."""
        hop, stride = self.sample_rate / max(self.frame_rate, 1e-3), 1
        while hop / stride > MEL_HOP:
            stride *= 2
        return stride

    @property
    def mel(self) -> MelConfig:
        return MelConfig(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            win_length=self.n_fft,
            hop_length=self.code_hop // self.stride,
            bands=self.bands,
            f_max=self.sample_rate / 2,
        )

    def blocks(self, input_width: int, layers: int) -> VocosConfig:
        """Sizes of a stack of blocks at the mel's rate."""
        return VocosConfig(
            input_width=input_width,
            embedding=0,
            width=self.width,
            inner=self.inner,
            layers=layers,
            kernel=self.kernel,
            n_fft=self.n_fft,
            hop_length=self.mel.hop_length,
        )


class Quantised(NamedTuple):
    """`vectors` [B, D, N] with a gradient; `codes` int64 [B, L, N]; `commitment`, a scalar;
    `heard`: of each level the unit vectors [B, W, N] that chose its codes."""

    vectors: Tensor
    codes: Tensor
    commitment: Tensor
    heard: tuple[Tensor, ...]


def exactly(x: Tensor) -> AbstractContextManager[Any]:
    """No autocast; there is none on `meta`, where operations are counted."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


class UnitQuantiser(Quantiser):
    """A codebook of unit vectors [K, W]: the nearest one is that of the largest product."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__(codes, width)
        if not self.codebook.is_meta:
            self.normalise()

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, W, N] of any length -> codes [B, N], in float32: few are equally near."""
        with exactly(vectors):
            products = torch.einsum("bwn,kw->bnk", vectors.float(), self.codebook.float())
        return products.argmax(-1)

    @torch.no_grad()
    def normalise(self) -> None:
        """Make every entry of length 1 again."""
        self.codebook.copy_(functional.normalize(self.codebook, dim=1))


class QuantiserLevel(nn.Module):
    """One level: vectors [B, D, N] down to W dimensions, to a code, and up again."""

    def __init__(self, config: RvqConfig) -> None:
        super().__init__()
        # Without a bias: what varies about zero points everywhere, and all of the sphere is used.
        self.down = nn.Conv1d(config.vector, config.code_width, 1, bias=False)
        self.quantiser = UnitQuantiser(config.codes, config.code_width)
        self.up = nn.Conv1d(config.code_width, config.vector, 1)

    def direction(self, vectors: Tensor) -> Tensor:
        """What chooses the code: [B, D, N] -> unit vectors [B, W, N], float32."""
        return functional.normalize(self.down(vectors).float(), dim=1)

    def entries(self, codes: Tensor) -> Tensor:
        """Codes [B, N] -> what they stand for, [B, D, N]."""
        entry = self.quantiser.vectors(codes).to(self.up.weight.dtype)
        made: Tensor = self.up(entry)
        return made


class ResidualQuantiser(nn.Module):
    """L levels, each of which quantises what those before it left: [B, D, N] <-> [B, L, N]."""

    def __init__(self, config: RvqConfig) -> None:
        super().__init__()
        self.levels = nn.ModuleList(QuantiserLevel(config) for _ in range(config.levels))

    def forward(self, vectors: Tensor, active: Tensor | None = None) -> Quantised:
        """Quantise for training; row b uses its first `active` [B] levels, by default all.

        The gradient passes through the choice as if it were not there. Codes of levels that are
        not in use are there all the same, and count in nothing.
        """
        rest, total = vectors, torch.zeros_like(vectors)
        codes, heard, losses = [], [], []
        for index, level in enumerate(self.levels):
            assert isinstance(level, QuantiserLevel)
            direction = level.direction(rest)
            chosen = level.quantiser(direction.detach())
            entry = level.quantiser.vectors(chosen).float()
            passed = direction + (entry - direction).detach()
            made = level.up(passed.to(vectors.dtype))
            used = _used(vectors, active, index)
            losses.append(
                ((direction - entry.detach()).square().sum(1, keepdim=True) * used).mean()
            )
            total, rest = total + made * used, rest - made
            codes.append(chosen)
            heard.append(direction.detach())
        return Quantised(total, torch.stack(codes, 1), torch.stack(losses).mean(), tuple(heard))

    def encode(self, vectors: Tensor) -> Tensor:
        """Vectors [B, D, N] -> codes [B, L, N]."""
        rest, codes = vectors, []
        for level in self.levels:
            assert isinstance(level, QuantiserLevel)
            codes.append(level.quantiser(level.direction(rest)))
            rest = rest - level.entries(codes[-1])
        return torch.stack(codes, 1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Codes [B, l, N] of the first l levels -> [B, D, N]; `ValueError` for more than L."""
        if not 1 <= codes.shape[1] <= len(self.levels):
            raise ValueError(f"codes of {codes.shape[1]} levels; there are {len(self.levels)}")
        pairs = zip(self.levels, codes.unbind(1), strict=False)
        made = [level.entries(chosen) for level, chosen in pairs]  # type: ignore[operator]
        return torch.stack(made).sum(0)


def _used(vectors: Tensor, active: Tensor | None, index: int) -> Tensor:
    """Which rows use a level: [B, 1, 1], 1 or 0."""
    if active is None:
        return vectors.new_ones(vectors.shape[0], 1, 1)
    return (active > index).to(vectors.dtype).view(-1, 1, 1)


class RvqEncoder(nn.Module):
    """Log mel [B, M, F] -> vectors [B, D, F / stride]."""

    def __init__(self, config: RvqConfig) -> None:
        super().__init__()
        sizes = config.blocks(config.bands, config.encoder_layers)
        width, before = config.width, config.encoder_layers // 2
        self.input = nn.Conv1d(config.bands, width, config.kernel, padding=config.kernel // 2)
        self.input_norm = nn.LayerNorm(width, EPSILON)
        self.fine = nn.ModuleList(sizes.block() for _ in range(before))
        self.stride = nn.Conv1d(width, width, config.stride, stride=config.stride)
        after = config.encoder_layers - before
        self.coarse = nn.ModuleList(sizes.block() for _ in range(after))
        self.norm = nn.LayerNorm(width, EPSILON)
        self.output = nn.Linear(width, config.vector)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.input((mel - CENTRE) / SPREAD)
        x = self.input_norm(x.transpose(1, 2)).transpose(1, 2)
        for block in self.fine:
            x = block(x)
        x = self.stride(x)
        for block in self.coarse:
            x = block(x)
        vectors: Tensor = self.output(self.norm(x.transpose(1, 2))).transpose(1, 2)
        return vectors


class RvqCodec(nn.Module):
    """Speech [B, T] at `sample_rate` <-> codes [B, L, N] with N = ceil(T / code_hop)."""

    def __init__(self, config: RvqConfig) -> None:
        super().__init__()
        self.config = config
        self.mel = PowerMel(config.mel)
        self.encoder = RvqEncoder(config)
        self.quantiser = ResidualQuantiser(config)
        self.spread = nn.Conv1d(config.vector, config.width * config.stride, 1)
        self.generator = VocosGenerator(config.blocks(config.width, config.decoder_layers))

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self.config.sample_rate

    @property
    def code_hop(self) -> int:
        """Samples a code."""
        return self.config.code_hop

    @property
    def levels(self) -> int:
        return self.config.levels

    @property
    def context_codes(self) -> int:
        """How many codes on either side a decoded sample can depend on."""
        return -(-self.generator.context_frames // self.config.stride)

    def forward(self, samples: Tensor) -> Tensor:
        """Samples [B, T] -> codes of the first level [B, N]: what conditioners and GPTs read."""
        return self.encode(samples)[:, 0]

    def encode(self, samples: Tensor) -> Tensor:
        """Samples [B, T] -> codes [B, L, N], int64."""
        return self.quantiser.encode(self.analyse(samples))

    def analyse(self, samples: Tensor) -> Tensor:
        """Samples [B, T] -> what is quantised, [B, D, N]; the end is padded to a whole code."""
        hop, config = self.config.mel.hop_length, self.config
        wanted = max(-(-samples.shape[-1] // config.code_hop), -(-config.n_fft // config.code_hop))
        padded = functional.pad(samples, (0, wanted * config.code_hop - samples.shape[-1]))
        # Half a hop later, so that a frame's centre is that of its own hop, as in `SameIstft`.
        with torch.no_grad(), exactly(samples):
            mel = self.mel(padded[:, hop // 2 :].float()).clamp(min=FLOOR).log()
        codes = -(-samples.shape[-1] // config.code_hop)
        vectors: Tensor = self.encoder(mel.to(self.spread.weight.dtype))[..., :codes]
        return vectors

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, l, N] of the first l levels -> samples [B, N * code_hop] in [-1, 1]."""
        return self.sound(self.quantiser.vectors(codes)).clamp(-1.0, 1.0)

    def sound(self, vectors: Tensor) -> Tensor:
        """Quantised vectors [B, D, N] -> samples [B, N * code_hop], with a gradient, unbounded."""
        batch, _, count = vectors.shape
        spread = self.spread(vectors).view(batch, self.config.stride, self.config.width, count)
        frames = spread.permute(0, 2, 3, 1).reshape(batch, self.config.width, -1)
        made: Tensor = self.generator(frames, vectors.new_zeros(batch, 0))
        return made
