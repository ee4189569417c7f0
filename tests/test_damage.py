"""Damage to what is kept: cache, journals, a finished run. Made again and said, never trusted."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests import damage_kinds
from xtts_lab import records
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.files import sha256, write_text, write_with
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.shared import Cache
from xtts_lab.runs.store import RunFolder

EXPERIMENT = """\
name: damage
systems: {a: {name: "null"}, b: {name: "null", duration_s: 0.3}}
texts: {name: builtin, languages: [en], per_language: 2}
speakers: {name: synthetic, count: 2}
metrics: [{name: duration}, {name: sanity, recognizer: null}]
statistics: {baseline: a, resamples: 100}
claims: ["b > a on duration.seconds"]
"""
KEYS = ("ab" + "0" * 30, "cd" + "1" * 30)
ALL_KINDS = {**damage_kinds.ANY_FILE, **damage_kinds.RECORDS}


def _filled(folder: Path) -> Cache:
    cache = Cache(folder / "cache")
    for i, key in enumerate(KEYS):
        (folder / f"{i}.wav").write_bytes(bytes([i + 1]) * 100)
        sha = sha256(folder / f"{i}.wav")
        cache.put_audio(key, folder / f"{i}.wav", {"id": "t", "sha256": sha, "duration_s": 1.0})
        cache.put("evidence", key, {"id": key, "error": None, "output": {"rms_dbfs": float(-i)}})
        cache.put("costs", key, {"seconds": 1.0 + i, "bytes": 2.0})
    return cache


def _file(folder: Path, kind: str, suffix: str) -> Path:
    return folder / "cache" / kind / KEYS[0][:2] / f"{KEYS[0]}{suffix}"


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("what", ["audio", "evidence", "costs"])
def test_a_damaged_record_is_absent_and_can_be_made_again(
    kind: str, what: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cache = _filled(tmp_path)
    path = _file(tmp_path, what, ".json")
    ALL_KINDS[kind](path)
    assert cache.get(what, KEYS[0]) is None
    assert cache.get(what, KEYS[1]) is not None
    said = capfd.readouterr().err
    assert said.count("\n") == (0 if kind == "lost" else 1)
    assert kind == "lost" or f"{path}: is damaged" in said
    cache.put(what, KEYS[0], {"id": "again"})
    assert cache.get(what, KEYS[0]) == {"id": "again"}


@pytest.mark.parametrize("kind", damage_kinds.ANY_FILE)
def test_damaged_audio_is_absent_and_can_be_made_again(kind: str, tmp_path: Path) -> None:
    cache = _filled(tmp_path)
    damage_kinds.ANY_FILE[kind](_file(tmp_path, "audio", ".wav"))
    assert cache.get_audio(KEYS[0], tmp_path / "got.wav") is None
    assert not (tmp_path / "got.wav").exists()
    record = {"id": "t", "sha256": sha256(tmp_path / "0.wav")}
    cache.put_audio(KEYS[0], tmp_path / "0.wav", record)
    assert cache.get_audio(KEYS[0], tmp_path / "got.wav") == record
    assert (tmp_path / "got.wav").read_bytes() == bytes([1]) * 100


@pytest.mark.parametrize("place", ["audio", "audio/ab", "evidence", "costs/ab"])
@pytest.mark.parametrize("kind", ["garbage", "dangling_link"])
def test_a_file_where_a_folder_belongs(place: str, kind: str, tmp_path: Path) -> None:
    cache = _filled(tmp_path)
    where = tmp_path / "cache" / place
    shutil.rmtree(where)
    where.write_text("")
    damage_kinds.ANY_FILE[kind](where)
    what = place.partition("/")[0]
    assert cache.get(what, KEYS[0]) is None
    cache.put(what, KEYS[0], {"id": "again"})
    assert cache.get(what, KEYS[0]) == {"id": "again"}


def test_a_record_of_another_kind_or_key_is_not_taken(tmp_path: Path) -> None:
    cache = _filled(tmp_path)
    _file(tmp_path, "costs", ".json").write_bytes(_file(tmp_path, "evidence", ".json").read_bytes())
    assert cache.get("costs", KEYS[0]) is None


@pytest.mark.parametrize("kind", [k for k in ALL_KINDS if k not in damage_kinds.RECORDS])
def test_a_damaged_journal_loses_no_sound_line_and_goes_on(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "state" / "log"
    with Journal(path) as journal:
        for i in range(10):
            journal.append({"id": str(i), "n": i})
    whole = path.read_bytes().splitlines(keepends=True)
    (tmp_path / "state" / "other").write_text('{"id": "7", "n": 70}\n')
    ALL_KINDS[kind](path)
    left = path.read_bytes() if path.is_file() else b""
    with Journal(path) as journal:
        for i, line in enumerate(whole):
            assert journal.get(str(i)) == ({"id": str(i), "n": i} if line in left else None)
        journal.append({"id": "new"})
    assert not path.is_symlink()
    with Journal(path) as journal:
        assert journal.get("new") == {"id": "new"}


def _run(folder: Path, name: str, *flags: str) -> int:
    file = folder / "x.yaml"
    file.write_text(EXPERIMENT)
    return run_app(["run", str(file), "--out", str(folder / name), *flags])


def _results(run: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and ".state" not in path.parts and path.name != "timings.parquet"
    }
    trials = pd.read_parquet(run / "trials.parquet").drop(columns="synthesis_s")
    return {**found, "trials.parquet": trials.to_csv().encode()}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with the cache that it filled; tests damage copies of both."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTTS_LAB_CACHE", str(folder / "cache"))
        assert _run(folder, "run") == 0
    return folder


def test_a_run_on_a_damaged_cache_is_as_without(
    whole: Path, tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every file of the cache is damaged, in one way or another."""
    shutil.copytree(whole / "cache", cache)
    files = sorted(p for p in cache.rglob("*") if p.is_file())
    assert {p.relative_to(cache).parts[0] for p in files} >= {"audio", "evidence", "speakers"}
    before = {p: p.read_bytes() for p in files}
    for path, damage in zip(files, itertools.cycle(damage_kinds.ANY_FILE.values()), strict=False):
        damage(path)
    assert _run(tmp_path, "again") == 0
    assert "damaged" in capfd.readouterr().err
    assert _results(tmp_path / "again") == _results(whole / "run")
    # A cost is what this machine needed: another figure each time.
    repaired = {p for p in files if p.relative_to(cache).parts[0] in ("audio", "evidence")}
    assert all(p.read_bytes() == before[p] for p in repaired)


