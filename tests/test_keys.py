"""What determines a result changes its key, each ingredient in turn; what does not, does not."""

from __future__ import annotations

import json
import shutil
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.test_key_contents import AUDIO, _work
from xtts_lab import audio, registry
from xtts_lab.checkpoint.random_weights import random_checkpoint
from xtts_lab.experiment import construction
from xtts_lab.experiment.measure import needs_of
from xtts_lab.experiment.plan import make_plan
from xtts_lab.experiment.spec import resolve
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.metrics import error_rate
from xtts_lab.metrics.base import BaseMetric
from xtts_lab.model import ModelConfig
from xtts_lab.runs import keys
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.store import RunFolder
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Audio, Direction
from xtts_lab.yaml_file import Document


def test_versions_of_the_bench_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys.audio_key(AUDIO), _work()
    monkeypatch.setattr(keys, "ENGINE_VERSION", keys.ENGINE_VERSION + 1)
    monkeypatch.setattr(keys, "SCORING_VERSION", keys.SCORING_VERSION + 1)
    assert keys.audio_key(AUDIO) != before[0]
    assert _work() != before[1]


class Ear(BaseInstrument):
    """A judge that hears and recognises, by declaration."""

    uses_language = True
    batch_settings = frozenset({"batch_size"})

    def __init__(
        self, *, sharpness: int = 1, weights: str = "v1", batch_size: int = 1, device: str = "cpu"
    ) -> None:
        self.identity = {"weights_sha256": weights, "sharpness": sharpness}
        self.how = (batch_size, device)


class Mouth(BaseSystem):
    """A system that speaks in a precision and in batches."""

    batch_settings = frozenset({"batch_size"})

    def __init__(
        self, *, dtype: str = "float32", batch_size: int = 1, version: int = 1, device: str = "cpu"
    ) -> None:
        self.dtype = dtype
        self.identity = {"version": version}
        self.how = (batch_size, device)


SPEC = {"name": "mouth", "device": "cpu"}


class Gauge(BaseMetric):
    """A metric with a setting."""

    directions: Mapping[str, Direction] = {"level": "none"}

    def __init__(self, *, floor: float = 0.0) -> None:
        """Nothing is kept: only keys are made."""


@dataclass
class World:
    """An experiment with all its files, before it is planned."""

    folder: Path
    rows: list[dict[str, Any]]
    experiment: dict[str, Any]

    def plan(self, device: str | None = None) -> Results:
        lines = "".join(json.dumps(row) + "\n" for row in self.rows)
        (self.folder / "m.jsonl").write_text(lines)
        plan = make_plan(
            resolve(Document("x.yaml", json.loads(json.dumps(self.experiment)))), device
        )
        made = {trial.id: trial.key for trial in plan.trials}
        with Journal(self.folder / "journal.jsonl") as journal:
            for trial in plan.trials:
                journal.append({"id": trial.id, "status": "ok", "sha256": trial.key})
            needs = needs_of(plan, RunFolder(self.folder / "run"), journal)
        evidence = frozenset((need.instrument, need.role, need.key) for need in needs)
        return Results(made, evidence, plan.work)


@dataclass(frozen=True)
class Results:
    """The keys of a plan: audio by trial, evidence, the run."""

    audio: Mapping[str, str]
    evidence: frozenset[tuple[str, str, str]]
    work: str

    def changed(self, other: Results) -> set[str]:
        """Say what is other: `audio`, `evidence` (of clips that are not the trials'), `work`."""
        pairs = {
            "audio": (self.audio, other.audio),
            "evidence": (self.clips, other.clips),
            "work": (self.work, other.work),
        }
        return {name for name, (one, two) in pairs.items() if one != two}

    @property
    def clips(self) -> frozenset[tuple[str, str, str]]:
        return frozenset(need for need in self.evidence if need[1] != "audio")


def _tone(path: Path, pitch: int) -> str:
    samples = 0.3 * torch.sin(torch.arange(8000) * pitch / 1000.0)
    audio.save(path, Audio(samples, 16_000))
    return path.name


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "id": f"u{i}", "text": f"Sentence {i}.", "language": "en", "speaker": f"s{i}",
            "references": [{"audio": _tone(folder / f"ref{i}.wav", 10 + i), "text": f"Words {i}."}],
            "enrolment": [_tone(folder / f"enrol{i}.wav", 20 + i)],
            "path": _tone(folder / f"natural{i}.wav", 30 + i),
        }
        for i in range(3)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "one"
    random_checkpoint(folder, ModelConfig.tiny(), speakers=("ann", "ben"))
    return folder


