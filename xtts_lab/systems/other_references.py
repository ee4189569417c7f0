"""A system that is given other references than a test set's: shorter, longer, or someone else's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from xtts_lab import config
from xtts_lab.audio import sha256
from xtts_lab.errors import UsageError
from xtts_lab.systems.around import AroundSystem
from xtts_lab.types import Failure, Json, Reference, Request, Synthesis
from xtts_lab.yaml_file import Document, Where

_WHERE = Where(Document("other_references"))


class OtherReferencesSystem(AroundSystem):
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
        super().__init__("other_references", system, device)
        self._references = _references(manifest, whose)
        self.free_settings |= {"manifest"}

    @property
    def needs_reference_text(self) -> bool:
        """False: the manifest says what its references say, or the system fails."""
        return False

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """That of the system, and the references by content."""
        heard: Json = {
            name: [[sha256(one.audio), one.text, one.language] for one in references]
            for name, references in self._references.items()
        }
        return {**super().identity, "references": heard}

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


def _references(manifest: Path, whose: str) -> dict[str, tuple[Reference, ...]]:
    """Return the references of each row's id; `UsageError` where rows have none."""
    rows = config.build("texts", {"name": "manifest", "path": str(manifest)}, _WHERE).sentences()
    found: dict[str, tuple[Reference, ...]] = {}
    for i, row in enumerate(rows):
        around = [*rows[i:], *rows[:i]]
        others = (o for o in around if o.language == row.language and o.speaker != row.speaker)
        chosen = row if whose == "same" else next(others, None)
        if chosen is None or chosen.voice is None or not chosen.voice.references:
            raise UsageError(f"{manifest.name}: no references for '{row.id}' ({whose} speaker)")
        found[row.id] = chosen.voice.references
    return found
