"""What determines a result, written once: the keys of audio, evidence, streams, costs and runs.

Equal content, equal key, in every process and on every machine. What is no ingredient here enters
no key: where weights, references and caches lie, the size of batches (in fp32), the order of
utterances, the number of workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from xtts_lab.types import Json, Loading, Streaming

ENGINE_VERSION = 2
"""Enters every audio key: raise it when the bench itself changes what is synthesised."""

SCORING_VERSION = 2
"""Enters the digest of a finished run: raise it when scoring or summarising changes."""


def digest(content: Any) -> str:
    """Return 32 hex digits that depend on JSON-like content, not on the order of its keys."""
    return hashlib.sha256(_json(content).encode()).hexdigest()[:32]


def _json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def trial_seed(seed: int, utterance_id: str, repeat: int) -> int:
    """Return a trial's seed in [0, 2**31), from experiment seed, utterance and repeat alone."""
    return int(digest([seed, utterance_id, repeat])[:8], 16) & 0x7FFF_FFFF


@dataclass(frozen=True)
class PartContent:
    """What determines the output of a system or an instrument, for equal input.

    `settings` are those that matter (see `free_settings` of the bases), `identity` what the part
    says of its weights and versions, `device` the class of device (None where it has no choice).
    """

    settings: Mapping[str, Any]
    identity: Mapping[str, Json]
    dtype: str
    device: str | None

    @cached_property
    def key(self) -> str:
        """The digest of all of it."""
        return digest([dict(self.settings), dict(self.identity), self.dtype, self.device])


@dataclass(frozen=True)
class ReferenceContent:
    """A reference that a system is given: the SHA-256 of its audio, what it says, in what."""

    sha256: str
    text: str | None
    language: str | None


@dataclass(frozen=True)
class AudioContent:
    """What determines a trial's audio; `target` and `made` are the SHA-256 of `Request` files."""

    system: PartContent
    text: str
    language: str
    references: Sequence[ReferenceContent]
    seed: int
    target: str | None = None
    made: str | None = None


def audio_key(content: AudioContent) -> str:
    """Return the key of a trial's audio."""
    references = [[r.sha256, r.text, r.language] for r in content.references]
    said = [content.text, content.language, references, content.seed, content.target, content.made]
    return digest([ENGINE_VERSION, content.system.key, *said])


@dataclass(frozen=True)
class EvidenceContent:
    """What determines an instrument's output on a clip; `language` where it is told one."""

    clip_sha256: str
    instrument: PartContent
    language: str | None


def evidence_key(content: EvidenceContent) -> str:
    """Return the key of an instrument's output on a clip."""
    return digest([content.clip_sha256, content.instrument.key, content.language])


def stream_key(trial_key: str, audio_sha256: str, asked: Streaming) -> str:
    """Return the key of what the latency driver sees of a trial. `trials` decides only of which."""
    return digest([trial_key, audio_sha256, asked.warmups, asked.silence_dbfs])


def load_key(audio: Sequence[tuple[str, str]], rate: float, asked: Loading) -> str:
    """Return the key of what the load driver sees of an arm at a rate.

    `audio`: key and SHA-256 of each trial that comes, in order, for each is the others' load.
    """
    drawn = [asked.streams, asked.warmups, asked.silence_dbfs, asked.seed]
    return digest([[list(one) for one in audio], rate, drawn])


def cost_key(part: PartContent) -> str:
    """Return the key of what a part costs on this machine."""
    return part.key


@dataclass(frozen=True)
class FileContent:
    """A file as tables name it, and its SHA-256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class ItemContent:
    """What tables and metrics are told of an utterance beside its audio."""

    utterance_id: str
    text: str
    spoken: str | None
    language: str
    speaker: str
    references: Sequence[FileContent]
    reference_texts: Sequence[str | None]
    reference_text_source: str | None
    reference_language: str | None
    enrolment: Sequence[FileContent]
    impostors: Sequence[FileContent]
    impostor_speakers: Sequence[str]
    target: FileContent | None

    @cached_property
    def key(self) -> str:
        """The digest of all of it."""
        # As of `asdict`, which copies every value of a million trials.
        return digest({field.name: _plain(getattr(self, field.name)) for field in fields(self)})


def _plain(value: Any) -> Any:
    """Files, alone or in a sequence, as JSON-like content."""
    if isinstance(value, FileContent):
        return {"name": value.name, "sha256": value.sha256}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


@dataclass(frozen=True, slots=True)
class TrialContent:
    """A planned trial: its place in the tables, the key of its audio, what is said."""

    id: str
    key: str
    item: ItemContent


@dataclass(frozen=True)
class MetricContent:
    """What determines a metric's scores beside the evidence."""

    prefix: str
    settings: Mapping[str, Any]
    version: int
    identity: Mapping[str, Json]


@dataclass(frozen=True)
class WorkContent:
    """What determines everything in a run folder but its timings.

    `experiment`: the resolved experiment but for systems and instruments, whose content stands in
    `arms` (with what their systems say of themselves, in order) and `instruments`.
    """

    experiment: Mapping[str, Any]
    arms: Mapping[str, tuple[PartContent, Mapping[str, Any]]]
    instruments: Mapping[str, PartContent]
    metrics: Sequence[MetricContent]
    trials: Sequence[TrialContent]


def work_key(content: WorkContent) -> str:
    """Return the digest of a run: equal for equal results, whatever the order of utterances."""
    told = [
        SCORING_VERSION,
        dict(content.experiment),
        [[arm, part.key, dict(said)] for arm, (part, said) in content.arms.items()],
        {name: part.key for name, part in content.instruments.items()},
        [asdict(metric) for metric in content.metrics],
    ]
    # The digest of this list with that of all trials behind it, of which there may be a million:
    # as `digest` would take it, without its text in one piece.
    hashed = hashlib.sha256(f"{_json(told)[:-1]},[".encode())
    for i, trial in enumerate(sorted(content.trials, key=_trial_order)):
        text = _json([trial.id, trial.key, trial.item.key])
        hashed.update(f"{',' if i else ''}{text}".encode())
    hashed.update(b"]]")
    return hashed.hexdigest()[:32]


def _trial_order(trial: TrialContent) -> tuple[str, str, str]:
    return trial.id, trial.key, trial.item.key
