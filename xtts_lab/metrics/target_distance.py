"""How far speech is from a natural recording of the same text, in spectrum and in melody.

Both clips are cut to their speech and aligned by dynamic time warping over mel cepstra c_1..c_13
(`alignment.warp`; Euclidean cost). `mcd` is the mean over the path of Kubichek's mel-cepstral
distortion, (10 / ln 10) sqrt(2 sum (c_m - c'_m)^2) in dB; the `contour` instrument says which
cepstra, and why values of other definitions cannot be compared with these. Over the path's pairs
that are voiced in both clips, `f0_rmse` is the root mean square difference of F0 in semitones, a
different voice's register included, and `f0_correlation` Pearson's correlation of the two, which
leaves register and range out. One recording is one reading of a text among many: a system may be
natural and far.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xtts_lab.metrics.base import COSINE, POSITIVE, BaseMetric, Bounds
from xtts_lab.types import Direction, Evidence, Utterance

if TYPE_CHECKING:
    import numpy as np

ORDER = 13
CEPSTRUM_STEP = 1.0 / 4096.0
SEMITONE_STEP = 0.01
UNVOICED = -32768
MIN_PAIRS = 10
"""With fewer frames voiced in both, melody is not compared."""
MCD_DB = 10.0 / math.log(10.0) * math.sqrt(2.0)


@dataclass(frozen=True, eq=False)
class Track:
    """`cepstra` float64 [F, 13]; `semitones` float64 [F] re 100 Hz, NaN where unvoiced."""

    cepstra: np.ndarray[Any, Any]
    semitones: np.ndarray[Any, Any]


def unpack(output: Mapping[str, Any]) -> Track:
    """Read the output of the `contour` instrument."""
    import numpy as np

    def read(name: str) -> Any:
        return np.frombuffer(base64.b64decode(output[name]), dtype="<i2")

    steps = read("f0_semitones")
    tones = np.where(steps == UNVOICED, np.nan, steps * SEMITONE_STEP)
    return Track(read("cepstra").reshape(-1, ORDER) * CEPSTRUM_STEP, tones)


def compare(speech: Track, target: Track) -> dict[str, float]:
    """Return `mcd` in dB and, with `MIN_PAIRS` voiced pairs, `f0_rmse` and `f0_correlation`.

    The correlation is left out where either melody is flat.
    """
    import numpy as np

    from xtts_lab.metrics.alignment import distances, warp

    cost = distances(speech.cepstra, target.cepstra)
    rows, columns = warp(cost).T
    found = {"mcd": MCD_DB * float(cost[rows, columns].mean())}
    pairs = np.stack([speech.semitones[rows], target.semitones[columns]])
    ours, theirs = pairs[:, np.isfinite(pairs).all(axis=0)]
    if len(ours) >= MIN_PAIRS:
        found["f0_rmse"] = float(np.sqrt(np.mean(np.square(ours - theirs))))
        if ours.std() > SEMITONE_STEP and theirs.std() > SEMITONE_STEP:
            found["f0_correlation"] = float(np.corrcoef(ours, theirs)[0, 1])
    return found


class TargetDistance(BaseMetric):
    """Mean `mcd` (dB), `f0_rmse` (semitones) and `f0_correlation` against natural recordings.

    Applies to utterances with a target. Components: each quantity's sum under its name, and
    `<quantity>_n`.
    """

    needs: tuple[str, ...] = ("contour", "contour:target")
    directions: Mapping[str, Direction] = {
        "mcd": "lower",
        "f0_rmse": "lower",
        "f0_correlation": "higher",
    }
    units: Mapping[str, str] = {"mcd": "dB", "f0_rmse": "semitones", "f0_correlation": "r"}
    bounds: Mapping[str, Bounds] = {
        "mcd": POSITIVE,
        "f0_rmse": POSITIVE,
        "f0_correlation": COSINE,
    }
    ratios: Mapping[str, tuple[str, str]] = {q: (q, f"{q}_n") for q in directions}

    def __init__(self) -> None:
        """No settings."""

    def applies(self, utterance: Utterance) -> bool:
        """Say whether there is a natural recording of the text."""
        return utterance.target is not None

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums over the trials whose target could be read; empty without any."""
        sums: dict[str, float] = {}
        for trial in trials:
            for output in trial.outputs["contour:target"]:
                for quantity, value in compare(
                    unpack(trial.outputs["contour"]), unpack(output)
                ).items():
                    sums[quantity] = sums.get(quantity, 0.0) + value
                    sums[f"{quantity}_n"] = sums.get(f"{quantity}_n", 0.0) + 1.0
        return sums

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the mean of each quantity that some trial has."""
        return {q: sums[a] / sums[b] for q, (a, b) in self.ratios.items() if sums.get(b)}
