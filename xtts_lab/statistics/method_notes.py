"""How results are summarised and tested, in words, for the record of a run.

A report quotes these sentences, so that what it says of the statistics stands beside the code that
does them. `[@key]` cites a work of `xtts_lab.report.sections.citations`.
"""

from __future__ import annotations

from typing import Any

from xtts_lab.statistics.bootstrap import EXACT_SPEAKERS, FLIPS
from xtts_lab.statistics.effective import WITHIN_SHOWN, WITHIN_SPEAKER
from xtts_lab.statistics.rules import ENOUGH_SENTENCES, ENOUGH_SHOWING, ENOUGH_SPEAKERS
from xtts_lab.statistics.skewness import SKEWED, TAIL

SUMMARY = (
    "Repeats are averaged within a cell of arm, speaker and sentence (rates sum their edits and "
    "lengths); `all` is the unweighted mean over languages; monolingual and cross-lingual items "
    "are kept apart."
)
INTERVAL = (
    "Intervals come from a crossed bootstrap, in which speakers and sentences are drawn "
    "independently with replacement and languages stay fixed [@owen2007] (where speakers take "
    "turns, they are drawn with their sentences), stretched to the two-way clustered variance of "
    "the estimate [@cameron2011], corrected for few and unequal clusters [@bell2002], and to "
    "Student's quantile at Satterthwaite's degrees of freedom [@satterthwaite1946], as percentiles "
    "of few clusters are too narrow [@hesterberg2015]. Where what speakers (or sentences) add to "
    f"an estimate has a skewness over {SKEWED:g} (in levels of error rates always), an interval "
    f"reaches as far as a studentised bootstrap [@hall1988] at {TAIL:g} of the tail as well. None "
    "leaves the range of its metric."
)
EVENTS = (
    "Shares have the exact interval of Clopper and Pearson [@clopper1934], and error rates that of "
    "a Poisson mean with the variance of the estimate [@fay1997], at an effective sample size "
    f"[@korn1998]; where neither {ENOUGH_SHOWING} speakers nor all show an event, that size is at "
    f"most the one of outcomes that correlate by {WITHIN_SHOWN:g} within a speaker (by "
    f"{WITHIN_SPEAKER:g} without any event), and a difference has the interval of two such levels "
    "[@zou2008]."
)
POOLED_COVERAGE = {
    "eer": "an equal error rate in 91 to 96 %",
    "p50": "a median in 94 to 97 %",
    "p95": "a 95th percentile in 90 to 94 % (least with 10 speakers)",
}
"""By benchmarks/statistics_simulation.py: 10, 20 and 40 speakers with 20 trials each."""

TEST = (
    "Arms are differenced within (speaker, sentence) cells that both have. The p-value of a "
    "difference is the larger of that of its interval and that of a sign-flip test, which swaps "
    f"the arms speaker by speaker (all patterns up to {EXACT_SPEAKERS} speakers, else {FLIPS:,} "
    "random ones) [@ernst2004]."
)
ADJUSTMENT = (
    "P-values are adjusted by Holm's procedure [@holm1979] within a metric: over the arms for all "
    "languages together, and over arms and languages as a second family."
)
VERDICT = (
    f"With fewer than {ENOUGH_SPEAKERS} speakers or {ENOUGH_SENTENCES} sentences, or without "
    "trained weights on both sides, a comparison stays undecided. A verdict must stand without the "
    "speaker that moves the figure most (whose p-value may then be twice the limit), and in the "
    "worst case for trials that failed on one side alone: they are given the metric's bound or, "
    "where it has none, the extreme that any trial showed, and in error rates at least 100 % "
    "[@manski1990]. Where speakers are as skewed in one arm as a lognormal is, 7 to 8 % of "
    "comparisons of arms that are equal come out with a verdict, and not the usual 5 %."
)
"""The shares are those of benchmarks/statistics_simulation.py."""


def method_notes(*, confidence: float, resamples: int, seed: int) -> dict[str, Any]:
    """Return the settings and the sentences that `environment.json` keeps of the statistics."""
    return {
        "confidence": confidence,
        "resamples": resamples,
        "seed": seed,
        "summary": SUMMARY,
        "interval": INTERVAL,
        "events": EVENTS,
        "test": TEST,
        "adjustment": ADJUSTMENT,
        "verdict": VERDICT,
    }
