"""The network: conditioner, GPT, decoder, vocoder, speaker encoder, a codec. Composition only.

The configuration holds every size and every default in one place; a published checkpoint's
`config.json` fills it (`checkpoint.config_json`), and nothing else in the package repeats a number.
Conditioner, decoder and vocoder are registered parts, named with their settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from xtts_lab import config as configuration
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.decoders.base import Decoder
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig
from xtts_lab.nn.gpt import Gpt, GptConfig
from xtts_lab.nn.mel import DVAE_MEL
from xtts_lab.nn.rvq import RvqCodec, RvqConfig
from xtts_lab.nn.speaker_encoder import SpeakerEncoder, SpeakerEncoderConfig
from xtts_lab.types import LANGUAGES, Json, ModelSizes, Part
from xtts_lab.vocoders.base import Vocoder
from xtts_lab.yaml_file import Document, Where

Kind = Literal["conditioners", "decoders", "vocoders"]


def part(kind: Kind, name: str, **settings: Json) -> Part:
    """Return a registered part with every setting filled in; `UsageError` for what is unknown."""
    resolved = configuration.resolve(kind, {"name": name, **settings}, _nowhere(kind))
    return Part(name, {key: value for key, value in resolved.items() if key != "name"})


def _nowhere(kind: Kind) -> Where:
    return Where(Document(kind.removesuffix("s")))


@dataclass(frozen=True)
class CloningDefaults:
    """How references become a voice, in seconds.

    `chunk_s` (`gpt_cond_chunk_len`) is the conditioner's chunk and `window_s` (`max_ref_len`) the
    speaker encoder's. `limit_s` (`gpt_cond_len`) is what the reference implementation cuts all
    references together to; it counts under `coqui_compat` alone. Chunks under `min_chunk_s` are
    not used, so neither length may be shorter; `UsageError` for such.
    """

    chunk_s: float = 4.0
    window_s: float = 30.0
    limit_s: float = 30.0
    min_chunk_s: float = 0.33
    normalise_peak: bool = False

    def __post_init__(self) -> None:
        if not self.min_chunk_s > 0.0:
            raise UsageError(f"min_chunk_s: must be over 0 seconds, not {self.min_chunk_s:g}")
        for key in ("chunk_s", "window_s"):
            seconds = getattr(self, key)
            if not seconds >= self.min_chunk_s:
                raise UsageError(
                    f"{key}: must be at least {self.min_chunk_s:g} seconds, not {seconds:g}"
                )


@dataclass(frozen=True)
class SamplingDefaults:
    """How codes are drawn; see `inference.sampling`."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 5.0
    guidance: float = 1.0


@dataclass(frozen=True)
class TextDefaults:
    """How text becomes tokens.

    `front_end`: the BPE of normalised text, as published, or the characters of espeak-ng's
    `phonemes`. A text of more than `max_tokens` is split.
    """

    front_end: Literal["bpe", "phonemes"] = "bpe"
    max_tokens: int = 401


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and defaults of an XTTS; those here are XTTS-v2's.

    `dvae` is None where the checkpoint brings none: its codes cannot be made, nor be decoded
    without the GPT's states. With a residual `codec` the codes are its first level's, and what else
    it has is the decoder's to make. `speaker_encoder` is None where nothing of the model reads
    speaker vectors; voices then have an empty one.
    """

    gpt: GptConfig = field(default_factory=GptConfig)
    conditioner: Part = field(default_factory=partial(part, "conditioners", "perceiver"))
    vocoder: Part = field(default_factory=partial(part, "vocoders", "hifigan"))
    decoder: Part = field(default_factory=partial(part, "decoders", "single"))
    dvae: DvaeConfig | None = None
    codec: RvqConfig | None = None
    speaker_encoder: SpeakerEncoderConfig | None = field(default_factory=SpeakerEncoderConfig)
    text: TextDefaults = field(default_factory=TextDefaults)
    cloning: CloningDefaults = field(default_factory=CloningDefaults)
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    languages: tuple[str, ...] = LANGUAGES

    @classmethod
    def tiny(cls, width: int = 64, layers: int = 2) -> ModelConfig:
        """Sizes for tests and demonstrations: about a million parameters, faster than real time."""
        perceiver = part(
            "conditioners", "perceiver",
            latents=8, encoder_blocks=2, encoder_heads=4, heads=2, head_width=16,
        )  # fmt: skip
        return cls(
            gpt=GptConfig(
                layers=layers, width=width, heads=4, text_tokens=512, start_text=261, max_audio=160
            ),
            conditioner=perceiver,
            vocoder=part("vocoders", "hifigan", channels=32),
            dvae=DvaeConfig(code_width=32, width=32, residual_blocks=1),
            speaker_encoder=SpeakerEncoderConfig(
                widths=(8, 8, 16, 16), blocks=(1, 1, 1, 1), attention=16, embedding=32
            ),
        )

    def reduced(self, layers: int) -> ModelConfig:
        """The same model with fewer GPT layers."""
        return replace(self, gpt=replace(self.gpt, layers=layers))

    @property
    def sizes(self) -> ModelSizes:
        """What conditioner, decoder and vocoder are built around."""
        dvae = self.dvae or DvaeConfig()
        codes = self.gpt.audio_tokens - 2  # start and stop
        embedding = 0 if self.speaker_encoder is None else self.speaker_encoder.embedding
        stride = dvae.stride * DVAE_MEL.hop_length
        if self.codec is not None:
            stride = self.codec.code_hop * DVAE_MEL.sample_rate // self.codec.sample_rate
        return ModelSizes(
            width=self.gpt.width,
            codes=codes,
            embedding=embedding,
            bands=dvae.bands,
            code_stride=stride,
            levels=1 if self.codec is None else self.codec.levels,
            text_tokens=self.gpt.text_tokens,
        )


class XttsModel(nn.Module):
    """The parts by name. There is no `forward`: training, cloning and speaking use the parts."""

    conditioner: Conditioner
    decoder: Decoder
    vocoder: Vocoder
    speaker_encoder: SpeakerEncoder | None
    dvae: Dvae | None
    codec: RvqCodec | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.conditioner = build("conditioners", config.conditioner, config.sizes)
        self.gpt = Gpt(config.gpt)
        self.decoder = build("decoders", config.decoder, config.sizes)
        self.vocoder = build("vocoders", config.vocoder, config.sizes)
        encoder = config.speaker_encoder
        self.speaker_encoder = None if encoder is None else SpeakerEncoder(encoder)
        self.dvae = None if config.dvae is None else Dvae(config.dvae)
        self.codec = None if config.codec is None else RvqCodec(config.codec)

    @property
    def coder(self) -> Dvae | RvqCodec | None:
        """What makes codes of audio, those of the first level."""
        return self.codec or self.dvae

    @property
    def device(self) -> torch.device:
        return self.gpt.audio_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Of what hears references; the GPT and the vocoder may compute in less."""
        return _dtype_of(self.conditioner)

    @property
    def vocoder_dtype(self) -> torch.dtype:
        """Of what the vocoder reads and computes in."""
        return _dtype_of(self.vocoder)


def _dtype_of(module: nn.Module) -> torch.dtype:
    floating = (p.dtype for p in module.parameters() if p.is_floating_point())
    return next(floating, torch.float32)


def build(kind: Kind, chosen: Part, sizes: ModelSizes) -> Any:
    """Construct a part for a model of these sizes, with the weights that its class draws."""
    return configuration.build(
        kind, {"name": chosen.name, **chosen.settings}, _nowhere(kind), sizes
    )
