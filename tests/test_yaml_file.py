"""YAML: YAML 1.2's scalars, places for errors, overrides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab.errors import UsageError
from xtts_lab.yaml_file import Document, Where, apply_overrides, read


def _read(folder: Path, text: str) -> Document:
    file = folder / "x.yaml"
    file.write_text(text, encoding="utf-8")
    return read(file)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E5", 1e5), ("-2.5", -2.5), (".5", 0.5), ("7", 7), ("010", 10),
        ("no", "no"), ("on", "on"), ("true", True), ("null", None), ("~", None), ("", None),
        ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("12:30", "12:30"), ("'1e-3'", "1e-3"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    found = _read(tmp_path, f"key: {text}\n").data["key"]
    assert found == value
    assert type(found) is type(value)


def test_places_name_file_and_line(tmp_path: Path) -> None:
    document = _read(tmp_path, "a: 1\nb:\n  c:\n    - x\n    - y\n")
    assert str(Where(document) / "b" / "c" / 1).endswith("x.yaml:5: b.c.1")
    assert str(Where(document) / "b" / "missing").endswith("x.yaml:2: b.missing")


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_FOLDER", "/data")
    assert _read(tmp_path, 'a: "${SOME_FOLDER}/x"\n').data == {"a": "/data/x"}
    with pytest.raises(UsageError, match=r"x\.yaml:2.*NOT_SET_AT_ALL"):
        _read(tmp_path, 'a: 1\nb: "${NOT_SET_AT_ALL}"\n')


def test_overrides_reach_mappings_and_lists(tmp_path: Path) -> None:
    document = _read(tmp_path, "systems: {a: {name: x}}\nmetrics: [{name: wer}]\nseed: 0\n")
    apply_overrides(
        document,
        ["seed=3", "systems.a.rate=1e-2", "metrics.0.name=cer", 'ablate={"systems.a.b": [1, 2]}'],
    )
    assert document.data == {
        "systems": {"a": {"name": "x", "rate": 0.01}},
        "metrics": [{"name": "cer"}],
        "seed": 3,
        "ablate": {"systems.a.b": [1, 2]},
    }


@pytest.mark.parametrize("override", ["seed", "=3", "systems.b.rate=1", "metrics.7.name=x"])
def test_overrides_that_lead_nowhere(tmp_path: Path, override: str) -> None:
    document = _read(tmp_path, "systems: {a: {name: x}}\nmetrics: [{name: wer}]\nseed: 0\n")
    with pytest.raises(UsageError, match="override"):
        apply_overrides(document, [override])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.yaml"
    file.write_bytes(raw)
    refusal = ""
    try:
        found: object = read(file).data
    except UsageError as error:
        found, refusal = {}, str(error)
    assert isinstance(found, dict)
    assert "\n" not in refusal
