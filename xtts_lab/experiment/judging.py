"""An instrument at work on a batch of clips, each output under the key of what determines it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtts_lab import registry
from xtts_lab.experiment.construction import construct, describe
from xtts_lab.types import Clip, Failure

Record = dict[str, Any]


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


@dataclass(frozen=True)
class Batch:
    """Clips for one instrument, in one process."""

    instrument: str
    spec: Mapping[str, Any]
    device: str | None
    needs: Sequence[Need]


def uses_language(spec: Mapping[str, Any]) -> bool:
    """Return whether an instrument wants to be told the language of a clip."""
    return bool(registry.lookup("instruments", str(spec["name"])).uses_language)


def perform(batch: Batch) -> Iterator[Record]:
    """Measure a batch; yield one record per clip, in order."""
    instrument = construct("instruments", batch.spec, batch.device)
    pending = list(batch.needs)
    try:
        while pending:
            for record in _attempt(instrument, list(pending)):
                pending.pop(0)
                yield record
    finally:
        instrument.close()


def _attempt(instrument: Any, needs: Sequence[Need]) -> Iterator[Record]:
    results = iter(instrument.measure([need.clip for need in needs]))
    for need in needs:
        try:
            result = next(results)
        except StopIteration:
            result = Failure("the instrument yielded no result")
        except Exception as error:  # whatever an instrument raises fails this clip only
            yield _record(need, Failure(describe(error)))
            return
        yield _record(need, result)


def _record(need: Need, result: Any) -> Record:
    failed = isinstance(result, Failure)
    return {
        "id": need.key,
        "instrument": need.instrument,
        "error": result.error if failed else None,
        "output": None if failed else result,
    }
