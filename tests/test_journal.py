"""The log that survives a kill: whatever byte it is cut at, whole records stay."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab.runs import journal as journal_module
from xtts_lab.runs.journal import Journal


def test_records_outlive_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "log") as journal:
        journal.append({"id": "a", "n": 1})
        journal.append({"id": "a", "n": 2})
    with Journal(tmp_path / "log") as journal:
        assert journal.get("a") == {"id": "a", "n": 2}
        assert journal.get("b") is None


@given(cut=st.integers(min_value=0, max_value=10_000))
def test_a_cut_at_any_byte_loses_only_the_torn_record(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "log"
    with Journal(path) as journal:
        for i in range(20):
            journal.append({"id": str(i), "text": "zwölf\n" * i})
    whole = path.read_bytes()
    cut = min(cut, len(whole))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    with Journal(path) as journal:
        assert [i for i in range(20) if journal.get(str(i))] == list(range(kept))
        journal.append({"id": "new"})
    with Journal(path) as journal:
        assert journal.get("new") == {"id": "new"}
        assert [i for i in range(20) if journal.get(str(i))] == list(range(kept))


def test_records_lie_on_the_disk_and_not_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "RECENT_BYTES", 100_000)
    text = "x" * 20_000
    tracemalloc.start()
    try:
        for _ in range(2):  # written, and read again
            with Journal(tmp_path / "log") as journal:
                for i in range(200):
                    if journal.get(str(i)) is None:
                        journal.append({"id": str(i), "text": text + str(i)})
                for i in range(200):
                    assert journal.get(str(i))["text"] == text + str(i)
                held = tracemalloc.get_traced_memory()[0]
                assert held < 500_000  # of 4 MB
    finally:
        tracemalloc.stop()


def test_what_is_asked_for_again_is_not_read_again_unless_it_changed(tmp_path: Path) -> None:
    with Journal(tmp_path / "log") as journal:
        journal.append({"id": "a", "n": 1})
        assert journal.get("a") is journal.get("a")
        journal.append({"id": "a", "n": 2})
        assert journal.get("a") == {"id": "a", "n": 2}
