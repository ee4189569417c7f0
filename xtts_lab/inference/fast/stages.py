"""A vocoder's stages as they run fastest where they run."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.hifigan import HifiganVocoder
from xtts_lab.vocoders.stages import Local, Stage


def stages_of(vocoder: Vocoder, vectors: Tensor) -> tuple[Stage, ...]:
    """`vocoder.stages(vectors)`, on a GPU with HiFi-GAN fused; see `hifigan`.

    `vectors` [B, E] are read whenever the stages run. In float32 the library's own kernels fill a
    GPU with many windows, but not with one.
    """
    stages = vocoder.stages(vectors)
    if not (vectors.is_cuda and isinstance(vocoder, HifiganVocoder)):
        return stages
    if find_spec("triton") is None or (vectors.dtype == torch.float32 and vectors.shape[0] > 1):
        return stages
    from xtts_lab.inference.fast.hifigan.generator import WideGenerator

    wide = WideGenerator(vocoder.generator)
    *before, last = stages
    assert isinstance(last, Local)
    return (
        *before,
        Local(lambda frames: wide(frames, vectors).unsqueeze(1), last.rate, last.context),
    )
