"""The release notes as experiments: each resolves, declares its claims, and says what it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from xtts_lab.experiment.spec import Experiment, load
from xtts_lab.runs.metric_use import metric_uses
from xtts_lab.yaml_file import Document, Where

ROOT = Path(__file__).parents[1] / "experiments"
CLAIMS = sorted((ROOT / "claims").rglob("*.yaml"))
SWEEPS = sorted((ROOT / "sweeps").glob("*.yaml"))
TRAINED = sorted((ROOT / "sweeps" / "trained").glob("*.yaml"))
ARMS = sorted((ROOT / "sweeps" / "trained" / "arms").glob("*.yaml"))
EVERY = [*CLAIMS, *SWEEPS, *TRAINED]

every = pytest.mark.parametrize(
    "file", EVERY, ids=lambda file: file.relative_to(ROOT).with_suffix("").as_posix()
)


def resolved(file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Load an experiment with a model that is at hand in place of those that are not."""
    monkeypatch.setenv("XTTS_LAB_SPEECH", str(folder))
    (folder / "manifest.csv").write_text("path,language,speaker\n")
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"coqui/XTTS-v2|runs/train/[\w-]+", "nano", text)
    copy = folder / file.name
    copy.write_text(text, encoding="utf-8")
    return load(copy)


@every
def test_it_resolves_and_claims_what_it_measures(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = resolved(file, tmp_path, monkeypatch)
    assert experiment.claims
    uses = metric_uses(experiment.spec.metrics, Where(Document("x")))
    known = {metric_id for use in uses for metric_id in use.ids.values()}
    assert {claim.metric for claim in experiment.claims} <= known
    assert any(claim.margin for claim in experiment.claims)


@every
def test_it_says_first_what_it_tests_and_what_it_takes(file: Path) -> None:
    head = re.split(r"^name:", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[0]
    assert head.startswith("# ")
    assert "xtts-lab run" in head or "systems.xtts." in head or "full/" in head
    assert re.search(r"\b(hours?|minutes|seconds) of (judging|speech|decoding)|minutes|GPU", head)
    if file in CLAIMS:
        number = re.match(r"0(\d)", file.name)
        assert number is not None
        assert f"Claim ({number[1]})" in head
        assert yaml.safe_load(file.read_text(encoding="utf-8"))["name"].startswith(
            f"claims-{number[1]}-"
        )


def test_every_claim_has_a_file_or_a_script() -> None:
    """(8) is about losses: `benchmarks/loss_curves.py`."""
    here = {file.name[:2] for file in CLAIMS if file.parent.name == "claims"}
    assert here == {f"0{number}" for number in range(1, 8)}
    assert "Claim (8)" in (ROOT.parent / "benchmarks" / "loss_curves.py").read_text()
    readme = (ROOT / "claims" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{file.stem}`" in readme for file in CLAIMS if file.parent.name == "claims")


def test_names_differ_so_that_a_folder_runs() -> None:
    names = [yaml.safe_load(file.read_text(encoding="utf-8"))["name"] for file in EVERY]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", ARMS, ids=lambda file: file.stem)
def test_trained_sweeps_train_what_they_name(file: Path) -> None:
    pytest.importorskip("lightning_fabric")
    from xtts_lab.training.spec import load as load_training

    jobs = {f"runs/train/{job.name}" for job in load_training(file)}
    named = set(re.findall(r"runs/train/[\w-]+", (file.parents[1] / file.name).read_text()))
    assert jobs == named
