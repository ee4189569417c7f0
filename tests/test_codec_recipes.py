"""The shipped recipes of the codec can be read, and fit what ships."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from xtts_lab.types import Part


@pytest.mark.parametrize("size", ["micro", "nano", "full"])
def test_the_shipped_trainings_of_the_codec_can_be_read(size: str) -> None:
    from xtts_lab.training.spec import load

    folder = Path(__file__).parents[1] / "experiments" / "train" / size
    stages = {job.name: job.stage["name"] for job in load(folder)}
    assert stages["dvae"] == "dvae"
    assert stages["vocoder"] == "codec_vocoder"


def test_the_nano_sizes_fit_what_ships() -> None:
    """At two bytes a number: 5 MB for the vocoder, 5.2 MB for the codec, 3.9 MB for the ruler."""
    from xtts_lab.checkpoint.codec import sizes
    from xtts_lab.model import build
    from xtts_lab.nn.ctc import CtcConfig, CtcRecogniser
    from xtts_lab.nn.dvae import Dvae, DvaeConfig

    def parameters(module: torch.nn.Module) -> int:
        return sum(weight.numel() for weight in module.parameters())

    stages = _nano_stages()
    codec = stages["dvae"]
    names = {field.name for field in dataclasses.fields(DvaeConfig)}
    sizes_of = {name: value for name, value in codec.items() if name in names}
    levels = tuple(codec["levels"])
    plain = DvaeConfig.grid(levels, width=1, layers=1, residual_blocks=1)
    tuples = {name: tuple(x) for name, x in sizes_of.items() if isinstance(x, list)}
    dvae = Dvae(dataclasses.replace(plain, **{**sizes_of, **tuples}))
    assert 1000 <= dvae.config.codes <= 2400
    assert dvae.config.context_codes <= 31  # a stream waits for them
    assert parameters(dvae) <= 2_600_000
    spec = dict(stages["vocoder"]["vocoder"])
    vocoder = build("vocoders", Part(spec.pop("name"), spec), sizes(dvae))
    assert parameters(vocoder) <= 2_500_000
    ruler = {name: stages["world-ctc"][name] for name in ("width", "inner", "layers")}
    assert parameters(CtcRecogniser(CtcConfig(symbols=100, languages=16, **ruler))) <= 1_950_000


def _nano_stages() -> dict[str, Any]:
    folder = Path(__file__).parents[1] / "experiments" / "train" / "nano"
    files = (folder / f"{name}.yaml" for name in ("dvae", "vocoder", "world-ctc"))
    return {file.stem: yaml.safe_load(file.read_text())["stage"] for file in files}
