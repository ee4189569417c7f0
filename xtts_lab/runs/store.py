"""The run folder, and the cache that runs share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xtts_lab import files
from xtts_lab.errors import UsageError


class RunFolder:
    """Paths of a run folder. `audio/` and the tables are for people; `.state/` is for resuming."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / ".state"
        self.trials_log = self.state / "trials.jsonl"
        self.evidence_log = self.state / "evidence.jsonl"
        self.latency_log = self.state / "latency.jsonl"
        self.finished = self.state / "finished.json"
        self.remeasuring = self.state / "remeasuring"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; a second one is turned away. Cleans up after a kill."""
        import filelock

        self._create()
        lock = filelock.FileLock(self.state / "lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise UsageError(
                f"{self.path}: another process is running here; wait for it, or choose --out"
            ) from error
        try:
            files.remove_partials(self.path)
            yield
        finally:
            lock.release()

    def _create(self) -> None:
        if self.path.is_dir() and not self.state.is_dir() and any(self.path.iterdir()):
            raise UsageError(
                f"{self.path}: holds files but no run; choose an empty or new folder with --out"
            )
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be created ({error.strerror}); choose a writable --out"
            ) from error

    def forget_timings(self) -> None:
        """Drop what was timed here, with the record of the audio whose making was timed.

        `remeasuring` is there until that audio is made again, even if the process is killed.
        """
        self.remeasuring.touch()
        for path in (self.finished, self.latency_log, self.trials_log):
            path.unlink(missing_ok=True)

    def is_finished(self, work: str) -> bool:
        """Return whether the folder holds the complete results of exactly this work."""
        try:
            return bool(json.loads(self.finished.read_text())["work"] == work)
        except (OSError, ValueError, KeyError, TypeError):
            return False


class Cache:
    """Audio and evidence by content key, shared by runs. `None` as folder: nothing is shared."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def _path(self, kind: str, key: str, suffix: str) -> Path | None:
        return self._folder / kind / key[:2] / f"{key}{suffix}" if self._folder else None

    def get_audio(self, key: str, destination: Path) -> dict[str, Any] | None:
        """Copy cached audio to `destination` and return its record, or None."""
        audio, record = self._path("audio", key, ".wav"), self.get("audio", key)
        if audio is None or record is None or not audio.is_file():
            return None
        files.copy(audio, destination)
        return record

    def put_audio(self, key: str, source: Path, record: dict[str, Any]) -> None:
        """Keep audio with its record; the record comes last and so vouches for the audio."""
        audio = self._path("audio", key, ".wav")
        if audio is not None:
            files.copy(source, audio)
            self.put("audio", key, record)

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return a cached record, or None; a damaged one counts as absent."""
        path = self._path(kind, key, ".json")
        if path is None:
            return None
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def put(self, kind: str, key: str, record: dict[str, Any]) -> None:
        """Keep a record."""
        path = self._path(kind, key, ".json")
        if path is not None:
            files.write_text(path, json.dumps(record, separators=(",", ":")))
