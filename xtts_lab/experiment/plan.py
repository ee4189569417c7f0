"""The plan: every trial with its key, before anything is synthesised."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xtts_lab import audio, config
from xtts_lab.cache import cache_dir
from xtts_lab.data.sentences import prompts
from xtts_lab.errors import UsageError
from xtts_lab.experiment.arm_facts import ArmFacts, facts_of
from xtts_lab.experiment.arms import Arm
from xtts_lab.experiment.claims import check_claims
from xtts_lab.experiment.construction import construct, identity
from xtts_lab.experiment.pairing import Item, pair
from xtts_lab.experiment.reference_texts import Transcriber, with_texts
from xtts_lab.experiment.spec import Experiment, ExperimentSpec
from xtts_lab.runs.keys import ENGINE_VERSION, SCORING_VERSION, digest, trial_seed
from xtts_lab.runs.metric_use import MetricUse, metric_uses
from xtts_lab.types import Request
from xtts_lab.yaml_file import Where


@dataclass(frozen=True)
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

    `facts`: what each arm's system says of itself beside that.
    """

    experiment: Experiment
    trials: tuple[Trial, ...]
    metrics: tuple[MetricUse, ...]
    systems: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, ArmFacts]
    instruments: Mapping[str, Mapping[str, Any]]
    hashes: FileHashes
    device: str | None

    @property
    def work(self) -> str:
        """A digest of everything that the results depend on."""
        metrics = [[use.prefix, use.spec, use.metric.version] for use in self.metrics]
        clips = [[self.hashes(p) for p in t.item.utterance.enrolment] for t in self.trials]
        return digest(
            [
                SCORING_VERSION,
                [[t.id, t.key] for t in self.trials],
                clips,
                metrics,
                dict(self.instruments),
                [[arm, asdict(facts)] for arm, facts in self.facts.items()],
                self.experiment.resolved_yaml(),
            ]
        )


