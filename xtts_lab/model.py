"""The network: conditioner, GPT, vocoder and speaker encoder. Composition only.

The configuration holds every size and every default in one place; a published checkpoint's
`config.json` fills it (`checkpoint.published`), and nothing else in the package repeats a number.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import nn

from xtts_lab.conditioners.perceiver import PerceiverConditioner, PerceiverConfig
from xtts_lab.nn.gpt import Gpt, GptConfig
from xtts_lab.nn.hifigan import HifiganConfig
from xtts_lab.nn.speaker_encoder import SpeakerEncoder, SpeakerEncoderConfig
from xtts_lab.types import LANGUAGES
from xtts_lab.vocoders.hifigan import HifiganVocoder, HifiganVocoderConfig


@dataclass(frozen=True)
class CloningDefaults:
    """How references become a voice, in seconds.

    `chunk_s` (`gpt_cond_chunk_len`) is the conditioner's chunk and `window_s` (`max_ref_len`) the
    speaker encoder's. `limit_s` (`gpt_cond_len`) is what the reference implementation cuts all
    references together to; it counts under `coqui_compat` alone.
    """

    chunk_s: float = 4.0
    window_s: float = 30.0
    limit_s: float = 30.0
    min_chunk_s: float = 0.33
    normalise_peak: bool = False


@dataclass(frozen=True)
class SamplingDefaults:
    """How codes are drawn; see `inference.sampling`."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 5.0


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and defaults of an XTTS; those here are XTTS-v2's."""

    gpt: GptConfig = field(default_factory=GptConfig)
    conditioner: PerceiverConfig = field(default_factory=PerceiverConfig)
    vocoder: HifiganVocoderConfig = field(default_factory=HifiganVocoderConfig)
    speaker_encoder: SpeakerEncoderConfig = field(default_factory=SpeakerEncoderConfig)
    cloning: CloningDefaults = field(default_factory=CloningDefaults)
    sampling: SamplingDefaults = field(default_factory=SamplingDefaults)
    languages: tuple[str, ...] = LANGUAGES

    @classmethod
    def tiny(cls, width: int = 64, layers: int = 2) -> ModelConfig:
        """Sizes for tests and demonstrations: under a million parameters, faster than real time."""
        generator = HifiganConfig(input_width=width, embedding=32, channels=32)
        return cls(
            gpt=GptConfig(
                layers=layers, width=width, heads=4, text_tokens=512, start_text=261, max_audio=160
            ),
            conditioner=PerceiverConfig(
                width=width, encoder_heads=4, encoder_blocks=2, latents=8, heads=2, head_width=16
            ),
            vocoder=HifiganVocoderConfig(generator=generator),
            speaker_encoder=SpeakerEncoderConfig(
                widths=(8, 8, 16, 16), blocks=(1, 1, 1, 1), attention=16, embedding=32
            ),
        )

    def reduced(self, layers: int) -> ModelConfig:
        """The same model with fewer GPT layers."""
        return replace(self, gpt=replace(self.gpt, layers=layers))

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self.vocoder.sample_rate


class XttsModel(nn.Module):
    """The parts by name. There is no `forward`: training, cloning and speaking use the parts."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.conditioner = PerceiverConditioner(config.conditioner)
        self.gpt = Gpt(config.gpt)
        self.vocoder = HifiganVocoder(config.vocoder)
        self.speaker_encoder = SpeakerEncoder(config.speaker_encoder)

    @property
    def device(self) -> torch.device:
        return self.gpt.audio_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.gpt.audio_embedding.weight.dtype
