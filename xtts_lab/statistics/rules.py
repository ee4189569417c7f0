"""How much it takes for a word: thresholds that tables, verdicts and reports share."""

from __future__ import annotations

from xtts_lab.metrics.latency import LEAST_TRIALS

ENOUGH_FOR_PERCENTILE = LEAST_TRIALS
"""Percentile -> the trials of a language from which on it is printed."""

ENOUGH_SPEAKERS, ENOUGH_SENTENCES = 10, 20
"""With fewer, figures describe the material at hand and carry no verdict."""

ENOUGH_SHOWING = 15
"""Speakers with an event, or all there are, from which on a share's own variance is trusted."""

ENOUGH_TO_SKEW = 5
"""Speakers with an event from which on it is looked whether they are skewed."""

ENOUGH_SEEDS = 5
"""Training seeds a side from which on a verdict speaks of a method, not of these checkpoints."""

ENOUGH_FOR_ANCHORS = 20
"""Speakers below which the anchors of a similarity are called descriptive."""
