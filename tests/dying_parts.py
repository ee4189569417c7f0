"""Parts that end their own process, each in another way: a system, an instrument and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.dying_jobs import die
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.metrics.base import BaseMetric
from xtts_lab.systems.null import NullSystem
from xtts_lab.types import Clip, Direction, Evidence, Failure, Request, Synthesis


class Mouth(NullSystem):
    """Dies at one seed in two, or at another moment of its life."""

    def __init__(self, *, way: str = "exit-0", at: str = "synthesis") -> None:
        super().__init__()
        self._way, self._at = way, at
        if at == "set-up":
            die(way)

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            if self._at == "synthesis" and request.seed % 2 == 0:
                die(self._way)
            yield from super().synthesise([request])

    def close(self) -> None:
        if self._at == "close":
            die(self._way)


class Ear(BaseInstrument):
    """Dies of everything it hears."""

    def __init__(self, *, way: str = "exit-0") -> None:
        self._way = way

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Any] | Failure]:
        for clip in clips:
            die(self._way)
            yield {"clip": str(clip.path)}


class Judge(BaseMetric):
    """Dies in the method `at`."""

    directions: Mapping[str, Direction] = {"x": "none"}
    pooled = ("x",)

    def __init__(self, *, way: str = "exit-0", at: str = "", ear: bool = False) -> None:
        self._way, self._at = way, at
        self.needs = ("ear",) if ear else ()

    def _reach(self, method: str) -> None:
        if method == self._at:
            die(self._way)

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        self._reach("components")
        return {"x": 1.0, "n": float(len(trials))}

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        self._reach("values")
        return {"x": sums["x"] / sums["n"]}

    def applies(self, _utterance: object) -> bool:
        self._reach("applies")
        return True

    def detail(self, _trials: Sequence[Evidence]) -> Mapping[str, Any]:
        self._reach("detail")
        return {}

    def pool(self, _quantity: str, names: Sequence[str], totals: Any) -> Any:
        self._reach("pool")
        return totals[..., list(names).index("x")] / totals[..., list(names).index("n")]


JUDGES = """\
import math, os, sys
from xtts_lab.types import Failure

class Base:
    uses_language = False
    identity = {}
    def measure(self, clips):
        for clip in clips:
            yield self.judge()

def instrument(name, judge):
    made = type(name, (Base,), {"judge": lambda self: judge()})
    made.__init__ = lambda self: None
    return made

def raises():
    raise RuntimeError("no")

INSTRUMENTS = {
    "i_good": lambda: {"x": 1.0},
    "i_raises": raises,
    "i_exits": lambda: sys.exit(0),
    "i_ends": lambda: os._exit(0),
    "i_nan": lambda: {"x": math.nan},
    "i_set": lambda: {"x": {1}},
    "i_list": lambda: [1.0],
    "i_none": lambda: None,
    "i_surrogate": lambda: {"x": "\\ud800"},
    "i_failure": lambda: Failure("lone \\udfff"),
}
globals().update({name: instrument(name, judge) for name, judge in INSTRUMENTS.items()})

def metric(name, needs=(), **methods):
    members = {
        "level": "trial", "needs": needs, "directions": {"x": "none"},
        "components": lambda self, trials: {"x": 1.0},
        "values": lambda self, sums: {"x": sums["x"]},
        **methods,
    }
    made = type(name, (), members)
    made.__init__ = lambda self: None
    return made

def bad(*_):
    raise ValueError("lone \\ud800 and\\nmore")

def leave(*_):
    sys.exit(0)

METRICS = {
    "m-good": {},
    "m-components-raise": {"components": bad},
    "m-components-exit": {"components": leave},
    "m-components-list": {"components": lambda s, t: [1.0]},
    "m-components-none": {"components": lambda s, t: None},
    "m-components-text": {"components": lambda s, t: {"x": "1.0"}},
    "m-values-raise": {"values": bad},
    "m-values-nan": {"values": lambda s, c: {"x": math.nan}},
    "m-values-infinite": {"values": lambda s, c: {"x": -math.inf}},
    "m-values-none": {"values": lambda s, c: {"x": None}},
    "m-values-text": {"values": lambda s, c: {"x": "high"}},
    "m-values-list": {"values": lambda s, c: {"x": [1.0, 2.0]}},
    "m-values-complex": {"values": lambda s, c: {"x": 1j}},
    "m-values-other": {"values": lambda s, c: {"y": 1.0}},
    "m-values-number": {"values": lambda s, c: 1.0},
    "m-applies-raise": {"applies": bad},
    "m-detail-raise": {"detail": bad},
    "m-detail-surrogate": {"detail": lambda s, t: {"said": "\\ud800"}},
    "m-detail-set": {"detail": lambda s, t: {"said": {1}}},
    "m-texts-raise": {"compares_texts": True, "cross_text": bad},
    "m-texts-fewer": {"compares_texts": True, "cross_text": lambda s, u: []},
}
globals().update({n.replace("-", "_"): metric(n, **m) for n, m in METRICS.items()})
for name in INSTRUMENTS:
    globals()["of_" + name] = metric("Of" + name, needs=(name,))
"""
"""Instruments and metrics of a package that misbehaves."""
