"""The plan: every trial with its key, before anything is synthesised."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab import audio, config
from xtts_lab.cache import cache_dir
from xtts_lab.data.sentences import prompts
from xtts_lab.errors import UsageError
from xtts_lab.experiment.arms import Arm
from xtts_lab.experiment.keys import ENGINE_VERSION, SCORING_VERSION, digest, trial_seed
from xtts_lab.experiment.metric_use import MetricUse, metric_uses
from xtts_lab.experiment.parts import close, construct, identity
from xtts_lab.experiment.spec import Experiment
from xtts_lab.experiment.utterances import Item, pair
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
    weights_random: bool

    @property
    def request(self) -> Request:
        said = self.item.utterance
        return Request(said.text, said.language, said.references, self.seed, said.target)


@dataclass(frozen=True)
class Plan:
    """All work of an experiment; `systems`, `instruments`: what determines their output."""

    experiment: Experiment
    trials: tuple[Trial, ...]
    metrics: tuple[MetricUse, ...]
    systems: Mapping[str, Mapping[str, Any]]
    instruments: Mapping[str, Mapping[str, Any]]
    hashes: FileHashes
    device: str | None

    @property
    def work(self) -> str:
        """A digest of everything that the results depend on."""
        metrics = [
            [use.prefix, use.spec, getattr(use.metric, "version", 0)] for use in self.metrics
        ]
        clips = [[self.hashes(p) for p in t.item.utterance.enrolment] for t in self.trials]
        return digest(
            [
                SCORING_VERSION,
                [[t.id, t.key] for t in self.trials],
                clips,
                metrics,
                dict(self.instruments),
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
    """Lay out all trials. Only speakers that must be made are synthesised, into the cache.

    Raises `UsageError` for languages a system lacks, an encoder that would judge itself, absent
    weights.
    """
    spec = experiment.spec
    where = Where(experiment.document)
    items = _items(experiment, where)
    uses = metric_uses(spec.metrics, where)
    hashes = FileHashes()
    systems: dict[str, dict[str, Any]] = {}
    trials: list[Trial] = []
    for arm in experiment.arms:
        system = construct("systems", arm.spec, device)
        try:
            _check_system(system, arm, items, uses, spec.instruments)
            systems[arm.id] = identity(system, arm.spec, device)
            random = bool(getattr(system, "weights_random", False))
        finally:
            close(system)
        keyed = digest([ENGINE_VERSION, systems[arm.id]])
        for item in items:
            for repeat in range(spec.repeats):
                trials.append(_trial(arm, item, repeat, spec.seed, keyed, hashes, random))
    chosen = _limited(trials, spec.limit, len(items) * spec.repeats)
    return Plan(
        experiment,
        tuple(chosen),
        uses,
        systems,
        _instrument_identities(spec.instruments, device),
        hashes,
        device,
    )


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
        close(speakers)


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
    own = set(getattr(system, "encoders", ()))
    for use in uses:
        for need in use.metric.needs:
            name = instruments[need.partition(":")[0]]["name"]
            if name in own:
                raise UsageError(
                    f"metrics: {use.prefix} would judge arm '{arm.id}' with the encoder '{name}' "
                    "that the system itself uses; choose another encoder"
                )


def _trial(
    arm: Arm, item: Item, repeat: int, seed: int, keyed: str, hashes: FileHashes, random: bool
) -> Trial:
    said = item.utterance
    own_seed = trial_seed(seed, said.id, repeat)
    references = [[hashes(r.audio), r.text, r.language] for r in said.references]
    target = hashes(said.target) if said.target is not None else None
    key = digest([keyed, said.text, said.language, references, target, own_seed])
    name = f"audio/{slug(arm.id)}/{slug(said.id)}.r{repeat}.wav"
    return Trial(f"{arm.id}/{said.id}/{repeat}", arm, item, repeat, own_seed, key, name, random)


def _limited(trials: Sequence[Trial], limit: int | None, per_arm: int) -> Sequence[Trial]:
    """Keep the first `limit` trials of every arm, so that arms stay comparable."""
    if limit is None:
        return trials
    return [trial for i, trial in enumerate(trials) if i % per_arm < limit]


def _instrument_identities(
    instruments: Mapping[str, Mapping[str, Any]], device: str | None
) -> dict[str, dict[str, Any]]:
    identities = {}
    for key, spec in instruments.items():
        instrument = construct("instruments", spec, device)
        try:
            identities[key] = identity(instrument, spec, device)
        finally:
            close(instrument)
    return identities


def slug(name: str) -> str:
    """Return a file name for an id: readable, and distinct for distinct ids."""
    plain = re.sub(r"[^A-Za-z0-9._+=-]+", "_", name).strip("_.") or "x"
    if plain == name and len(name) <= 120:
        return name
    return f"{plain[:100]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
