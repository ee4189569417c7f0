"""Tiny models on a residual codec, with random weights: any conditioner with any decoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig, XttsModel, part
from xtts_lab.nn.gpt import GptConfig
from xtts_lab.nn.rvq import RvqConfig

RVQ = RvqConfig(
    levels=4, codes=30, code_width=4, vector=16, width=16, inner=32, encoder_layers=2,
    decoder_layers=1,
)  # fmt: skip
NET: dict[str, Any] = {"layers": 1, "width": 32, "heads": 2}
DECODERS: dict[str, dict[str, Any]] = {
    "single": {"name": "single"},
    "ar_nar": {"name": "ar_nar", **NET},
    "masked": {"name": "masked", "steps": 4, **NET},
    "masked-all": {"name": "masked", "first": "masked", "steps": 4, **NET},
    "delay": {"name": "delay"},
}
OPTIONS = SamplingOptions(repetition_penalty=1.0)


def config_of(decoder: str, conditioner: str = "no_reference", **settings: Any) -> ModelConfig:
    """A configuration of a model with a residual codec."""
    tiny = ModelConfig.tiny(width=32, layers=1)
    codes = RVQ.codes
    gpt = replace(
        tiny.gpt, text_tokens=300, audio_tokens=codes + 2, start_audio=codes,
        stop_audio=codes + 1, max_audio=120, max_text=160,
    )  # fmt: skip
    assert isinstance(gpt, GptConfig)
    return replace(
        tiny,
        gpt=gpt,
        conditioner=part("conditioners", conditioner, **settings),
        decoder=part("decoders", **DECODERS[decoder]),
        vocoder=part("vocoders", "codec"),
        dvae=None,
        codec=RVQ,
    )


def model_of(decoder: str, seed: int = 0, **settings: Any) -> XttsModel:
    """A model with weights that make it draw different codes; it stops after some steps."""
    torch.manual_seed(seed)
    model = XttsModel(config_of(decoder, **settings)).eval().requires_grad_(False)
    for name, tensor in model.named_parameters():
        if name.startswith(("gpt.", "decoder.")) and tensor.ndim > 1:
            tensor.mul_(6.0)
    model.gpt.audio_head.bias[model.config.gpt.stop_audio] = 1.0
    return model


def prompt_of(seed: int, text: int = 7, prefix: int = 3, **settings: Any) -> Prompt:
    """Something to say: its tokens and its voice depend on the seed."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, 200, (text,), generator=generator)
    voice = torch.randn(prefix, 32, generator=generator)
    return Prompt(voice, tokens, seed, OPTIONS, **{"max_codes": 20, **settings})
