"""What a part leaves out is its base's default, whether it inherits or not; metrics have bounds."""

from __future__ import annotations

import inspect
import math
import sys
import types
from typing import Any

import pytest

from xtts_lab import config, registry
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.metrics.base import BaseMetric
from xtts_lab.runs.metric_use import metric_info, metric_uses
from xtts_lab.systems.base import BaseSystem
from xtts_lab.yaml_file import Document, Where

BASES = {"systems": BaseSystem, "metrics": BaseMetric, "instruments": BaseInstrument}
WHERE = Where(Document("test"))


class Bare:
    """A part of a third party that has nothing but a setting."""

    def __init__(self, *, loud: bool = False) -> None:
        self.loud = loud


class Outspoken:
    """A part that sets on itself what the bases have as class attributes and as properties."""

    sample_rate = 8000
    level = "repeats"
    uses_language = True

    def __init__(self) -> None:
        self.identity = {"version": 3}
        self.weights_random = True
        self.needs = ("whisper",)


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("plugged_in")
    module.Bare, module.Outspoken = Bare, Outspoken  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plugged_in", module)
    for kind in BASES:
        named = {"bare": "plugged_in:Bare", "outspoken": "plugged_in:Outspoken"}
        monkeypatch.setitem(registry.BUILTIN, kind, {**registry.BUILTIN[kind], **named})
    return


@pytest.mark.usefixtures("plugged_in")
@pytest.mark.parametrize("kind", BASES)
def test_a_part_that_does_not_inherit_has_the_defaults(kind: str) -> None:
    base = BASES[kind]()
    part = config.build(kind, {"name": "bare", "loud": True}, WHERE)
    assert part.loud
    assert isinstance(part, Bare)
    for name, _ in inspect.getmembers(BASES[kind], lambda m: not callable(m)):
        if not name.startswith("__"):
            assert getattr(part, name) == getattr(base, name), name
    assert registry.lookup(kind, "bare").__doc__ == Bare.__doc__


@pytest.mark.usefixtures("plugged_in")
@pytest.mark.parametrize("kind", BASES)
def test_what_a_part_says_of_itself_wins(kind: str) -> None:
    part = config.build(kind, {"name": "outspoken"}, WHERE)
    assert part.identity == {"version": 3}
    assert (part.sample_rate, part.level, part.uses_language) == (8000, "repeats", True)
    assert part.weights_random
    assert part.needs == ("whisper",)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in BASES for name in registry.BUILTIN[kind]]
)
def test_built_in_parts_inherit(kind: str, name: str) -> None:
    assert issubclass(registry.lookup(kind, name), BASES[kind])


METRICS = [
    {"name": name} for name in registry.BUILTIN["metrics"] if name not in {"naturalness"}
] + [{"name": "naturalness", "predictor": "dnsmos"}]


@pytest.mark.parametrize("spec", METRICS, ids=lambda s: s["name"])
def test_every_quantity_has_the_bounds_that_its_unit_implies(spec: dict[str, Any]) -> None:
    """Where they come from: what a cosine, a share, a count or a duration can be."""
    implied = {
        "cosine": (-1.0, 1.0), "r": (-1.0, 1.0), "MOS": (1.0, 5.0), "s": (0.0, math.inf),
        "1/s": (0.0, math.inf), "ms": (0.0, math.inf), "dB": (0.0, math.inf),
        "Hz": (0.0, math.inf), "log s": (0.0, math.inf), "1": (0.0, math.inf),
        "speakers": (0.0, math.inf), "cosine in 10 s": (-math.inf, math.inf),
    }  # fmt: skip
    for metric_id, info in metric_info(metric_uses([spec], WHERE)).items():
        if info.unit in implied:
            assert info.bounds == implied[info.unit], metric_id
        elif info.unit == "ratio":
            assert info.bounds[0] == 0.0, metric_id
            rate = metric_id.startswith(("wer.", "cer.")) or metric_id.endswith("cer_sd")
            assert info.bounds[1] == (math.inf if rate else 1.0), metric_id
        else:
            assert info.unit == "semitones", metric_id
            spread = not metric_id.endswith("f0_median_semitones")
            assert info.bounds[0] == (0.0 if spread else -math.inf), metric_id
