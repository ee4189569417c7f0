"""The ablation grid and the ids of its arms."""

from __future__ import annotations

from typing import Any

import pytest

from xtts_lab.errors import UsageError
from xtts_lab.experiment.arms import expand
from xtts_lab.yaml_file import Document, Where

WHERE = Where(Document("x.yaml"))
NULL = {"name": "null"}


def _ids(systems: dict[str, Any], ablate: dict[str, Any]) -> list[str]:
    return [arm.id for arm in expand(systems, ablate, WHERE)]


def test_a_system_without_grid_is_one_arm() -> None:
    assert _ids({"a": NULL}, {}) == ["a"]


def test_the_grid_multiplies_its_own_system_only() -> None:
    grid = {"systems.a.sample_rate": [8000, 16000], "systems.a.duration_s": [0.5, 1.0]}
    assert _ids({"a": NULL, "b": NULL}, grid) == [
        "a[sample_rate=8000,duration_s=0.5]",
        "a[sample_rate=8000,duration_s=1.0]",
        "a[sample_rate=16000,duration_s=0.5]",
        "a[sample_rate=16000,duration_s=1.0]",
        "b",
    ]


def test_suffixes_are_the_shortest_unique_tails_and_values_bare_or_json() -> None:
    from xtts_lab.runs.arm_ids import arm_id, suffixes_of, system_of

    paths = [("systems", "x", "vocoder", "name"), ("systems", "x", "conditioner", "name")]
    assert suffixes_of(paths) == ["vocoder.name", "conditioner.name"]
    assert suffixes_of([("systems", "x", "sampling", "top_k")]) == ["top_k"]
    values = ("nano-1", 0.75, True, None, "a b", {"k": [1, 2]})
    assert [arm_id("x", [("k", value)]) for value in values] == [
        "x[k=nano-1]", "x[k=0.75]", "x[k=true]", "x[k=null]", 'x[k="a b"]', 'x[k={"k":[1,2]}]',
    ]  # fmt: skip
    assert arm_id("x") == "x"
    assert {system_of(arm_id("x", [("k", value)])) for value in values} == {"x"}


def test_values_reach_the_arm() -> None:
    arms = expand({"a": NULL}, {"systems.a.duration_s": [0.5, 1.0]}, WHERE)
    assert [arm.spec["duration_s"] for arm in arms] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("ablate", "message"),
    [
        ({"systems.b.rate": [1]}, "unknown system 'b'"),
        ({"texts.languages": [1]}, "a path in a system"),
        ({"systems.a.sample_rat": [1]}, "did you mean 'sample_rate'"),
        ({"systems.a.sample_rate": []}, "at least one value"),
        ({"systems.a.sample_rate": ["x"]}, "sample_rate"),
        ({"systems.a.sample_rate": [8000, 8000]}, "share the arm id"),
        ({"systems.a.sample_rate": list(range(40)), "systems.a.duration_s": [1.0] * 40}, "1600"),
    ],
)
def test_grids_that_cannot_be(ablate: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        expand({"a": NULL}, ablate, WHERE)
