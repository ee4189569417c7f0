"""`arms.csv`: what each arm is made of, a row an arm and part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from xtts_lab.experiment.plan import Plan, Trial
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.schema import ARMS
from xtts_lab.runs.trial_details import columns_of
from xtts_lab.types import Json

_FLOPS_OF = {"gpt": "a code", "vocoder": "a second of speech"}


def arms_frame(plan: Plan, trials: Journal) -> pd.DataFrame:
    """Return the columns of `schema.ARMS`, a row an arm and part, in plan order.

    An arm whose system says nothing of its parts has one row with a blank `part`, named after the
    system. `streams` and `untrained` (reasons, joined by "; ") are the arm's, on each of its rows.
    `prefix_length` and `reference_s` of a conditioner are the means over the arm's trials that
    report them, else what the system names; its `flops` are for the seconds in `flops_of`.
    """
    by_arm: dict[str, list[Trial]] = {}
    for trial in plan.trials:
        by_arm.setdefault(trial.arm.id, []).append(trial)
    rows = [row for own in by_arm.values() for row in _rows(plan, own, trials)]
    return pd.DataFrame(rows, columns=list(ARMS.columns)).astype(dict(ARMS.columns))


def _rows(plan: Plan, own: Sequence[Trial], trials: Journal) -> Iterator[dict[str, Any]]:
    arm = own[0].arm
    facts = plan.facts[arm.id]
    shared = {
        "arm": arm.id,
        "system": arm.system,
        "streams": facts.streams,
        "untrained": "; ".join(facts.untrained) or None,
    }
    if not facts.parts:
        yield {**shared, "part": None, "name": arm.spec["name"]}
    for part, known in facts.parts.items():
        row = {**shared, "part": part, **_described(part, known)}
        if part == "conditioner":
            row |= _measured(own, trials)
        yield row


def _described(part: str, known: Mapping[str, Json]) -> dict[str, Any]:
    names = ("name", "parameters", "flops", "prefix_length", "reference_s")
    nominal = known.get("reference_s")
    of = _FLOPS_OF.get(part)
    if part == "conditioner" and nominal is not None:
        of = f"{nominal:g} s of reference"
    return {
        **{name: known.get(name) for name in names},
        "flops_of": of if known.get("flops") is not None else None,
    }


def _measured(own: Sequence[Trial], trials: Journal) -> dict[str, float]:
    """Return the means over trials of what trials say; a quantity that none says is left out."""
    found: dict[str, float] = {}
    for name in ("prefix_length", "reference_s"):
        said = (columns_of(trials.get(trial.id) or {})[name] for trial in own)
        values = [value for value in said if value is not None]
        if values:
            found[name] = round(sum(values) / len(values), 3)
    return found
