"""What a plan would cost: from what this machine needed before, or said to be unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from xtts_lab.cache import cache_dir
from xtts_lab.experiment.plan import Plan
from xtts_lab.runs.keys import PartContent, cost_key
from xtts_lab.runs.shared import Cache
from xtts_lab.runs.store import RunFolder

KIND = "costs"
LISTED = 6
"""How many parts of unknown cost are named before they are counted."""


def remember(cache: Cache, part: PartContent, seconds: float, size: float = 0.0) -> None:
    """Keep the mean seconds and bytes per item that a part just needed here."""
    cache.put(KIND, cost_key(part), {"seconds": seconds, "bytes": size})


def describe_plan(plan: Plan, folder: RunFolder) -> str:
    """Return arms, trials, instruments, expected time and disk as text."""
    cache = Cache(cache_dir())
    trials = Counter(trial.arm.id for trial in plan.trials)
    lines = [f"{plan.experiment.spec.name}: {len(plan.trials)} trials -> {folder.path}"]
    lines += [f"  {note}" for note in plan.notes]
    total_s, total_bytes, unknown = 0.0, 0.0, []
    for arm, count in trials.items():
        cost = cache.get(KIND, cost_key(plan.systems[arm]))
        lines.append(f"  arm {arm}: {count} trials{_shown(cost, count)}")
        total_s, total_bytes = _add(cost, count, total_s, total_bytes)
        unknown += [arm] if cost is None else []
    for name, part in plan.instruments.items():
        cost = cache.get(KIND, cost_key(part))
        lines.append(f"  instrument {name}: up to {len(plan.trials)} clips and those compared with")
        total_s, _ = _add(cost, len(plan.trials), total_s, 0.0)
        unknown += [name] if cost is None else []
    if unknown:
        many = len(unknown) > LISTED
        named = f"{len(unknown)} arms and instruments" if many else ", ".join(unknown)
        lines.append(f"  expected time and disk: not yet known for {named}")
    lines.append(f"  expected, where known: {total_s / 60:.1f} min, {total_bytes / 1e6:.1f} MB")
    return "\n".join(lines)


def _shown(cost: Mapping[str, float] | None, count: int) -> str:
    return "" if cost is None else f", about {cost['seconds'] * count:.0f} s"


def _add(
    cost: Mapping[str, float] | None, count: int, seconds: float, size: float
) -> tuple[float, float]:
    if cost is None:
        return seconds, size
    return seconds + cost["seconds"] * count, size + cost["bytes"] * count
