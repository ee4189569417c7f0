"""What determines the results of a plan: the ingredients of its keys, and the record of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.experiment.pairing import Item
from xtts_lab.runs.environment import environment, part_record
from xtts_lab.runs.keys import (
    ENGINE_VERSION,
    SCORING_VERSION,
    AudioContent,
    FileContent,
    ItemContent,
    MetricContent,
    PartContent,
    ReferenceContent,
    TrialContent,
    WorkContent,
)
from xtts_lab.runs.metric_use import MetricUse

if TYPE_CHECKING:
    from xtts_lab.experiment.plan import Plan


class FileHashes:
    """SHA-256 of files, each read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        """Return the SHA-256 of a file; `UsageError` for one that cannot be read."""
        if path not in self._known:
            try:
                self._known[path] = audio.sha256(path)
            except OSError as error:
                raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
        return self._known[path]


def audio_content(item: Item, system: PartContent, seed: int, hashes: FileHashes) -> AudioContent:
    """Return what determines the audio of an item spoken by a system."""
    said = item.utterance
    # Audio that is absent is a trial that fails, not a mistake in the experiment.
    made = said.audio if said.audio and os.path.isfile(said.audio) else None  # noqa: PTH113
    return AudioContent(
        system=system,
        text=said.text,
        language=said.language,
        references=[ReferenceContent(hashes(r.audio), r.text, r.language) for r in said.references],
        seed=seed,
        target=None if said.target is None else hashes(said.target),
        made=None if made is None else hashes(made),
    )


def work_content(plan: Plan) -> WorkContent:
    """Return what determines everything in the run folder of a plan but its timings."""
    written = plan.experiment.spec.model_dump(mode="json")
    replaced = ("systems", "ablate", "instruments")
    return WorkContent(
        experiment={key: value for key, value in written.items() if key not in replaced},
        arms={arm: (part, plan.facts[arm].said) for arm, part in plan.systems.items()},
        instruments=plan.instruments,
        metrics=[_metric(use) for use in plan.metrics],
        trials=_trials(plan),
    )


def _metric(use: MetricUse) -> MetricContent:
    return MetricContent(use.prefix, use.spec, use.metric.version, dict(use.metric.identity))


def _trials(plan: Plan) -> list[TrialContent]:
    known: dict[int, ItemContent] = {}  # arms and repeats share their items
    for trial in plan.trials:
        if id(trial.item) not in known:
            known[id(trial.item)] = _item(trial.item, plan.hashes)
    return [TrialContent(trial.id, trial.key, known[id(trial.item)]) for trial in plan.trials]


def _item(item: Item, hashes: FileHashes) -> ItemContent:
    said = item.utterance
    return ItemContent(
        utterance_id=said.id,
        text=said.text,
        spoken=said.spoken,
        language=said.language,
        speaker=said.speaker,
        references=_files([reference.audio for reference in said.references], hashes),
        reference_texts=[reference.text for reference in said.references],
        reference_text_source=item.reference_text_source,
        reference_language=item.reference_language,
        enrolment=_files(said.enrolment, hashes),
        impostors=_files(item.impostors, hashes),
        impostor_speakers=item.impostor_speakers,
        target=None if said.target is None else _files([said.target], hashes)[0],
    )


def _files(paths: Sequence[Path], hashes: FileHashes) -> list[FileContent]:
    return [FileContent(path.name, hashes(path)) for path in paths]


def environment_of(plan: Plan) -> dict[str, Any]:
    """Return what `environment.json` holds: what the results of a plan are made with."""
    from xtts_lab.statistics.method_notes import method_notes  # SciPy: no worker waits for that

    spec = plan.experiment.spec
    notes = method_notes(
        confidence=spec.statistics.confidence, resamples=spec.statistics.resamples, seed=spec.seed
    )
    return {
        **environment(plan.device),
        "systems": {a.id: part_record(a.spec, plan.systems[a.id]) for a in plan.experiment.arms},
        "instruments": {
            name: part_record(spec.instruments[name], part)
            for name, part in plan.instruments.items()
        },
        "metrics": {
            use.prefix: {
                "spec": dict(use.spec),
                "version": use.metric.version,
                **dict(use.metric.identity),
            }
            for use in plan.metrics
        },
        "versions": {"engine": ENGINE_VERSION, "scoring": SCORING_VERSION},
        "statistics": notes,
    }