def _written(run: Path) -> list[Path]:
    return sorted(p for p in run.rglob("*") if p.is_file() and ".state" not in p.parts)


@pytest.mark.parametrize("kind", damage_kinds.ANY_FILE)
def test_what_a_finished_run_lost_is_known(kind: str, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "run", tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    work = (records.read(folder.finished) or {})["work"]
    for path in _written(folder.path):
        content = path.read_bytes()
        assert folder.damaged(work) == []
        damage_kinds.ANY_FILE[kind](path)
        name = path.relative_to(folder.path).as_posix()
        assert folder.damaged(work) == [name] or path.read_bytes() == content
        damage_kinds.restore(path, content)
    assert folder.damaged("other work") is None


NAMED = re.compile(r"(\S+): is missing or not what was written; made again")


@pytest.mark.parametrize("step", [1, 5])
def test_a_damaged_finished_run_is_made_again(
    step: int, whole: Path, tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """All of it is damaged, each file in a way of its own, its state included."""
    shutil.copytree(whole / "cache", cache)
    shutil.copytree(whole / "run", tmp_path / "run")
    kinds = list(damage_kinds.ANY_FILE.values())
    for i, path in enumerate(_written(tmp_path / "run")):
        kinds[(i * step) % len(kinds)](path)
    damage_kinds.garbage(tmp_path / "run" / ".state" / "trials.jsonl")
    damage_kinds.folder(tmp_path / "run" / ".state" / "evidence.jsonl")
    assert _run(tmp_path, "run") == 0
    assert len(NAMED.findall(capfd.readouterr().err)) == 5  # and that there are more
    assert _results(tmp_path / "run") == _results(whole / "run")
    assert _run(tmp_path, "run") == 0
    assert "everything is there already" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["garbage", "folder", "emptied", "lost", "flipped"])
def test_a_damaged_mark_of_the_end_is_not_trusted(kind: str, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "run", tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    work = (records.read(folder.finished) or {})["work"]
    damage_kinds.ANY_FILE[kind](folder.finished)
    assert folder.damaged(work) is None


def test_a_report_made_again_is_no_damage(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole / "run", tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    work = (records.read(folder.finished) or {})["work"]
    (tmp_path / "run" / "report.md").write_text("of an older version")
    folder.note_report()
    assert folder.damaged(work) == []


@pytest.mark.parametrize("what", ["folder", "full_folder", "dangling_link", "link_to_itself"])
def test_a_lock_that_is_no_file_is_named(what: str, tmp_path: Path) -> None:
    (tmp_path / "run" / ".state").mkdir(parents=True)
    (tmp_path / "run" / ".state" / "lock").write_text("")
    damage_kinds.ANY_FILE[what](tmp_path / "run" / ".state" / "lock")
    with pytest.raises(UsageError, match="lock: is no file"), RunFolder(tmp_path / "run").locked():
        pass


def test_partial_files_of_dead_processes_are_swept(tmp_path: Path, cache: Path) -> None:
    dying = (
        "import os, sys; from pathlib import Path; from xtts_lab.files import write_with\n"
        "write_with(Path(sys.argv[1]), lambda p: os._exit(1))"
    )
    place = cache / "evidence" / "ab" / "x.json"
    subprocess.run([sys.executable, "-c", dying, str(place)], check=False)
    (dead,) = place.parent.iterdir()

    def swept(partial: Path) -> None:
        Cache(cache).sweep()
        assert partial.exists()  # of a process that lives

    write_with(cache / "evidence" / "y.json", swept)
    assert not dead.exists()
    assert not list(tmp_path.rglob("*.partial"))


def test_a_partial_file_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("untouched")
    (tmp_path / "x").symlink_to(tmp_path / "theirs")
    (tmp_path / f".x.{os.getpid()}.partial").symlink_to(tmp_path / "theirs")
    write_text(tmp_path / "x", "new")
    assert (tmp_path / "theirs").read_text() == "untouched"
    assert (tmp_path / "x").read_text() == "new"
    assert not (tmp_path / "x").is_symlink()


def test_a_finished_run_that_cannot_be_written_is_left_as_it_is(
    whole: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(whole / "cache", cache)
    shutil.copytree(whole / "run", tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}
    # As the file system says it, to root as well.
    known = os.access

    def access(path: Path, mode: int, **more: bool) -> bool:
        denied = mode & os.W_OK and "run" in Path(os.fsdecode(path)).parts[-2:]
        return not denied and known(path, mode, **more)

    monkeypatch.setattr(os, "access", access)
    for flags in ([], ["--no-cache"]):
        assert _run(tmp_path, "run", *flags) == 0
        assert "everything is there already" in capfd.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")} == before
    (tmp_path / "run" / "summary.csv").unlink()
    assert _run(tmp_path, "run") == 2
    assert re.search(r"^xtts-lab: .*run: cannot be written", capfd.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize("flags", [[], ["--no-cache"]], ids=["cache", "no cache"])
def test_a_cache_that_cannot_be_written(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("XTTS_LAB_CACHE", "/proc/nowhere")
    assert _run(tmp_path, "run", *flags) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert "XTTS_LAB_CACHE" in err
    assert not (tmp_path / "run").exists()
    # Where nothing need be made there, the run goes on without it.
    nobody = ["speakers={name: synthetic, count: 1, references: 0, enrolment: 0}",
              "metrics=[{name: duration}]", "sanity=false", *flags]  # fmt: skip
    assert run_app(["run", str(tmp_path / "x.yaml"), "--out", str(tmp_path / "run"), *nobody]) == 0
    assert ("cannot be written" in capfd.readouterr().err) == (not flags)
