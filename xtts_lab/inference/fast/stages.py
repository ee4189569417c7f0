"""A vocoder's stages as they run fastest where they run."""

from __future__ import annotations

from importlib.util import find_spec

from torch import Tensor

from xtts_lab.vocoders.base import Vocoder
from xtts_lab.vocoders.hifigan import HifiganVocoder
from xtts_lab.vocoders.stages import Local, Stage


def stages_of(vocoder: Vocoder, vectors: Tensor) -> tuple[Stage, ...]:
    """`vocoder.stages(vectors)`, on a GPU with HiFi-GAN fused; see `generator`.

    `vectors` [B, E] are read whenever the stages run.
    """
    stages = vocoder.stages(vectors)
    fused = vectors.is_cuda and isinstance(vocoder, HifiganVocoder)
    if not fused or find_spec("triton") is None:
        return stages
    from xtts_lab.inference.fast.generator import WideGenerator

    assert isinstance(vocoder, HifiganVocoder)
    wide = WideGenerator(vocoder.generator)
    *before, last = stages
    assert isinstance(last, Local)
    return (
        *before,
        Local(lambda frames: wide(frames, vectors).unsqueeze(1), last.rate, last.context),
    )
