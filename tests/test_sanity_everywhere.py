"""Every experiment counts faults unless it says otherwise, and shows that it does."""

from __future__ import annotations

from pathlib import Path

import yaml

from xtts_lab.experiment.spec import load

BASE = {
    "name": "x",
    "systems": {"a": {"name": "null"}},
    "texts": {"name": "builtin", "languages": ["en"], "per_language": 1},
}


def _metrics(folder: Path, **changes: object) -> list[dict[str, object]]:
    file = folder / "x.yaml"
    file.write_text(yaml.safe_dump({**BASE, **changes}))
    return load(file).spec.metrics


def test_sanity_is_added_with_the_recogniser_at_work(tmp_path: Path) -> None:
    heard = _metrics(tmp_path, metrics=[{"name": "duration"}, {"name": "cer"}])
    assert [m["name"] for m in heard] == ["duration", "cer", "sanity"]
    assert heard[-1]["recognizer"] == "whisper"
    assert _metrics(tmp_path, metrics=[{"name": "duration"}])[-1]["recognizer"] is None


def test_sanity_is_not_added_twice_or_against_ones_will(tmp_path: Path) -> None:
    own = [{"name": "sanity", "recognizer": None}, {"name": "cer"}]
    assert len(_metrics(tmp_path, metrics=own)) == 2
    assert len(_metrics(tmp_path, metrics=[{"name": "cer"}], sanity=False)) == 1