@pytest.fixture
def world(tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    module = types.ModuleType("keyed_parts")
    for kind, part in {"systems": Mouth, "instruments": Ear, "metrics": Gauge}.items():
        setattr(module, part.__name__, part)
        named = {**registry.BUILTIN[kind], part.__name__.lower(): f"keyed_parts:{part.__name__}"}
        monkeypatch.setitem(registry.BUILTIN, kind, named)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "keyed_parts", module)
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    shutil.copytree(checkpoint, tmp_path / "model")
    manifest = {"name": "manifest", "path": str(tmp_path / "m.jsonl")}
    xtts = {"name": "xtts", "checkpoint": str(tmp_path / "model"), "device": "cpu"}
    codes = {"conditioner": {"name": "code_prompt"}, "vocoder": {"name": "griffin_lim"}}
    experiment = {
        "name": "keyed",
        "systems": {"mouth": {"name": "mouth"}, "studio": {**xtts, "voice": "ann"},
                    "codes": {**xtts, **codes}},
        "texts": manifest, "speakers": manifest, "pairing": "own", "sanity": False,
        "instruments": {"ear": {"name": "ear"}},
        "metrics": [{"name": "secs", "encoder": "ear"}, {"name": "cer", "recognizer": "ear"},
                    {"name": "gauge"}],
        "statistics": {"baseline": "mouth"},
    }  # fmt: skip
    return World(tmp_path, _rows(tmp_path), experiment)


Change = Callable[[World], object]
BOTH, SCORED = {"audio", "work"}, {"evidence", "work"}
ALL = {"audio", "evidence", "work"}


def _row(key: str, value: Any) -> Change:
    return lambda world: world.rows[0].update({key: value})


def _clip(name: str) -> Change:
    return lambda world: _tone(world.folder / name, 99)


def _set(path: str, value: Any) -> Change:
    def change(world: World) -> None:
        place: Any = world.experiment
        *parents, last = path.split(".")
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        place[last] = value

    return change


def _resave(name: str, scale: float) -> Change:
    def change(world: World) -> None:
        path = world.folder / "model" / name
        content = torch.load(path, weights_only=True)
        torch.save(_scaled(content, scale), path)

    return change


def _scaled(content: Any, scale: float) -> Any:
    if isinstance(content, torch.Tensor):
        return content * scale if content.is_floating_point() else content
    return {key: _scaled(value, scale) for key, value in content.items()}


def _swap_voices(world: World) -> None:
    path = world.folder / "model" / "speakers_xtts.pth"
    voices = torch.load(path, weights_only=True)
    torch.save({"ann": voices["ben"], "ben": voices["ann"]}, path)


def _edit_json(name: str, edit: Callable[[Any], object]) -> Change:
    def change(world: World) -> None:
        path = world.folder / "model" / name
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))

    return change


def _rename_enrolment(world: World) -> None:
    (world.folder / "enrol0.wav").rename(world.folder / "other.wav")
    world.rows[0]["enrolment"] = ["other.wav"]


CHANGES: dict[str, tuple[Change, set[str]]] = {
    "text": (_row("text", "Another."), BOTH),
    "spoken": (_row("spoken", "Sentence nought."), {"work"}),
    "language": (_row("language", "de"), ALL),
    "speaker": (_row("speaker", "s9"), {"work"}),
    "utterance id": (_row("id", "u9"), BOTH),
    "reference content": (_clip("ref0.wav"), ALL),
    "reference text": (
        lambda world: world.rows[0]["references"][0].update({"text": "Others."}), BOTH,
    ),
    "enrolment content": (_clip("enrol0.wav"), SCORED),
    "enrolment name": (_rename_enrolment, {"work"}),
    "natural recording": (_clip("natural0.wav"), BOTH),
    "studio voice": (_swap_voices, BOTH),
    "mel_stats.pth": (_resave("mel_stats.pth", 1.5), BOTH),
    "dvae.pth": (_resave("dvae.pth", 1.5), BOTH),
    "weights": (_resave("model.pth", 1.5), BOTH),
    "config.json": (_edit_json("config.json", lambda c: c.update(temperature=0.5)), BOTH),
    "vocab.json": (
        _edit_json("vocab.json", lambda v: v.update(truncation=None, version="1.1")), BOTH,
    ),
    "sampling": (_set("systems.studio.sampling", {"top_k": 3}), BOTH),
    "a part": (_set("systems.studio.vocoder", {"name": "vocos"}), BOTH),
    "a part's setting": (_set("systems.codes.vocoder.iterations", 3), BOTH),
    "max_codes": (_set("systems.studio.max_codes", 9), BOTH),
    "voice": (_set("systems.studio.voice", "ben"), BOTH),
    "coqui_compat": (_set("systems.studio.coqui_compat", True), BOTH),
    "engine of a system": (_set("systems.mouth.version", 2), BOTH),
    "dtype": (_set("systems.mouth.dtype", "bfloat16"), BOTH),
    "seed": (_set("seed", 1), BOTH),
    "repeats": (_set("repeats", 2), BOTH),
    "an instrument's setting": (_set("instruments.ear.sharpness", 2), SCORED),
    "an instrument's weights": (_set("instruments.ear.weights", "v2"), SCORED),
    "a metric's setting": (_set("metrics.2.floor", 0.5), {"work"}),
    "statistics": (_set("statistics.resamples", 500), {"work"}),
    "confidence": (_set("statistics.confidence", 0.9), {"work"}),
    "baseline": (_set("statistics.baseline", "codes"), {"work"}),
    "claims": (_set("claims", ["mouth: cer.micro < 0.5"]), {"work"}),
    "question": (_set("question", "Why?"), {"work"}),
}  # fmt: skip


