"""The run folder: its lock, its state, and whether what stands there is what was written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from xtts_lab import files, records
from xtts_lab.errors import UsageError
from xtts_lab.runs import schema

REPORT = (*schema.REPORTS, "tables.tex")
WRITTEN = (schema.EXPERIMENT, schema.ENVIRONMENT, *(t.file for t in schema.tables()), *REPORT)
"""What a run writes beside its audio, where it is asked for."""

DYING_S = 4.0
"""How long a folder may still be held by a process that was killed a moment ago."""


class RunFolder:
    """Paths of a run folder. `audio/` and the tables are for people; `.state/` is for resuming."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / ".state"
        self.trials_log = self.state / "trials.jsonl"
        self.evidence_log = self.state / "evidence.jsonl"
        self.latency_log = self.state / "latency.jsonl"
        self.load_log = self.state / "load.jsonl"
        self.begun_log = self.state / "begun.jsonl"
        self.timeline = self.state / "timeline.json"
        self.finished = self.state / "finished.json"
        self.remeasuring = self.state / "remeasuring"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a second one is turned away. Cleans up after a kill."""
        import filelock

        self._create()
        place = self.state / "lock"
        if place.is_symlink() or place.is_dir():
            raise UsageError(f"{place}: is no file, so the run cannot be locked; remove it")
        lock = filelock.FileLock(place)
        try:
            lock.acquire(timeout=DYING_S, poll_interval=0.02)
        except filelock.Timeout as error:
            raise UsageError(
                f"{self.path}: another process is running here; wait for it, or choose --out"
            ) from error
        except OSError as error:
            raise self._not_writable(error) from error
        try:
            files.remove_partials(self.path)
            yield
        finally:
            lock.release()

    def _create(self) -> None:
        try:
            if self.path.is_dir() and not self.state.is_dir() and any(self.path.iterdir()):
                raise UsageError(
                    f"{self.path}: holds files but no run; choose an empty or new folder with --out"
                )
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be created ({error.strerror}); choose a writable --out"
            ) from error
        if not self.is_writable():
            raise self._not_writable(PermissionError(0, "no right to write, or a read-only disk"))

    def _not_writable(self, error: OSError) -> UsageError:
        return UsageError(
            f"{self.path}: cannot be written ({error.strerror}); make it so, or choose --out"
        )

    def is_writable(self) -> bool:
        """Return whether this process may write in the folder."""
        return all(os.access(place, os.W_OK | os.X_OK) for place in (self.path, self.state))

    def forget_timings(self) -> None:
        """Drop what was timed here, with the record of the audio whose making was timed.

        `remeasuring` is there until that audio is made again, even if the process is killed.
        """
        self.remeasuring.touch()
        for path in (self.finished, self.latency_log, self.load_log, self.trials_log):
            files.remove(path)

    def finish(self, work: str, audio: Mapping[str, str]) -> None:
        """Note that the results of `work` are complete, with the hashes of all that is there.

        `audio`: path below the folder -> SHA-256.
        """
        records.write(self.finished, {"work": work, "files": {**audio, **self._hashes()}})

    def note_report(self) -> None:
        """Note that the report was made again, where the folder is finished."""
        known = records.read(self.finished)
        if known is not None:
            noted = {**known["files"], **self._hashes(REPORT)}
            records.write(self.finished, {**known, "files": noted})

    def _hashes(self, names: Iterable[str] = WRITTEN) -> dict[str, str]:
        there = [name for name in names if (self.path / name).is_file()]
        return {name: files.sha256(self.path / name) for name in there}

    def damaged(self, work: str) -> list[str] | None:
        """Return what is not as the finished run of exactly this work left it.

        None where the folder is no such run, or where what it was is not known.
        """
        known = records.read(self.finished)
        if known is None or known["work"] != work:
            return None
        noted = known["files"].items()
        return [name for name, sha in noted if not files.holds(self.path / name, sha)]