class FileHashes:
    """SHA-256 of files, each read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def __call__(self, path: Path) -> str:
        if path not in self._known:
            try:
                self._known[path] = audio.sha256(path)
            except OSError as error:
                raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
        return self._known[path]


def make_plan(experiment: Experiment, device: str | None = None) -> Plan:
    """Lay out all trials. Only speakers that must be made are synthesised, into the cache, where
    transcriptions of references that an arm cannot do without are kept as well.

    Raises `UsageError` for languages a system lacks, an encoder that would judge itself, absent
    weights, a reference whose words are needed and not known.
    """
    spec = experiment.spec
    where = Where(experiment.document)
    items = _items(experiment, where)
    uses = metric_uses(spec.metrics, where)
    hashes = FileHashes()
    systems: dict[str, dict[str, Any]] = {}
    facts: dict[str, ArmFacts] = {}
    for arm in experiment.arms:
        system = construct("systems", arm.spec, device)
        try:
            _check_system(system, arm, items, uses, spec.instruments)
            systems[arm.id] = identity(system, arm.spec, device)
            facts[arm.id] = facts_of(system)
        finally:
            system.close()
    instruments = _instrument_identities(spec.instruments, device)
    used = _used(items, spec)
    told = _told(experiment, used, facts, instruments, hashes, device)
    trials: list[Trial] = []
    for arm in experiment.arms:
        own = told if facts[arm.id].needs_reference_text else used
        trials += _trials(arm, own, spec, digest([ENGINE_VERSION, systems[arm.id]]), hashes)
    chosen = _limited(trials, spec.limit, len(used) * spec.repeats)
    ids = [metric_id for use in uses for metric_id in use.ids.values()]
    check_claims(experiment.claims, ids, _conditions(chosen), where)
    return Plan(experiment, tuple(chosen), uses, systems, facts, instruments, hashes, device)


def _items(experiment: Experiment, where: Where) -> tuple[Item, ...]:
    spec = experiment.spec
    texts = config.build("texts", spec.texts, where / "texts")
    speakers = config.build("speakers", spec.speakers, where / "speakers")
    try:
        return pair(
            texts.sentences(),
            speakers,
            pairing=spec.pairing,
            prompts=prompts,
            folder=cache_dir() / "speakers",
        )
    finally:
        speakers.close()


def _check_system(
    system: Any,
    arm: Arm,
    items: Sequence[Item],
    uses: Sequence[MetricUse],
    instruments: Mapping[str, Mapping[str, Any]],
) -> None:
    lacking = sorted({i.utterance.language for i in items} - set(system.languages))
    if lacking:
        raise UsageError(
            f"systems.{arm.system}: does not speak {', '.join(lacking)}; leave them out of "
            "texts.languages"
        )
    own = set(system.encoders)
    for use in uses:
        for need in use.metric.needs:
            name = instruments[need.partition(":")[0]]["name"]
            if name in own:
                raise UsageError(
                    f"metrics: {use.prefix} would judge arm '{arm.id}' with the encoder '{name}' "
                    "that the system itself uses; choose another encoder"
                )


def _used(items: Sequence[Item], spec: ExperimentSpec) -> Sequence[Item]:
    """Return the items of which a trial is left when `limit` has cut each arm's short."""
    return items if spec.limit is None else items[: -(-spec.limit // spec.repeats)]


def _told(
    experiment: Experiment,
    items: Sequence[Item],
    facts: Mapping[str, ArmFacts],
    instruments: Mapping[str, Mapping[str, Any]],
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
        else Transcriber(key, experiment.spec.instruments[key], instruments[key], device)
    )
    place = Where(experiment.document) / "systems" / arm.system
    asked = f"{place}: arm '{arm.id}' needs the texts of its references"
    return with_texts(items, transcriber, hashes, asked)


def _trials(
    arm: Arm, items: Sequence[Item], spec: ExperimentSpec, keyed: str, hashes: FileHashes
) -> list[Trial]:
    return [
        _trial(arm, item, repeat, spec.seed, keyed, hashes)
        for item in items
        for repeat in range(spec.repeats)
    ]


def _trial(arm: Arm, item: Item, repeat: int, seed: int, keyed: str, hashes: FileHashes) -> Trial:
    said = item.utterance
    own_seed = trial_seed(seed, said.id, repeat)
    references = [[hashes(r.audio), r.text, r.language] for r in said.references]
    target = hashes(said.target) if said.target is not None else None
    # Audio that is absent is a trial that fails, not a mistake in the experiment.
    made = [hashes(said.audio)] if said.audio and os.path.isfile(said.audio) else []  # noqa: PTH113
    key = digest([keyed, said.text, said.language, references, target, own_seed, *made])
    name = f"audio/{slug(arm.id)}/{slug(said.id)}.r{repeat}.wav"
    return Trial(f"{arm.id}/{said.id}/{repeat}", arm, item, repeat, own_seed, key, name)


def _limited(trials: Sequence[Trial], limit: int | None, per_arm: int) -> Sequence[Trial]:
    """Keep the first `limit` trials of every arm, so that arms stay comparable."""
    if limit is None:
        return trials
    return [trial for i, trial in enumerate(trials) if i % per_arm < limit]


def _conditions(trials: Sequence[Trial]) -> dict[str, set[str]]:
    """Return for each language how its items relate to the languages of their references."""
    found: dict[str, set[str]] = {}
    for trial in trials:
        language, known = trial.item.utterance.language, trial.item.reference_language
        same = "same-language" if known == language else "cross-lingual"
        found.setdefault(language, set()).add(same if known else "no-reference")
    return found


def _instrument_identities(
    instruments: Mapping[str, Mapping[str, Any]], device: str | None
) -> dict[str, dict[str, Any]]:
    identities = {}
    for key, spec in instruments.items():
        instrument = construct("instruments", spec, device)
        try:
            identities[key] = identity(instrument, spec, device)
        finally:
            instrument.close()
    return identities


def slug(name: str) -> str:
    """Return a file name for an id: readable, and distinct for distinct ids."""
    plain = re.sub(r"[^A-Za-z0-9._+=-]+", "_", name).strip("_.") or "x"
    if plain == name and len(name) <= 120:
        return name
    return f"{plain[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