@pytest.mark.parametrize("ingredient", CHANGES)
def test_another_ingredient_is_another_key(world: World, ingredient: str) -> None:
    change, changed = CHANGES[ingredient]
    before = world.plan()
    change(world)
    assert before.changed(world.plan()) == changed


def test_a_removed_metric_and_other_impostors_are_another_run(world: World) -> None:
    before = world.plan()
    world.experiment["metrics"].pop()
    fewer = world.plan()
    assert before.changed(fewer) == {"work"}
    _clip("enrol2.wav")(world)  # an impostor of the others, and its own speaker's enrolment
    after = world.plan()
    assert fewer.changed(after) == SCORED
    assert {role for _, role, _ in after.evidence - fewer.evidence} == {"enrolment", "impostors"}


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (error_rate, "NORMALISER_VERSION", "other"),
        (Gauge, "version", 7),
        (keys, "SCORING_VERSION", 99),
    ],
    ids=["normaliser", "metric", "scoring"],
)
def test_versions_of_scoring_change_the_run_alone(
    world: World, place: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.plan()
    monkeypatch.setattr(place, name, value)
    assert before.changed(world.plan()) == {"work"}


def test_the_engine_version_and_the_class_of_device(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.plan()
    with monkeypatch.context() as patch:
        patch.setattr(keys, "ENGINE_VERSION", 99)
        assert before.changed(world.plan()) == BOTH
    with monkeypatch.context() as patch:  # as on a machine with two GPUs
        patch.setattr(construction, "device_class", lambda name: str(name).partition(":")[0])
        first, second = (
            construction.content_of(Mouth(), SPEC, device) for device in ("cuda:0", "cuda:1")
        )
        assert first == second
        assert first != construction.content_of(Mouth(), SPEC, None)


def _move_model(world: World) -> None:
    (world.folder / "model").rename(world.folder / "elsewhere")
    for name in ("studio", "codes"):
        world.experiment["systems"][name]["checkpoint"] = str(world.folder / "elsewhere")


def _batches(world: World) -> None:
    for name in ("mouth", "studio", "codes"):
        world.experiment["systems"][name]["batch_size"] = 4
    world.experiment["instruments"]["ear"]["batch_size"] = 4


def _other_cache(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(world.folder / "cache2"))


@pytest.mark.parametrize(
    "change", [_move_model, _batches, lambda w: w.rows.reverse()], ids=["path", "batch", "order"]
)
def test_what_does_not_matter_enters_no_key(world: World, change: Change) -> None:
    before = world.plan()
    change(world)
    assert before.changed(world.plan()) == set()


def test_where_the_cache_lies_does_not_matter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.experiment.update(
        texts={"name": "builtin", "languages": ["en"], "per_language": 1}, pairing="rotate",
        speakers={"name": "synthetic", "count": 2},
    )  # fmt: skip
    before = world.plan()
    _other_cache(world, monkeypatch)
    assert before.changed(world.plan()) == set()


def test_below_fp32_the_batch_enters_the_key(world: World) -> None:
    world.experiment["systems"]["mouth"]["dtype"] = "bfloat16"
    before = world.plan()
    world.experiment["systems"]["mouth"]["batch_size"] = 4
    assert before.changed(world.plan()) == BOTH


def test_the_path_of_a_parts_weights_does_not_matter(world: World, tmp_path: Path) -> None:
    from xtts_lab.api import XTTS
    from xtts_lab.checkpoint.parts import save_part

    model = XTTS.from_pretrained(str(tmp_path / "model"), device="cpu").model
    keep = partial(save_part, kind="vocoders", trained_with=None)
    keep(tmp_path / "one.safetensors", model=model)
    shutil.copy(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    found = []
    for name in ("one", "two", "one"):
        place = str(tmp_path / f"{name}.safetensors")
        _set("systems.studio.vocoder", {"weights": place})(world)
        found.append(world.plan())
        with torch.no_grad():
            next(model.vocoder.parameters()).mul_(2.0)
        keep(tmp_path / "one.safetensors", model=model)
    assert found[0].changed(found[1]) == set()
    assert found[1].changed(found[2]) == BOTH
