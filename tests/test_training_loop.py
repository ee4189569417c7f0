"""The training loop: exact resume, several processes, schedules, jobs, mistakes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab.cli import FAILED_TRIALS, INTERRUPTED, run_app
from xtts_lab.training.memory import is_out_of_memory
from xtts_lab.training.muon import Muon
from xtts_lab.training.optimisers import factor
from xtts_lab.training.spec import LoopSpec, load

LOOP = {"steps": 30, "warmup": 3, "log_every": 4, "validate_every": 10}


@pytest.fixture(autouse=True)
def _stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that adds two stages, for this process and those it starts."""
    package = tmp_path / "site" / "toy-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    stages = "line = tests.training_support:LineStage\ncount = tests.training_support:CountTask\n"
    (package / "entry_points.txt").write_text(f"[xtts_lab.stages]\n{stages}")
    monkeypatch.syspath_prepend(str(package.parent))
    root = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), str(root)]))


def write(path: Path, **changes: Any) -> str:
    content = {"name": "line", "stage": {"name": "line"}, "training": LOOP, **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return str(path)


def outcome(run: Path) -> dict[str, Any]:
    """Everything that must not depend on how a run came about."""
    losses = pd.read_csv(run / "losses.csv").drop(columns="minutes")
    validation = pd.read_csv(run / "validation.csv")
    return {
        "losses": losses.to_csv(),
        "validation": validation.to_csv(),
        "weights": (run / "line.json").read_text(),
        "step": json.loads((run / "status.json").read_text())["step"],
    }


def train(*arguments: object) -> int:
    return run_app(["train", *map(str, arguments), "--devices", "cpu"])


@pytest.mark.parametrize("stop_at", [1, 29])
@pytest.mark.parametrize("save_minutes", [1e-9, 100.0], ids=["saved", "from the beginning"])
def test_an_interrupted_run_goes_on_to_the_same_curve(
    tmp_path: Path, stop_at: int, save_minutes: float
) -> None:
    loop = {**LOOP, "save_minutes": save_minutes}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(write(tmp_path / "a.yaml", training=loop), "--out", whole) == 0
    stage = {"name": "line", "stop_at": stop_at}
    file = write(tmp_path / "b.yaml", training=loop, stage=stage)
    assert train(file, "--out", broken) == INTERRUPTED
    assert train(file, "--out", broken) == 0
    assert outcome(broken / "line") == outcome(whole / "line")
    assert (broken / "line" / "stopped").exists()


@pytest.mark.parametrize("save_minutes", [1e-9, 100.0], ids=["saved", "from the beginning"])
def test_a_lack_of_memory_is_one_line_and_the_run_goes_on(
    tmp_path: Path, save_minutes: float, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = {**LOOP, "save_minutes": save_minutes}
    stage = {"name": "line", "rows": 8}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(write(tmp_path / "a.yaml", training=loop, stage=stage), "--out", whole) == 0
    file = write(tmp_path / "b.yaml", training=loop, stage={**stage, "full_at": 20})
    capsys.readouterr()
    assert train(file, "--out", broken) == FAILED_TRIALS
    (line,) = capsys.readouterr().err.splitlines()
    place = "from step 20" if save_minutes < 1 else "from the beginning"
    assert "line: out of memory on cpu (stage 'line'); set fewer --jobs-per-device" in line
    assert line.endswith(f"goes on {place}; or begin anew with a smaller stage.rows (now 8)")
    assert train(file, "--out", broken) == 0
    assert outcome(broken / "line") == outcome(whole / "line")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("x"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        MemoryError(),
    ],
)
def test_a_lack_of_memory_is_known_by_its_names(error: Exception) -> None:
    assert is_out_of_memory(error)
    outer = ValueError("of it")
    outer.__context__, error.__context__ = error, outer  # a circle is no trap
    assert is_out_of_memory(outer)
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_a_run_that_is_killed_leaves_what_it_had_come_to(tmp_path: Path) -> None:
    stage = {"name": "line", "stop_at": 20}
    file = write(tmp_path / "a.yaml", stage=stage, training={**LOOP, "save_minutes": 1e-9})
    assert train(file, "--out", tmp_path) == INTERRUPTED
    assert (tmp_path / "line" / "line.json").is_file()
    never = write(tmp_path / "b.yaml", name="never", stage=stage)
    assert train(never, "--out", tmp_path) == INTERRUPTED
    assert not (tmp_path / "never" / "line.json").is_file()


def test_a_run_in_slices_is_the_run_in_one(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml", training={**LOOP, "steps": 11})
    assert train(file, "--out", tmp_path / "whole") == 0
    for _ in range(11):
        assert train(file, "--out", tmp_path / "slices", "--minutes", 1e-9) == 0
    assert outcome(tmp_path / "slices" / "line") == outcome(tmp_path / "whole" / "line")


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml")
    assert train(file, "--out", tmp_path) == 0
    before = (tmp_path / "line" / "state.pt").stat().st_mtime_ns
    assert train(file, "--out", tmp_path) == 0
    assert (tmp_path / "line" / "state.pt").stat().st_mtime_ns == before


def test_its_own_config_goes_on_with_a_run(tmp_path: Path) -> None:
    file = write(tmp_path / "a.yaml")
    assert train(file, "--out", tmp_path / "whole") == 0
    assert train(file, "--out", tmp_path / "x", "--minutes", 1e-9) == 0
    assert train(tmp_path / "x" / "line" / "config.yaml", "--out", tmp_path / "x") == 0
    assert outcome(tmp_path / "x" / "line") == outcome(tmp_path / "whole" / "line")


def test_two_processes_train_as_one_with_the_whole_batch(tmp_path: Path) -> None:
    """The gradients of both, averaged, are those of the doubled batch: so are all the weights."""
    stage = {"name": "line", "width": 5}
    one = write(tmp_path / "one.yaml", stage=stage)
    two = write(tmp_path / "two.yaml", stage=stage, training={**LOOP, "processes": 2})
    assert train(one, "--out", tmp_path / "one") == 0
    assert train(two, "--out", tmp_path / "two") == 0, (tmp_path / "two/line/train.log").read_text()
    weights = [
        json.loads((tmp_path / n / "line" / "line.json").read_text()) for n in ("one", "two")
    ]
    torch.testing.assert_close(
        torch.tensor(weights[0]), torch.tensor(weights[1]), rtol=0, atol=1e-5
    )
    columns = [pd.read_csv(tmp_path / n / "line" / "losses.csv")["other"] for n in ("one", "two")]
    assert columns[0].tolist() == pytest.approx(columns[1].tolist(), rel=1e-3)


def test_processes_leave_their_group_before_they_end(tmp_path: Path) -> None:
    """Else gloo's threads may still hold a tensor as the interpreter ends, which kills it."""
    stage = {"name": "line", "told": True}
    file = write(tmp_path / "a.yaml", stage=stage, training={**LOOP, "steps": 3, "processes": 2})
    assert train(file, "--out", tmp_path) == 0
    ends = [(tmp_path / "line" / f"group-{rank}").read_text() for rank in range(2)]
    assert ends == ["alone", "alone"]


def test_it_learns_and_the_average_is_what_is_exported(tmp_path: Path) -> None:
    loop = {**LOOP, "steps": 300, "average": 0.9}
    assert train(write(tmp_path / "a.yaml", training=loop), "--out", tmp_path) == 0
    validation = pd.read_csv(tmp_path / "line" / "validation.csv")["loss"]
    assert validation.iloc[-1] < 0.05 < validation.iloc[0]
    state = torch.load(tmp_path / "line" / "state.pt", weights_only=True)
    exported = torch.tensor(json.loads((tmp_path / "line" / "line.json").read_text()))
    live = state["modules"]["line.weight"].flatten()
    assert not torch.equal(exported, live)
    torch.testing.assert_close(exported, live, rtol=0, atol=0.1)


@given(steps=st.integers(1, 500), warmup=st.integers(0, 50), decay=st.floats(0, 1), data=st.data())
def test_the_rate_is_a_trapezium(
    steps: int, warmup: int, decay: float, data: st.DataObject
) -> None:
    spec = LoopSpec(steps=steps, warmup=warmup, decay=decay, floor=0.1)
    step = data.draw(st.integers(0, steps - 1))
    rate = factor(step, spec)
    assert 0.0 < rate <= 1.0
    if warmup <= step <= steps - decay * steps:
        assert rate == pytest.approx(1.0)
    if decay * steps >= 1 and warmup < step < steps - 1 and step > steps - decay * steps:
        assert factor(step + 1, spec) < rate


def test_variants_are_the_same_but_for_what_they_set(tmp_path: Path) -> None:
    variants = {"wide": {"set": {"stage.width": 9}, "seeds": [0, 1]}, "slim": {"seeds": [4]}}
    jobs = {job.name: job for job in load(Path(write(tmp_path / "a.yaml", variants=variants)))}
    assert list(jobs) == ["line-wide-s0", "line-wide-s1", "line-slim-s4"]
    assert [job.stage["width"] for job in jobs.values()] == [9, 9, 6]
    assert [job.seed for job in jobs.values()] == [0, 1, 4]
    assert len({job.training.model_dump_json() for job in jobs.values() if job.training}) == 1


def test_a_folder_runs_in_order_and_a_failure_stops_only_what_waits_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    write(folder / "1.yaml", name="last", stage={"name": "count"}, training=None, after=["first"])
    write(folder / "2.yaml", name="first", stage={"name": "count"}, training=None)
    write(folder / "3.yaml", name="bad", stage={"name": "count", "fail": True}, training=None)
    write(folder / "4.yaml", name="waits", stage={"name": "count"}, training=None, after=["bad"])
    out = tmp_path / "out"
    assert train(folder, "--out", out, "--jobs-per-device", 2) == 1
    done = {p.parent.name: json.loads(p.read_text())["done"] for p in out.glob("*/status.json")}
    assert done == {"first": True, "last": True}
    assert "told to" in (out / "bad" / "train.log").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": {"name": "lime"}}, "a.yaml:3: stage.name: unknown stage 'lime'; did you mean"),
        ({"stage": {"name": "line", "widht": 3}}, "did you mean 'width'"),
        ({"stage": {"name": "line", "width": "x"}}, "stage.width"),
        ({"training": {**LOOP, "warm_up": 3}}, "did you mean 'warmup'"),
        ({"training": {**LOOP, "steps": 0}}, "training.steps"),
        ({"training": {"warmup": 1}}, "training.steps: missing"),
        ({"training": None}, "training: missing; say at least how many steps"),
        ({"trainin": LOOP}, "did you mean 'training'"),
        ({"after": ["lines"]}, "after: unknown run 'lines'"),
        ({"variants": {"a": {"seed": [1]}}}, "did you mean 'seeds'"),
        ({"variants": {"a": {"set": {"stage.widht": 1}}}}, "did you mean 'width'"),
        ({"variants": {"a": {"set": {"sage.width": 1}}}}, "there is no 'sage'"),
        ({"name": "a b"}, "name"),
        ({"training": {**LOOP, "graphs": True}}, "training.graphs: steps of 'line' cannot be"),
        ({"training": {**LOOP, "compiled": True}}, "training.compiled: steps of 'line' cannot be"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    file = write(tmp_path / "a.yaml", **changes)
    assert train(file, "--out", tmp_path / "out") == 2
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_other_settings_do_not_go_on_with_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.yaml")
    assert train(file, "--out", tmp_path, "--minutes", 1e-9) == 0
    assert train(file, "training.warmup=4", "--out", tmp_path) == 2
    assert "training.warmup: 3, not 4" in capfd.readouterr().err
    assert train(file, "training.workers=1", "training.save_minutes=7.0", "--out", tmp_path) == 0


def test_runs_that_wait_for_each_other_are_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "configs"
    write(folder / "1.yaml", name="one", after=["two"])
    write(folder / "2.yaml", name="two", after=["one"])
    assert train(folder, "--out", tmp_path / "out") == 2
    assert "one, two wait for each other" in capfd.readouterr().err


def test_how_long_a_run_lasts_may_be_set_until_its_rate_falls(tmp_path: Path) -> None:
    """What comes of it is what the later settings give from the beginning."""
    loop = {"steps": 10, "decay": 0.5, "warmup": 1, "log_every": 2, "validate_every": 3}
    file = write(tmp_path / "a.yaml", training=loop)
    sooner = ("training.steps=8", "training.decay=0.5")
    assert train(file, *sooner, "--out", tmp_path / "whole") == 0
    for _ in range(4):
        assert train(file, "--out", tmp_path / "x", "--minutes", 1e-9) == 0
    assert train(file, "training.steps=6", "--out", tmp_path / "x") == 2  # would have fallen
    assert train(file, *sooner, "--out", tmp_path / "x") == 0
    assert outcome(tmp_path / "x" / "line") == outcome(tmp_path / "whole" / "line")
    assert train(file, "--out", tmp_path / "x") == 2  # it is done
    late = ("--out", tmp_path / "y")
    for _ in range(6):
        assert train(file, *late, "--minutes", 1e-9) == 0
    assert train(file, "training.steps=14", *late) == 2
    assert train(file, *late) == 0


def test_matrices_of_one_shape_are_moved_as_one_by_one() -> None:
    """As by torch's Muon, whose bfloat16 rounds elsewhere; resumed by its state."""
    torch.manual_seed(0)
    shapes = [(24, 8), (8, 8), (24, 8), (8, 32), (8, 8)]
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = [torch.nn.Parameter(weight.detach().clone()) for weight in ours]
    one = Muon(ours, lr=0.02, weight_decay=0.1)
    other = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    for step in range(6):
        if step == 3:
            kept = one.state_dict()
            one = Muon(ours, lr=0.02, weight_decay=0.1)
            one.load_state_dict(kept)
        for weight, twin in zip(ours, theirs, strict=True):
            weight.grad = torch.randn_like(weight)
            twin.grad = weight.grad.clone()
        one.step()
        other.step()
    for weight, twin in zip(ours, theirs, strict=True):
        torch.testing.assert_close(weight, twin, rtol=0, atol=6 * 0.02 * 0.02)
    with pytest.raises(ValueError, match="matrices only"):
        Muon([torch.nn.Parameter(torch.zeros(3))], lr=0.1, weight_decay=0.0)
