"""The recipes of the decoders: they resolve, and are as large as each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from xtts_lab.model import ModelConfig, build, part
from xtts_lab.nn.gpt import Gpt, GptConfig
from xtts_lab.nn.rvq import RvqConfig
from xtts_lab.nn.weightless import weightless
from xtts_lab.training.spec import Job, load

RECIPES = Path(__file__).parents[1] / "experiments" / "train" / "decoders"
ARMS = {"single", "ar-nar", "masked", "masked-all", "delay"}


@pytest.mark.parametrize("folder", ["", "micro", "seconds"])
def test_recipes_resolve(folder: str) -> None:
    jobs = [job for job in load(RECIPES / folder) if job.stage["name"] == "decoder"]
    assert {job.name.removeprefix("decoder-").removeprefix("seconds-")[:-3] for job in jobs} == ARMS
    same = {
        key: {repr(job.stage[key]) for job in jobs}
        for key in ("corpora", "codes", "conditioner", "positions", "lr", "spoil_codes")
    }
    assert all(len(values) == 1 for values in same.values()), same
    assert len({repr(job.training) for job in jobs}) == 1


def _parameters(job: Job) -> int:
    stage = job.stage
    gpt = GptConfig(
        layers=stage["layers"], width=stage["width"], heads=stage["heads"], text_tokens=130,
        start_text=3, audio_tokens=1026, max_text=stage["max_text"], max_audio=stage["max_audio"],
    )  # fmt: skip
    config = replace(ModelConfig(), gpt=gpt, codec=RvqConfig())
    config = replace(config, decoder=part("decoders", **stage["decoder"]))
    with weightless():
        modules = (Gpt(gpt), build("decoders", config.decoder, config.sizes))
    return sum(p.numel() for module in modules for p in module.parameters())


def test_arms_are_as_large_as_each_other() -> None:
    sizes = {job.name: _parameters(job) for job in load(RECIPES / "decoder.yaml")}
    assert len(sizes) == 5
    assert max(sizes.values()) < 1.06 * min(sizes.values()), sizes


def test_the_conditioners_differ_in_nothing_else() -> None:
    jobs = load(RECIPES / "conditioners")
    kinds = [job.name.removeprefix("delay-")[:-3] for job in jobs]
    assert Counter(kinds) == {"perceiver": 5, "tortoise": 5, "valle": 1, "no-reference": 1}
    rates = {"lr", "muon_lr"}
    told = [
        {k: v for k, v in job.stage.items() if k not in {"conditioner", *rates}} for job in jobs
    ]
    assert all(one == told[0] for one in told)
    by_kind = {k: {job.stage[r] for r in rates} for k, job in zip(kinds, jobs, strict=True)}
    assert by_kind["perceiver"] == by_kind["tortoise"] == by_kind["no-reference"]
    assert len({repr(job.training) for job in jobs}) == 1
    (delay,) = (job for job in load(RECIPES / "decoder.yaml") if job.name == "decoder-delay-s0")
    assert _parameters(jobs[0]) == _parameters(delay)
