"""Remarks on what the intervals and the counts of a run cannot say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from xtts_lab.report.numbers import count, listed
from xtts_lab.report.tables import records
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.effective import WITHIN_SHOWN, WITHIN_SPEAKER
from xtts_lab.statistics.method_notes import POOLED_COVERAGE

_OF_CONTENT = re.compile(
    r"silen|no voice|no speech|no sound|too short|too long|nothing to (say|hear)|loop|repeats|"
    r"length (cap|limit)|no audio|empty",
    re.IGNORECASE,
)
_MOST_SHOWN = 80


def failed_for_content(run: Run) -> Iterator[str]:
    """Say of an arm whose failures are a matter of content that they flatter it.

    A silent or endless file is no accident of the machine: it is how the arm speaks, and no judge
    has a score for it.
    """
    lost = run.scores[run.scores["value"].isna()]
    errors = {str(row["trial_id"]): _error(row.get("detail")) for row in records(lost)}
    broken = run.trials[run.trials["status"] != "ok"]
    errors |= {str(row["trial_id"]): str(row["error"]) for row in records(broken)}
    arm_of = dict(zip(run.trials["trial_id"].astype(str), run.trials["arm"], strict=True))
    for arm in run.arms:
        own = [e for trial, e in errors.items() if arm_of.get(trial) == arm and telling(e)]
        if own:
            whole = int((run.trials["arm"] == arm).sum())
            yield (
                f"{arm}: {len(own):,} of {count(whole, 'trial')} could not be judged in full for "
                f"what they hold, as in '{_short(own[0])}'. Its figures are over the others, and "
                "look the better for it: read them beside its rates of faults."
            )


def telling(error: str) -> bool:
    """Say whether an error is about what was spoken (silence, a loop), not about the machine."""
    return _OF_CONTENT.search(error) is not None


def _error(detail: object) -> str:
    found = json.loads(detail) if isinstance(detail, str) and detail else {}
    return str(found.get("error") or "") if isinstance(found, dict) else ""


def _short(error: str) -> str:
    return error if len(error) <= _MOST_SHOWN else error[: _MOST_SHOWN - 1] + "…"


def pooled_intervals(run: Run) -> Iterator[str]:
    """Say how honest the intervals of percentiles and of equal error rates are."""
    named = [m for m in run.metrics if m.endswith((".p50", ".p95", ".p99", ".eer"))]
    kinds = list(dict.fromkeys(m.rpartition(".")[2] for m in named))
    told = [POOLED_COVERAGE[kind] for kind in kinds if kind in POOLED_COVERAGE]
    if told:
        yield (
            "Percentiles and equal error rates have no derivative, so that their intervals come "
            "from resampling alone. In simulations with 10 to 40 speakers 95 % intervals held "
            f"{listed(told)}."
        )


def few_events(run: Run) -> Iterator[str]:
    """Say what the intervals of shares assume where there is next to nothing to resample."""
    if any(unit == "ratio" for unit, _ in run.described.values()):
        yield (
            "Where few speakers show a fault or an error, the interval assumes that what happens "
            f"to one speaker correlates by {WITHIN_SHOWN:g} (by {WITHIN_SPEAKER:g} where there is "
            "none at all). It cannot know of a fault that befalls a few speakers altogether, if "
            "none of them is here."
        )
