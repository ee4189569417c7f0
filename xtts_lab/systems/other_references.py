"""A system that is given other references than a test set's: shorter, longer, or someone else's."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from xtts_lab import config
from xtts_lab.audio import sha256
from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Failure, Json, Reference, Request, Synthesis
from xtts_lab.yaml_file import Document, Where


class OtherReferencesSystem(BaseSystem):
    """Another system (`system`), given the references that a manifest names for an utterance's id.

    So one experiment compares references of 3 and 12 seconds, or a clone of the wrong person, on
    the same utterances with the same seeds. `whose: another` takes those of the manifest's next
    row of the language that another speaker says. A metric that reads the prompt (`secs.*.prompt`)
    still reads the test set's; enrolment is the test set's as well, as it should be.
    """

    def __init__(
        self,
        *,
        system: dict[str, Any],
        manifest: Path,
        whose: Literal["same", "another"] = "same",
        device: str = "auto",
    ) -> None:
        if str(system.get("name")) == "other_references":
            raise UsageError("system: other_references does not stand in itself")
        self._inner = config.build("systems", _on(system, device), _where())
        self._references = _references(manifest, whose)
        self.dtype = str(self._inner.dtype)
        self.languages = frozenset(self._inner.languages)
        self.encoders: Collection[str] = self._inner.encoders
        self.free_settings = frozenset(
            {"manifest", *(f"system.{name}" for name in ("device", *self._inner.free_settings))}
        )
        self.batch_settings = frozenset(f"system.{name}" for name in self._inner.batch_settings)

    @staticmethod
    def complete(settings: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Fill in the defaults of the system."""
        return {
            **settings,
            "system": config.resolve("systems", settings["system"], where / "system"),
        }

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return int(self._inner.sample_rate)

    @property
    def weights_random(self) -> bool:
        """As the system says."""
        return bool(self._inner.weights_random)

    @property
    def untrained(self) -> tuple[str, ...]:
        """As the system says."""
        return tuple(self._inner.untrained)

    @property
    def needs_reference_text(self) -> bool:
        """False: the manifest says what its references say, or the system fails."""
        return False

    @property
    def facts(self) -> Mapping[str, Mapping[str, Json]]:
        """As the system says."""
        found: Mapping[str, Mapping[str, Json]] = self._inner.facts
        return found

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """That of the system, and the references by content."""
        heard = {
            name: [[sha256(one.audio), one.text, one.language] for one in references]
            for name, references in self._references.items()
        }
        return {"system": dict(self._inner.identity), "references": heard}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield what the system makes of each request with its other references."""
        known = [
            dataclasses.replace(request, references=self._references[request.id])
            for request in requests
            if request.id in self._references
        ]
        made = iter(self._inner.synthesise(known))
        for request in requests:
            if request.id in self._references:
                yield next(made)
            else:
                yield Failure(f"the manifest names no references for the id {request.id[:80]!r}")

    def check(self) -> None:
        """As the system does."""
        self._inner.check()

    def close(self) -> None:
        """Release what the system holds."""
        self._inner.close()


def _on(system: Mapping[str, Any], device: str) -> dict[str, Any]:
    """Return a system's spec with the device, where it has one."""
    resolved = config.resolve("systems", system, _where())
    return {**resolved, "device": device} if "device" in resolved else resolved


def _where() -> Where:
    return Where(Document("other_references"))


def _references(manifest: Path, whose: str) -> dict[str, tuple[Reference, ...]]:
    """Return the references of each row's id; `UsageError` where rows have none."""
    rows = config.build("texts", {"name": "manifest", "path": str(manifest)}, _where()).sentences()
    found: dict[str, tuple[Reference, ...]] = {}
    for i, row in enumerate(rows):
        around = [*rows[i:], *rows[:i]]
        others = (o for o in around if o.language == row.language and o.speaker != row.speaker)
        chosen = row if whose == "same" else next(others, None)
        if chosen is None or chosen.voice is None or not chosen.voice.references:
            raise UsageError(f"{manifest.name}: no references for '{row.id}' ({whose} speaker)")
        found[row.id] = chosen.voice.references
    return found
