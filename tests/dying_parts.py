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
