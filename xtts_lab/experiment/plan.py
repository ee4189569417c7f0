"""The plan: every trial with its key, before anything is synthesised."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from xtts_lab import config
from xtts_lab.cache import cache_dir
from xtts_lab.conditions import IN_CLAIMS, condition_of
from xtts_lab.data.sentences import prompts
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.experiment.arm_facts import ArmFacts
from xtts_lab.experiment.arms import Arm
from xtts_lab.experiment.asked import (
    check_asked,
    few_speakers,
    languages_of,
    share,
    sitting_out,
)
from xtts_lab.experiment.claims import check_claims
from xtts_lab.experiment.construction import close
from xtts_lab.experiment.contents import FileHashes, audio_content, work_content
from xtts_lab.experiment.pairing import MEANING, Item, pair
from xtts_lab.experiment.reference_texts import Transcriber, with_texts
from xtts_lab.experiment.spec import Experiment, ExperimentSpec
from xtts_lab.experiment.workers.examining import Demands, examine_instrument, examine_system
from xtts_lab.experiment.workers.metrics import metric_at
from xtts_lab.runs.keys import PartContent, audio_key, trial_seed, work_key
from xtts_lab.runs.metric_use import MetricUse, metric_uses
from xtts_lab.types import Request
from xtts_lab.yaml_file import Where

MAX_TRIALS = 5_000_000


@dataclass(frozen=True, slots=True)  # there are as many as memory holds
class Trial:
    """One arm, one utterance, one repeat: one audio file, `audio` below the run folder."""

    id: str
    arm: Arm
    item: Item
    repeat: int
    seed: int
    key: str
    audio: str

    @property
    def request(self) -> Request:
        said = self.item.utterance
        return Request(
            said.text, said.language, said.references, self.seed, said.target, said.audio, said.id
        )


@dataclass(frozen=True)
class Plan:
    """All work of an experiment; `systems`, `instruments`: what determines their output.

    `facts`: what each arm's system says of itself beside that. `notes`: how texts and speakers were
    read and paired, a line each.
    """

    experiment: Experiment
    trials: tuple[Trial, ...]
    metrics: tuple[MetricUse, ...]
    systems: Mapping[str, PartContent]
    facts: Mapping[str, ArmFacts]
    instruments: Mapping[str, PartContent]
    hashes: FileHashes
    device: str | None
    notes: tuple[str, ...] = ()

    @cached_property
    def work(self) -> str:
        """A digest of everything that the results depend on."""
        return work_key(work_content(self))


def make_plan(experiment: Experiment, device: str | None = None) -> Plan:
    """Lay out all trials. Only speakers that must be made are synthesised, into the cache, where
    transcriptions of references that an arm cannot do without are kept as well.

    Raises `UsageError` for languages a system lacks, an encoder that would judge itself, absent
    weights, a reference whose words are needed and not known.
    """
    if device is not None:
        _check_device(device)
    where = Where(experiment.document)
    experiment, items, notes = _items(experiment, where)
    spec = experiment.spec
    host = experiment.host
    uses = metric_uses(spec.metrics, where, partial(metric_at, host))
    hashes = FileHashes()
    systems: dict[str, PartContent] = {}
    facts: dict[str, ArmFacts] = {}
    for arm in experiment.arms:
        demands = _demands(arm, items, uses, spec.instruments)
        systems[arm.id], facts[arm.id] = examine_system(host, demands, device)
    instruments = {
        key: examine_instrument(host, instrument, device)
        for key, instrument in spec.instruments.items()
    }
    used = _used(experiment, items)
    told = _told(experiment, used, facts, instruments, hashes, device)
    _refuse_too_many(experiment, used, where)
    trials: list[Trial] = []
    for arm in experiment.arms:
        own = told if facts[arm.id].needs_reference_text else used
        trials += _trials(arm, own, spec, systems[arm.id], hashes)
    ids = [metric_id for use in uses for metric_id in use.ids.values()]
    check_claims(experiment.claims, ids, _conditions(trials), where)
    return Plan(experiment, tuple(trials), uses, systems, facts, instruments, hashes, device, notes)


def _check_device(device: str) -> None:
    try:
        resolve_device(device)
    except UsageError as error:
        raise UsageError(f"--device: {error}") from error


def _refuse_too_many(experiment: Experiment, items: Sequence[Item], where: Where) -> None:
    spec = experiment.spec
    shares = [len(share(arm, items, spec)) * spec.repeats for arm in experiment.arms]
    trials = sum(min(own, spec.limit or own) for own in shares)
    if trials > MAX_TRIALS:
        raise UsageError(
            f"{where}: {trials:,} trials, and at most {MAX_TRIALS:,} can be planned; ask for fewer "
            "repeats, speakers or texts, or give a limit"
        )


def _items(
    experiment: Experiment, where: Where
) -> tuple[Experiment, tuple[Item, ...], tuple[str, ...]]:
    """Return the experiment with its pairing, its items, and what to say of how they came about."""
    spec = experiment.spec
    texts = config.build("texts", spec.texts, where / "texts")
    speakers = config.build("speakers", spec.speakers, where / "speakers")
    pairing = spec.pairing or ("own" if texts.own_references else "rotate")
    try:
        items = pair(
            texts.sentences(),
            speakers,
            pairing=pairing,
            prompts=prompts,
            folder=cache_dir() / "speakers",
        )
    finally:
        close(speakers)
    check_asked(experiment.arms, items, where)
    notes = [f"pairing {pairing}: {MEANING[pairing]}", *sitting_out(experiment.arms, items)]
    if pairing == "own":  # a test set has the speakers that it has
        notes += few_speakers(items)
    for what, source in (("texts", texts), ("speakers", speakers)):
        if source.unread:
            notes.append(f"{what}: columns left unread: {', '.join(source.unread)}")
    chosen = replace(experiment, spec=spec.model_copy(update={"pairing": pairing}))
    return chosen, items, tuple(notes)


def _demands(
    arm: Arm,
    items: Sequence[Item],
    uses: Sequence[MetricUse],
    instruments: Mapping[str, Mapping[str, Any]],
) -> Demands:
    judges = [
        (use.prefix, str(instruments[need.partition(":")[0]]["name"]))
        for use in uses
        for need in use.metric.needs
    ]
    return Demands(arm, languages_of(items), judges)


def _used(experiment: Experiment, items: Sequence[Item]) -> Sequence[Item]:
    """Return the items of which a trial of any arm is left."""
    shares = [share(arm, items, experiment.spec) for arm in experiment.arms]
    used = {item.utterance.id for own in shares for item in own}
    return [item for item in items if item.utterance.id in used]


def _told(
    experiment: Experiment,
    items: Sequence[Item],
    facts: Mapping[str, ArmFacts],
    instruments: Mapping[str, PartContent],
    hashes: FileHashes,
    device: str | None,
) -> Sequence[Item]:
    """Return the items as arms get them that need the texts of references, if there are any."""
    arm = next((a for a in experiment.arms if facts[a.id].needs_reference_text), None)
    if arm is None:
        return items
    key = experiment.spec.transcriber
    transcriber = (
        None
        if key is None
        else Transcriber(
            key,
            experiment.spec.instruments[key],
            instruments[key],
            device,
            experiment.host.apart("instruments", experiment.spec.instruments[key]),
        )
    )
    place = Where(experiment.document) / "systems" / arm.system
    asked = f"{place}: arm '{arm.id}' needs the texts of its references"
    return with_texts(items, transcriber, hashes, asked)


def _trials(
    arm: Arm, items: Sequence[Item], spec: ExperimentSpec, system: PartContent, hashes: FileHashes
) -> list[Trial]:
    """Return an arm's trials; of a limit the first, so that arms stay comparable."""
    own = [(item, repeat) for item in share(arm, items, spec) for repeat in range(spec.repeats)]
    return [
        _trial(arm, item, repeat, spec.seed, system, hashes) for item, repeat in own[: spec.limit]
    ]


