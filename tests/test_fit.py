"""Planning tries parts whose settings differ from the usual ones, and stays quick at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from xtts_lab import registry
from xtts_lab.checkpoint.assembling import skeleton
from xtts_lab.errors import UsageError
from xtts_lab.inference.fit import try_conditioner, try_vocoder
from xtts_lab.model import ModelConfig, build, part
from xtts_lab.nn.weightless import weightless
from xtts_lab.systems.xtts import XttsSystem

TINY = ModelConfig.tiny()

BUILT_BUT_UNFIT = [
    {"vocoder": {"name": "hifigan", "channels": 32, "kernels": [4, 7, 11]}},
    {"vocoder": {"name": "mel_hifigan", "channels": 32, "kernels": [3, 8, 11]}},
    {"vocoder": {"name": "hifigan", "channels": 32, "upsample_kernels": [4, 4, 4, 4]}},
]


@pytest.mark.parametrize("settings", BUILT_BUT_UNFIT)
def test_pieces_that_do_not_fit_are_found_without_weights(settings: dict[str, Any]) -> None:
    """Such a part can be built; that a residual has another length shows when it is used."""
    system = XttsSystem(checkpoint="random-tiny", **settings)
    with pytest.raises(UsageError, match="fit no part of this model"):
        system.check()


@pytest.mark.parametrize("name", sorted(registry.BUILTIN["conditioners"]))
def test_every_conditioner_fits_with_its_defaults(name: str) -> None:
    with weightless():
        made = build("conditioners", part("conditioners", name), TINY.sizes)
    try_conditioner(made, TINY.dvae, TINY.sizes, 4.0)


@pytest.mark.parametrize("name", sorted(registry.BUILTIN["vocoders"]))
def test_every_vocoder_fits_with_its_defaults(name: str) -> None:
    with weightless():
        made = build("vocoders", part("vocoders", name), TINY.sizes)
    try_vocoder(made, TINY.dvae, TINY.sizes)


def test_without_weights_nothing_is_drawn_and_constants_are_real() -> None:
    before = torch.random.get_rng_state()
    model = skeleton(TINY)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(parameter.is_meta for parameter in model.parameters())
    filters = model.get_submodule("conditioner.mel.mel").get_buffer("filters")
    assert not filters.is_meta


def test_planning_imports_no_compiler(tmp_path: Path) -> None:
    """torch's compiler and Triton take longer to import than 35 tiny arms to plan."""
    code = (
        "import sys; from xtts_lab.cli import run_app;"
        "assert run_app(['plan', 'experiments/parts-tiny.yaml', '--out', sys.argv[1]]) == 0;"
        "print([m for m in ('torch._dynamo', 'sympy', 'triton', 'whisper') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
