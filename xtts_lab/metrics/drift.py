"""Whether a voice drifts within one long take.

A take is cut into windows (the instrument `speaker_windows`). Each has its mean cosine with the
speaker's enrolment, and through them runs the line of least squares over the seconds of speech said
so far. The unit is a take; interval and test are those of any trial's metric, over speakers and
texts. A take in pieces that a system says one after the other begins anew with each, so that its
slope is that of the whole, and `worst` shows a piece that goes astray.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xtts_lab.errors import UsageError
from xtts_lab.metrics.base import COSINE, BaseMetric, Bounds
from xtts_lab.metrics.secs import cosine
from xtts_lab.types import Direction, Evidence

LEAST_WINDOWS = 3
"""With fewer, a line through them says nothing."""
PER_S = 10.0


class Drift(BaseMetric):
    """Similarity to enrolment over the seconds of speech of a take, by the encoder `encoder`.

    `slope`: change of the cosine in 10 s of speech, 0 for a voice that holds; `first`, `last`,
    `worst`: the cosine of the first, of the last, and of the least similar window. Takes of under
    three windows have none. `windows` names the instrument that cuts, whose `encoder` is this one.

    Components: each quantity's sum under its name, and `takes`.
    """

    directions: Mapping[str, Direction] = {
        "slope": "higher",
        "first": "higher",
        "last": "higher",
        "worst": "higher",
    }
    units: Mapping[str, str] = {
        "slope": "cosine in 10 s",
        **dict.fromkeys(["first", "last", "worst"], "cosine"),
    }
    bounds: Mapping[str, Bounds] = dict.fromkeys(["first", "last", "worst"], COSINE)
    ratios: Mapping[str, tuple[str, str]] = {q: (q, "takes") for q in directions}

    def __init__(self, *, encoder: str = "resemblyzer", windows: str = "speaker_windows") -> None:
        self.instrument: str = encoder
        self._windows = windows
        self.needs = (windows, f"{encoder}:enrolment")

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums over the takes that are long enough; empty without any."""
        sums: dict[str, float] = {}
        for trial in trials:
            found = trial.outputs[self._windows]
            if found["encoder"] != self.instrument:
                raise UsageError(
                    f"instrument {self._windows}: cuts for the encoder '{found['encoder']}', and "
                    f"drift is asked for '{self.instrument}'; name the same one in both"
                )
            held_out = [one["embedding"] for one in trial.outputs[f"{self.instrument}:enrolment"]]
            windows = found["windows"]
            if not held_out or len(windows) < LEAST_WINDOWS:
                continue
            own = [_mean_cosine(one["embedding"], held_out) for one in windows]
            take = {
                "slope": PER_S * slope([float(one["speech_s"]) for one in windows], own),
                "first": own[0],
                "last": own[-1],
                "worst": min(own),
                "takes": 1.0,
            }
            sums = {name: sums.get(name, 0.0) + value for name, value in take.items()}
        return sums

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the means over takes."""
        return {q: sums[q] / sums["takes"] for q in self.directions} if sums else {}


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the line of least squares through values [n] at times [n].

    >>> slope([0.0, 1.0, 2.0], [1.0, 0.5, 0.0])
    -0.5
    """
    middle = sum(times) / len(times)
    above = sum((t - middle) * v for t, v in zip(times, values, strict=True))
    return above / sum((t - middle) ** 2 for t in times)


def _mean_cosine(own: Sequence[float], others: Sequence[Sequence[float]]) -> float:
    return sum(cosine(own, other) for other in others) / len(others)