def _trial(
    arm: Arm, item: Item, repeat: int, seed: int, system: PartContent, hashes: FileHashes
) -> Trial:
    said = item.utterance
    own_seed = trial_seed(seed, said.id, repeat)
    key = audio_key(audio_content(item, system, own_seed, hashes))
    name = f"audio/{slug(arm.id)}/{slug(said.id)}.r{repeat}.wav"
    return Trial(f"{arm.id}/{said.id}/{repeat}", arm, item, repeat, own_seed, key, name)


def _conditions(trials: Sequence[Trial]) -> dict[str, dict[str, set[str]]]:
    """Return arm -> language -> how its items relate to the languages of their references."""
    words = {condition: word for word, condition in IN_CLAIMS.items()}
    found: dict[str, dict[str, set[str]]] = {}
    for trial in trials:
        language = trial.item.utterance.language
        condition = condition_of(language, trial.item.reference_language)
        found.setdefault(trial.arm.id, {}).setdefault(language, set()).add(words[condition])
    return found


def slug(name: str) -> str:
    """Return a file name for an id: readable, and distinct for distinct ids."""
    plain = re.sub(r"[^A-Za-z0-9._+=-]+", "_", name).strip("_.") or "x"
    if plain == name and len(name) <= 120:
        return name
    return f"{plain[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
