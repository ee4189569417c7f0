"""The training file: its schema, its variants, and its fully resolved form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from xtts_lab import config
from xtts_lab.errors import UsageError
from xtts_lab.yaml_file import Document, Where, apply_overrides, read

Spec = dict[str, Any]


class LoopSpec(pydantic.BaseModel):
    """How long and how a stage is trained; everything that its own settings do not say.

    The learning rate rises over `warmup` steps and falls linearly over the last `decay` (a
    share of `steps`) to `floor` of its peak; until then both may be set anew where a run goes
    on. `max_minutes` ends this call, not the run: the same command goes on. `precision` auto:
    bf16 autocast on CUDA, fp32 elsewhere. `average` is the EMA's decay (0: off), reached by (1
    + step) / (10 + step). `processes` train one model together. On CUDA, `graphs` records a
    step for each shape of a batch and replays it, `compiled` fuses the kernels of repeated
    blocks (it needs a C compiler there); elsewhere neither changes anything.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    steps: int = pydantic.Field(ge=1)
    max_minutes: float | None = pydantic.Field(default=None, gt=0)
    warmup: int = pydantic.Field(default=100, ge=0)
    decay: float = pydantic.Field(default=0.4, ge=0, le=1)
    floor: float = pydantic.Field(default=0.05, ge=0, le=1)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    average: float = pydantic.Field(default=0.999, ge=0, lt=1)
    processes: int = pydantic.Field(default=1, ge=1)
    workers: int = pydantic.Field(default=2, ge=1)
    log_every: int = pydantic.Field(default=20, ge=1)
    validate_every: int = pydantic.Field(default=500, ge=1)
    save_minutes: float = pydantic.Field(default=2.0, gt=0)
    tensorboard: bool = False
    graphs: bool = False
    compiled: bool = False


def falls_after(steps: int, decay: float) -> float:
    """How many steps are done at the peak rate (or below, at first), before it falls."""
    return steps - decay * steps


class Variant(pydantic.BaseModel):
    """One of several runs of a file: settings by their path, and a run for each seed."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    set: dict[str, Any] = {}
    seeds: list[int] = pydantic.Field(default=[0], min_length=1)


class TrainingSpec(pydantic.BaseModel):
    """A training file. `after` names runs of the same output folder that must be finished before.

    With `variants` a file stands for several runs that are the same but for what a variant sets;
    they are called NAME-VARIANT-sSEED. `training` is left out for stages that train nothing.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    name: str = pydantic.Field(pattern=config.NAME, max_length=100)
    seed: int = pydantic.Field(default=0, ge=0)
    after: list[str] = []
    stage: Spec
    training: LoopSpec | None = None
    variants: dict[str, Variant] = {}


@dataclass(frozen=True)
class Job:
    """One run, fully resolved."""

    name: str
    seed: int
    after: tuple[str, ...]
    stage: Spec
    training: LoopSpec | None

    @property
    def resolved(self) -> Spec:
        """The run as a training file of its own."""
        return {
            "name": self.name,
            "seed": self.seed,
            "after": list(self.after),
            "stage": self.stage,
            "training": None if self.training is None else self.training.model_dump(mode="json"),
        }

    def resolved_yaml(self) -> str:
        return yaml.safe_dump(self.resolved, sort_keys=False, allow_unicode=True, width=100)


def load(path: Path, overrides: Sequence[str] = ()) -> list[Job]:
    """Read a training file, or every one of a folder. `UsageError` for the first mistake."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise UsageError(f"{path}: holds no *.yaml training file")
    jobs = [job for file in files for job in _jobs(file, overrides)]
    names = [job.name for job in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{path}: two runs are called '{twice[0]}'; rename one")
    return jobs


def _jobs(file: Path, overrides: Sequence[str]) -> list[Job]:
    document = read(file)
    apply_overrides(document, overrides)
    where = Where(document)
    spec = config.validate(TrainingSpec, document.data, where)
    if not spec.variants:
        return [_resolve(spec, where)]
    return [
        _resolve(_varied(document, spec, name, variant, seed), where)
        for name, variant in spec.variants.items()
        for seed in variant.seeds
    ]


def _varied(
    document: Document, spec: TrainingSpec, name: str, variant: Variant, seed: int
) -> TrainingSpec:
    """Return the file's spec with what a variant sets."""
    where = Where(document) / "variants" / name
    data = deepcopy(document.data)
    data.pop("variants")
    for path, value in variant.set.items():
        _set(data, path.split("."), value, where / "set" / path)
    data |= {"name": f"{spec.name}-{name}-s{seed}", "seed": seed}
    return config.validate(TrainingSpec, data, where)


def _set(data: Any, path: list[str], value: Any, where: Where) -> None:
    *parents, last = path
    for key in parents:
        if not isinstance(data, dict) or key not in data:
            raise UsageError(f"{where}: there is no '{key}' to set something in")
        data = data[key]
    if not isinstance(data, dict):
        raise UsageError(f"{where}: '{parents[-1]}' holds a value, not keys")
    data[last] = value


def _resolve(spec: TrainingSpec, where: Where) -> Job:
    stage = config.resolve("stages", spec.stage, where / "stage")
    if not _has(stage, "run") and spec.training is None:
        raise UsageError(f"{where / 'training'}: missing; say at least how many steps")
    loop = spec.training
    key = next((key for key in ("graphs", "compiled") if loop and getattr(loop, key)), None)
    if key is not None and not _has(stage, "objective"):
        raise UsageError(
            f"{where / 'training' / key}: steps of '{stage['name']}' cannot be "
            "recorded; leave it out"
        )
    return Job(spec.name, spec.seed, tuple(spec.after), stage, spec.training)


def _has(stage: Mapping[str, Any], method: str) -> bool:
    """Whether a stage has it: `run` where nothing is trained, `objective` where steps are
    recorded."""
    from xtts_lab import registry

    return hasattr(registry.lookup("stages", str(stage["name"])), method)
