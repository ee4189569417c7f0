"""The words of references, for arms that need them: the manifest's, or a transcriber's.

Like the speakers that must be made, transcriptions are made when an experiment is planned, and kept
in the cache of evidence, under the keys that metrics which judge the same clips use. A reference
whose words nobody knows is a mistake in the experiment, found before anything is synthesised: a
prompt without its text would quietly be another system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xtts_lab.cache import cache_dir
from xtts_lab.errors import UsageError
from xtts_lab.experiment.judging import Batch, Need, perform, uses_language
from xtts_lab.experiment.pairing import Item
from xtts_lab.experiment.progress import track
from xtts_lab.experiment.workers.pool import perform_all
from xtts_lab.experiment.workers.tasks import AT_WORK
from xtts_lab.runs.keys import EvidenceContent, PartContent, evidence_key
from xtts_lab.runs.shared import Cache
from xtts_lab.types import Clip, Reference

MANIFEST = "manifest"
"""The source of texts that came with their references."""


@dataclass(frozen=True)
class Transcriber:
    """An instrument that hears what references say: its key in the experiment, and its content."""

    key: str
    spec: Mapping[str, Any]
    content: PartContent
    device: str | None
    apart: bool = False  # in a process of its own


def with_texts(
    items: Sequence[Item],
    transcriber: Transcriber | None,
    hashes: Callable[[Path], str],
    asked: str,
) -> tuple[Item, ...]:
    """Return items whose references all have a text; `asked` says which arm wants it, for errors.

    Raises `UsageError` for a reference without a text that cannot be transcribed.
    """
    needs: dict[tuple[Path, str | None], Need] = {}
    for item in items:
        for reference in item.utterance.references:
            if _lacks_text(reference):
                if transcriber is None:
                    raise UsageError(
                        f"{asked}, and {reference.audio} has none: set `transcriber: whisper`, or "
                        "give its text in the manifest"
                    )
                spoken = _spoken(reference, item)
                needs[reference.audio, spoken] = _need(transcriber, reference, spoken, hashes)
    if transcriber is None or not needs:
        return tuple(_filled(item, {}, "") for item in items)
    outputs = _transcribed(transcriber, {need.key: need for need in needs.values()})
    texts = {
        place: _text(outputs[need.key], need, transcriber, asked) for place, need in needs.items()
    }
    return tuple(_filled(item, texts, transcriber.key) for item in items)


def _lacks_text(reference: Reference) -> bool:
    return not (reference.text or "").strip()


def _spoken(reference: Reference, item: Item) -> str | None:
    return reference.language or item.reference_language


def _need(
    transcriber: Transcriber,
    reference: Reference,
    spoken: str | None,
    hashes: Callable[[Path], str],
) -> Need:
    told = spoken if uses_language(transcriber.spec) else None
    sha256 = hashes(reference.audio)
    key = evidence_key(EvidenceContent(sha256, transcriber.content, told))
    return Need(key, "", transcriber.key, "references", 0, Clip(reference.audio, told), sha256)


def _transcribed(
    transcriber: Transcriber, needs: Mapping[str, Need]
) -> dict[str, Mapping[str, Any]]:
    """Return the record of each need by its key; those that are not in the cache are made."""
    cache = Cache(cache_dir())
    found: dict[str, Mapping[str, Any]] = {}
    for key in needs:
        cached = cache.get("evidence", key)
        if cached is not None:
            found[key] = cached
    missing = [need for key, need in needs.items() if key not in found]
    if missing:
        batch = Batch(transcriber.key, transcriber.spec, transcriber.device, missing)
        made = perform_all(perform, [batch], 1, child=transcriber.apart)
        records = (record for record in made if AT_WORK not in record)
        for record in track(records, "transcribe references", len(missing)):
            found[record["id"]] = record
            if record["error"] is None:
                cache.put("evidence", record["id"], record)
    return found


def _text(record: Mapping[str, Any], need: Need, transcriber: Transcriber, asked: str) -> str:
    heard = (record["output"] or {}).get("text") if record["error"] is None else None
    if isinstance(heard, str) and heard.strip():
        return heard.strip()
    if record["error"] is not None:
        why = f"cannot transcribe it: {record['error']}"
    elif heard is None:
        why = "gives no text; name an instrument that does, such as whisper"
    else:
        why = "hears no words in it"
    raise UsageError(
        f"{asked}, and of {need.clip.path} the transcriber '{transcriber.key}' {why}; or give its "
        "text in the manifest"
    )


def _filled(item: Item, texts: Mapping[tuple[Path, str | None], str], key: str) -> Item:
    references, sources = [], []
    for reference in item.utterance.references:
        if _lacks_text(reference):
            spoken = _spoken(reference, item)
            text = texts[reference.audio, spoken]
            references.append(replace(reference, text=text, language=spoken))
            sources.append(key)
        else:
            references.append(reference)
            sources.append(MANIFEST)
    return replace(
        item,
        utterance=replace(item.utterance, references=tuple(references)),
        reference_text_source="+".join(dict.fromkeys(sources)) or None,
    )
