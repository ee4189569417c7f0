"""What every metric declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Any, Literal

from xtts_lab.types import Direction, Evidence, Json, Loading, Streaming, Utterance

Bounds = tuple[float, float]
"""The least and the most that a quantity can be."""
SHARE: Bounds = (0.0, 1.0)
POSITIVE: Bounds = (0.0, inf)
COSINE: Bounds = (-1.0, 1.0)
ANYTHING: Bounds = (-inf, inf)


class BaseMetric:
    """The base of all metrics: what differs from these defaults, a class sets itself.

    A metric that does not inherit is given the same defaults for what it leaves out (`registry`).
    It brings `components` and `values`. A quantity's metric id is `family[.instrument].quantity`,
    without the last part for the quantity "".

    - `level`: the unit is a trial, or all `repeats` of an utterance by an arm;
    - `needs`: instruments, on the trial's audio or, as `name:role`, on the clips of a role;
      `optional`: those of them without which it can do (their output is None where they failed);
    - `directions`: quantity -> which way is better; `units`: quantity -> unit;
    - `ratios`: quantity -> the components that fill the columns numerator and denominator;
    - `bounds`: quantity -> the least and the most that it can be; no interval reaches beyond;
    - `pooled`: quantities that are no ratio of sums: their components are kept with the scores;
    - `least`: quantity -> the scored trials of a language below which it has no value;
    - `instrument`: stands in the metric id;
    - `version`, `identity`: what determines scores beside settings and evidence;
    - `of_speech`: False for times, about which claims are judged where weights are random, too;
    - `skips_deterministic`: it does not apply to arms whose repeats are all the same bytes;
    - `compares_texts`: it has a `cross_text`;
    - `streaming`: how trials are streamed for it, where they are; `loading`: likewise, under load.
    """

    level: Literal["trial", "repeats"] = "trial"
    needs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    directions: Mapping[str, Direction] = {}
    units: Mapping[str, str] = {}
    ratios: Mapping[str, tuple[str, str]] = {}
    bounds: Mapping[str, Bounds] = {}
    pooled: Collection[str] = ()
    least: Mapping[str, int] = {}
    instrument: str | None = None
    version: int = 0
    of_speech: bool = True
    skips_deterministic: bool = False
    compares_texts: bool = False
    streaming: Streaming | None = None
    loading: Loading | None = None

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """What determines a score beside settings, version and evidence."""
        return {}

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return the summable parts of one unit; empty where the metric does not apply to it."""
        raise NotImplementedError(f"{type(self).__name__} needs components of {len(trials)} trials")

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the quantities of summed components."""
        raise NotImplementedError(f"{type(self).__name__} has no values of {len(sums)} sums")

    def applies(self, _utterance: Utterance) -> bool:
        """Return whether evidence need be gathered for an utterance."""
        return True

    def detail(self, _trials: Sequence[Evidence]) -> Mapping[str, Json]:
        """Return JSON about a unit for a reader (normalised texts)."""
        return {}

    def cross_text(self, units: Sequence[Sequence[Evidence]]) -> Sequence[Mapping[str, float]]:
        """Return for each unit the components that compare it with the other ones.

        `units` are all that one arm says in one speaker's voice in a language, in plan order.
        """
        raise NotImplementedError(f"{type(self).__name__} compares no texts: {len(units)} units")

    def pool(self, quantity: str, names: Sequence[str], totals: Any) -> Any:
        """Return a pooled quantity [...] of totals [..., K] of the K components `names`."""
        raise NotImplementedError(f"{type(self).__name__} pools no {quantity}")

    def merge(self, _quantity: str, name: str) -> str | None:
        """Return the component that stands for another while resampling; None where none does."""
        return name
