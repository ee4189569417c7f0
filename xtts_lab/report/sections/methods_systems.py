"""The systems in the methods section: each arm, and how it differs from the first of its kind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from xtts_lab.report.sections.citations import OF_SYSTEM
from xtts_lab.runs.reading import Run

LONGEST = 300
"""Characters of a setting that a sentence can hold; longer ones are named by their size."""


def systems(run: Run) -> Iterator[str]:
    """Say of each arm what it is; of systems of one kind, how each differs from the first."""
    first: dict[str, str] = {}
    for arm in run.arms:
        spec, identity = _system(run, arm)
        name = str(spec.pop("name", "?"))
        alike = first.setdefault(name, arm)
        shown, work = OF_SYSTEM.get(name, (name, ""))
        if alike == arm:
            said = f"is the system `{name}`" + (f" ({shown} [@{work}])" if work else "")
        else:
            said = f"is as {alike}"
            like, its = _system(run, alike)
            spec, identity = _other(spec, like), _other(identity, its)
        settings, weights = in_words(spec), in_words(identity)
        yield (
            f"arm {arm} {said}"
            + (f" with {settings}" if settings else "")
            + (f"; identity: {weights}" if weights else "")
            + ("; its weights are random" if arm in run.random_arms else "")
            + ("; its parts were not trained together" if arm in run.untrained_arms else "")
            + "."
        )


def _system(run: Run, arm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration of an arm, and what identifies it."""
    stored = mapping(mapping(run.environment, "systems"), arm)
    return dict(run.system(arm)), dict(mapping(stored, "identity"))


def _other(own: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is set otherwise; what only the other has is `not set`."""
    differing = {key: "not set" if value is None else value for key, value in own.items()}
    differing = {k: v for k, v in differing.items() if own[k] != like.get(k)}
    lacking = [k for k in like if k not in own and k != "name" and like[k] not in (None, {}, [])]
    return differing | dict.fromkeys(lacking, "not set")


def mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, Mapping) else {}


def in_words(content: Mapping[str, Any]) -> str:
    """Return `key value, key value` of what is set; long tables by their size."""
    shown = []
    for key, value in content.items():
        if value is None or value == {} or value == []:
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        long = len(text) > LONGEST and isinstance(value, Mapping | list)
        shown.append(f"{key} (a table of {len(value)}, below)" if long else f"{key} {text}")
    return ", ".join(shown)
