"""Whether the pieces of a part fit each other: it is tried on a moment of silence, with zeros for
weights.

On the CPU and not on `meta`: there a first elementwise operation imports all of torch's compiler,
which takes longer than planning, and a part may use operations that `meta` does not know.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from xtts_lab.conditioners.base import Conditioner
from xtts_lab.nn.dvae import Dvae, DvaeConfig
from xtts_lab.nn.weightless import weightless
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder

Module = TypeVar("Module", bound=nn.Module)

HEARD_S = 2.0
"""Seconds of reference that a conditioner is tried on, where it is not given less."""

CODES = 2
"""Codes that a vocoder is tried on."""


@lru_cache(maxsize=256)
@torch.no_grad()
def try_conditioner(
    skeleton: Conditioner, dvae: DvaeConfig | None, sizes: ModelSizes, chunk_s: float
) -> None:
    """Let a conditioner without weights make a prefix; raises what its pieces raise."""
    intake, conditioner = skeleton.intake, _zeroed(skeleton)
    if intake.reads == "speaker":
        inputs = torch.zeros(1, sizes.embedding)
    else:
        rate = 0 if intake.reads == "nothing" else intake.sample_rate
        inputs = torch.zeros(1, int(rate * min(intake.chunk_s or chunk_s, intake.max_s, HEARD_S)))
    if intake.reads == "codes" and dvae is not None:
        inputs = _dvae(dvae)(inputs)
    conditioner(inputs)


@lru_cache(maxsize=256)
@torch.no_grad()
def try_vocoder(skeleton: Vocoder, dvae: DvaeConfig | None, sizes: ModelSizes) -> None:
    """Let a vocoder without weights speak; raises what its pieces raise."""
    inputs: Tensor = torch.zeros(1, CODES, dtype=torch.long)
    if skeleton.reads == "states":
        inputs = torch.zeros(1, CODES, sizes.width)
    if skeleton.reads == "levels":
        inputs = torch.zeros(1, 1, CODES)
    if skeleton.reads == "mel" and dvae is not None:
        inputs = _dvae(dvae).decode(inputs)
    _zeroed(skeleton)(inputs, torch.zeros(1, sizes.embedding))


@lru_cache(maxsize=8)
def _dvae(config: DvaeConfig) -> Dvae:
    with weightless():
        skeleton = Dvae(config)
    return _zeroed(skeleton)


def _zeroed(skeleton: Module) -> Module:
    """A copy in which what is on `meta` is zero; constants stay what they are."""
    module = copy.deepcopy(skeleton)
    untyped: Any = module
    untyped._apply(lambda t: torch.zeros(t.shape, dtype=t.dtype) if t.is_meta else t)
    return module.eval()
