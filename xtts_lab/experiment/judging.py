"""An instrument at work on a batch of clips, each output under the key of what determines it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from xtts_lab import registry
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.tasks import work_through
from xtts_lab.notices import one_line
from xtts_lab.types import Clip, Failure

Record = dict[str, Any]
SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3")


@dataclass(frozen=True)
class Need:
    """One output: an instrument on a clip, in a trial's role (`audio`: the trial's own)."""

    key: str
    trial_id: str
    instrument: str
    role: str
    index: int
    clip: Clip
    sha256: str

    @property
    def id(self) -> str:
        """Of its record."""
        return self.key

    @property
    def name(self) -> str:
        """As a metric's `needs` name it."""
        return self.instrument if self.role == "audio" else f"{self.instrument}:{self.role}"

    def own(self, error: str | None) -> str | None:
        """Return an error with this clip's name: it was said of a file of the same content."""
        named, colon, rest = (error or "").partition(": ")
        if colon and Path(named).suffix.lower() in SOUND_SUFFIXES:
            return f"{self.clip.path.name}: {rest}"
        return error


@dataclass(frozen=True)
class Batch:
    """Clips for one instrument, in one process."""

    instrument: str
    spec: Mapping[str, Any]
    device: str | None
    jobs: Sequence[Need]
    kind: str = "instruments"

    def failed(self, need: Need, error: str) -> Record:
        """Return the record of a clip without output."""
        return _record_of(need, one_line(error), None)


def alike_together(needs: Iterable[Need]) -> list[Need]:
    """Return needs by language, and of one language the longest clips first.

    A batch takes as long as its longest clip; what a recogniser repeats without end is mostly long,
    too. Read from the files' sizes, for which nothing is decoded.
    """
    return sorted(needs, key=lambda need: (need.clip.language or "", -_size(need.clip.path)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the judge will say so
        return 0


def uses_language(spec: Mapping[str, Any]) -> bool:
    """Return whether an instrument wants to be told the language of a clip."""
    return bool(registry.lookup("instruments", str(spec["name"])).uses_language)


def perform(batch: Batch, parts: Parts) -> Iterator[Record]:
    """Measure a batch; yield what `work_through` does."""
    return work_through(batch, batch.device, parts, _ask, partial(_record, batch))


def _ask(instrument: Any, needs: Sequence[Need]) -> Iterator[Any]:
    results: Iterator[Any] = instrument.measure([need.clip for need in needs])
    return results


def _record(batch: Batch, need: Need, result: Any, _seconds: float) -> Record:
    if isinstance(result, Failure):
        return batch.failed(need, result.error)
    try:
        # As it will be read back, and as it can be written into a table.
        output = json.loads(json.dumps(result, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        return batch.failed(need, f"the output is not JSON: {error}")
    if not isinstance(output, dict):
        return batch.failed(need, f"the output is not a mapping: {str(output)[:40]}")
    return _record_of(need, None, output)


def _record_of(need: Need, error: str | None, output: Any) -> Record:
    return {"id": need.key, "instrument": need.instrument, "error": error, "output": output}
