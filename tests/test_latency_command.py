"""`xtts-lab latency`: systems by the clock, as a table, as JSON, as a report that rebuilds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.runs.measurements import Measured, Measurements, read, write

QUICK = ["--trials", "2", "--warmups", "0"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("latency") / "out"
    arguments = ["latency", "random-tiny", "espeak", "--max-codes", "8", "--load", "20,50", *QUICK]
    assert run_app([*arguments, "--out", str(out)]) == 0
    return out


def table(measured: Measurements, title: str) -> list[dict[str, Any]]:
    (found,) = [one for one in measured.tables if one.title == title]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_systems_stand_side_by_side(made: Path) -> None:
    found = read(made / "latency.json")
    first = table(found, "First audio")
    assert [row["system"] for row in first] == ["espeak", "xtts"]
    for row in first:
        assert (row["trials"], row["failed"]) == (2, 0)
        assert 0 < row["first audio p50, ms"] <= row["first sound p50, ms"]
        assert row["equals offline, share"] == 1.0
    load = table(found, "Load")
    assert [(row["system"], row["requests a second"]) for row in load] == [
        ("espeak", "20"), ("espeak", "50"), ("xtts", "20"), ("xtts", "50"),
    ]  # fmt: skip
    assert all(row["equals alone, share"] == 1.0 and row["failed, share"] == 0.0 for row in load)


def test_a_machine_and_what_a_reader_must_know_are_named(made: Path) -> None:
    found = read(made / "latency.json")
    assert {"device", "torch", "python", "platform", "threads"} <= set(found.machine)
    assert found.command.startswith("xtts-lab latency random-tiny espeak --load 20,50 --trials 2")
    notes = " ".join(found.notes)
    assert "0 streams of each system beforehand" in notes
    assert "p95 from 200" in notes
    assert "xtts: its weights are random" in notes
    assert "espeak: its weights" not in notes


def test_a_report_rebuilds_from_its_json(made: Path) -> None:
    pages = {name: (made / name).read_bytes() for name in ("report.html", "report.md")}
    for name in pages:
        (made / name).unlink()
    assert run_app(["report", str(made)]) == 0
    assert {name: (made / name).read_bytes() for name in pages} == pages
    assert "First audio" in pages["report.md"].decode()


def test_json_is_printed_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["latency", "espeak", "--json", *QUICK]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "xtts_lab measurements"
    assert [one["title"] for one in found["tables"]] == ["First audio", "Stages, ms"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a system"),
        (["espeek"], "espeek"),
        (["xtts"], "--checkpoint"),
        (["null"], "cannot stream"),
        (["espeak", "--load", "fast"], "--load"),
        (["espeak", "--load", "0"], "rates"),
        (["espeak", "--load", "5,5"], "rates"),
        (["espeak", "--language", "xx"], "language"),
        (["espeak", "--trials", "0"], "--trials"),
        (["espeak", "--reference", "no-such.wav"], "no-such.wav"),
        (["random-tiny", "--voice", "nobody"], "nobody"),
        (["random-tiny", "--dtype", "float7"], "dtype"),
        (["random-tiny", "--chunks", "many"], "chunks"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "nothing",
)
def test_a_mistake_is_one_line_and_writes_nothing(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_app(["latency", *arguments, "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len([line for line in error.splitlines() if line.startswith("xtts-lab:")]) == 1
    assert not out.exists()


def measured(**changed: Any) -> Measurements:
    rows = [["<b>a</b>", 1.5, None]]
    known = {"title": "T", "command": "c", "machine": {"device": "cpu"}}
    table = Measured("Cost", ["what", "ms", "p95"], rows)
    return Measurements(**{**known, "tables": [table], "notes": ["a *note*"], **changed})


def test_a_report_escapes_what_it_shows(tmp_path: Path) -> None:
    write(tmp_path / "a.json", measured())
    assert run_app(["report", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "<b>a</b>" not in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "a \\*note\\*" in (tmp_path / "report.md").read_text()


def test_measurements_round_trip(tmp_path: Path) -> None:
    write(tmp_path / "a.json", measured())
    assert read(tmp_path / "a.json") == measured()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40],
        lambda text: text.replace('"schema": 1', '"schema": 9'),
        lambda text: text.replace('"title": "T"', '"title": 5'),
        lambda text: text.replace("1.5,", ""),
        lambda _: "[]",
    ],
    ids=["cut off", "another schema", "wrong type", "a cell is missing", "nothing"],
)
def test_damaged_measurements_are_named(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "a.json"
    write(path, measured())
    path.write_text(damage(path.read_text()))
    with pytest.raises(UsageError, match=r"a\.json: "):
        read(path)
