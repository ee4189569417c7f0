"""Prosody in numbers: pitch, its movement, voicing, loudness, speed. No direction is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xtts_lab.metrics.base import POSITIVE, SHARE, BaseMetric, Bounds
from xtts_lab.text.scoring import normalise
from xtts_lab.types import Direction, Evidence, Utterance

STATISTICS: Mapping[str, str] = {
    "f0_median_hz": "f0_median_hz",
    "f0_median_semitones": "f0_median_semitones",
    "f0_sd": "f0_sd_semitones",
    "voiced": "voiced",
    "energy_sd": "energy_sd_db",
}
"""Quantity -> the field of the pitch tracker's output that it is the mean of."""
SPREAD = ("rates", "rate_squares", "rate_n")


def spoken_characters(utterance: Utterance) -> int:
    """Return how many letters, marks and digits are to be said; 0 where no text is known.

    Counted on the normalised text as it is read aloud, without spaces. A Chinese character or a
    Hangul block is one, so the count is comparable within a language only.
    """
    text = normalise(utterance.spoken or utterance.text, utterance.language)
    return len("".join(text.split()))


class Prosody(BaseMetric):
    """Means over trials of what the `pitch` instrument measures, and the speaking rate.

    `f0_median_hz`, `f0_median_semitones` (re 100 Hz): the trials' median F0; `f0_sd`: SD of F0
    within a trial, in semitones; `voiced`: share of voiced frames; `energy_sd`: SD of frame level
    in dB; `rate`: characters to be said per second from first to last speech, pooled; `rate_sd`: SD
    of the trials' own rates, small for who reads all alike. A trial without voiced speech has
    no F0 and does not count in its means.

    Components: sums under the quantity's name, `<quantity>_n`; `characters`, `speech_s`; of the
    trials' rates `rates`, `rate_squares` and `rate_n`.
    """

    version = 1
    needs: tuple[str, ...] = ("pitch",)
    directions: Mapping[str, Direction] = dict.fromkeys([*STATISTICS, "rate", "rate_sd"], "none")
    units: Mapping[str, str] = {
        "f0_median_hz": "Hz",
        "f0_median_semitones": "semitones",
        "f0_sd": "semitones",
        "voiced": "ratio",
        "energy_sd": "dB",
        **dict.fromkeys(["rate", "rate_sd"], "1/s"),
    }
    bounds: Mapping[str, Bounds] = {
        **dict.fromkeys(["f0_median_hz", "f0_sd", "energy_sd", "rate", "rate_sd"], POSITIVE),
        "voiced": SHARE,
    }
    ratios: Mapping[str, tuple[str, str]] = {
        **{quantity: (quantity, f"{quantity}_n") for quantity in STATISTICS},
        "rate": ("characters", "speech_s"),
    }
    pooled = ("rate_sd",)

    def __init__(self) -> None:
        """No settings: the range of F0 is the instrument's."""

    def components(self, trials: Sequence[Evidence]) -> Mapping[str, float]:
        """Return sums over the trials for which a quantity is known."""
        sums: dict[str, float] = {}
        for trial in trials:
            found = trial.outputs["pitch"]
            for quantity, name in STATISTICS.items():
                if found[name] is not None:
                    _add(sums, {quantity: float(found[name]), f"{quantity}_n": 1.0})
            characters = spoken_characters(trial.utterance)
            if characters:
                speech_s = float(found["speech_s"])
                _add(sums, {"characters": float(characters), "speech_s": speech_s})
                if speech_s > 0.0:
                    own = characters / speech_s
                    _add(sums, {"rates": own, "rate_squares": own**2, "rate_n": 1.0})
        return sums

    def values(self, sums: Mapping[str, float]) -> Mapping[str, float]:
        """Return the quantities that some trial has."""
        found = {q: sums[a] / sums[b] for q, (a, b) in self.ratios.items() if sums.get(b)}
        if not sums.get("rate_n"):
            return found
        totals = np.array(list(sums.values()), np.float64)
        return {**found, "rate_sd": float(self.pool("rate_sd", list(sums), totals))}

    def pool(
        self, quantity: str, names: Sequence[str], totals: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the SD [...] of the rates of summed components [..., K]; NaN without any."""
        assert quantity == "rate_sd"
        rates, squares, n = (totals[..., names.index(name)] for name in SPREAD)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: NDArray[np.float64] = np.sqrt(np.maximum(squares / n - (rates / n) ** 2, 0.0))
        return found

    def merge(self, quantity: str, name: str) -> str | None:
        """Return the component itself where the rates' spread is of it; None elsewhere."""
        assert quantity == "rate_sd"
        return name if name in SPREAD else None


def _add(sums: dict[str, float], parts: Mapping[str, float]) -> None:
    for name, value in parts.items():
        sums[name] = sums.get(name, 0.0) + value
