"""The benchmark of decoders runs anywhere at tiny sizes, and finds where curves cross."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "decoders.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    found = importlib.util.spec_from_file_location("bench_decoders", FILE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    import sys

    sys.modules[found.name] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module


def test_it_measures_every_arm(bench: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "x.json"
    bench.main(
        [
            "--sizes",
            "tiny",
            "--seconds",
            "0.2",
            "--trials",
            "1",
            "--device",
            "cpu",
            "--out",
            str(out),
        ]
    )
    points = json.loads(out.read_text())["points"]
    assert [point["arm"] for point in points] == [
        "single",
        "ar_nar",
        "masked",
        "masked_all",
        "delay",
    ]
    streams = {point["arm"]: point["streams"] for point in points}
    assert {name for name, streaming in streams.items() if streaming} == {"single", "delay"}
    assert all(point["utterance"]["p50_ms"] > 0 for point in points)
    assert all(point["utterance"]["p95_ms"] is None for point in points)  # of one trial
    assert {p["arm"]: p["frames"] for p in points}["ar_nar"] == 15


def test_published_sizes_are_those_of_the_papers(bench: ModuleType) -> None:
    sizes = {arm.name: (arm.layers, arm.width, arm.heads) for arm in bench.arms("published")}
    assert sizes["single"] == (30, 1024, 16)
    assert sizes["ar_nar"] == (12, 1024, 16)
    storm = next(arm for arm in bench.arms("published") if arm.name == "masked_all")
    assert (storm.decoder["layers"], storm.decoder["blocks"]) == (12, "conformer")
    assert (storm.codec.frame_rate, storm.codec.levels) == (50, 12)


def test_curves_cross_where_lines_do(bench: ModuleType) -> None:
    def point(arm: str, seconds: float, ms: float) -> dict[str, object]:
        return {"arm": arm, "seconds": seconds, "utterance": {"p50_ms": ms}}

    points = [point("a", 1, 10), point("a", 3, 30), point("b", 1, 20), point("b", 3, 20)]
    assert bench.crossings(points, "utterance") == [{"arms": ["a", "b"], "seconds": 2.0}]
