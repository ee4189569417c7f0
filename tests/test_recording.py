"""Recorded steps are the plain ones; where there is no GPU, asking for them changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from tests import tone_corpus
from tests.test_codec_training import CTC_STAGE, DVAE_STAGE, _built
from tests.test_gpt_training import CONDITIONERS, DVAE, LOOP, built, stage_of
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.training import prefetch
from xtts_lab.training.codec.dvae import DvaeStage
from xtts_lab.training.prefetch import Workers, batches
from xtts_lab.training.stage import Shard

WAYS: dict[str, dict[str, bool]] = {
    "plain": {},
    "recorded": {"graphs": True},
    "compiled": {"compiled": True},
    "both": {"graphs": True, "compiled": True},
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    tone_corpus.write(folder / "tones")
    assert train(folder, "dvae", DVAE, 4, "cpu") == 0
    stage = {"name": "tokenise", "corpora": ["tones"], "dvae": "dvae"}
    assert train(folder, "codes", stage, 1, "cpu") == 0
    return folder


def train(out: Path, name: str, stage: dict[str, Any], steps: int, device: str, **loop: Any) -> int:
    content = {"name": name, "stage": stage, "training": {**LOOP, "steps": steps, **loop}}
    (out / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return run_app(["train", str(out / f"{name}.yaml"), "--out", str(out), "--devices", device])


def curve(out: Path, conditioner: str, way: str, device: str, steps: int) -> pd.DataFrame:
    name = f"{conditioner}-{way}-{device.partition(':')[0]}"
    loop = {**WAYS[way], "precision": "fp32"}
    assert train(out, name, stage_of(conditioner), steps, device, **loop) == 0
    return pd.read_csv(out / name / "losses.csv")[["step", "audio", "text"]]


def test_without_a_gpu_asking_for_them_changes_nothing(out: Path) -> None:
    plain, asked = (curve(out, "perceiver", way, "cpu", 3) for way in ("plain", "both"))
    pd.testing.assert_frame_equal(plain, asked, check_exact=True)


def test_processes_make_the_batches_that_threads_make(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "ROOM", 0.0)
    stage = built(out, stage_of("perceiver"))
    cpu = torch.device("cpu")
    threads, processes = (
        [*batches(stage, 3, 9, Shard(), Workers(2, apart), cpu)] for apart in (False, True)
    )
    assert len(threads) == len(processes) == 6
    for one, other in zip(threads, processes, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("way", ["recorded", "compiled", "both"])
@pytest.mark.parametrize("conditioner", CONDITIONERS)
def test_on_a_gpu_the_curve_is_the_plain_one(out: Path, conditioner: str, way: str) -> None:
    """Batches whose condition is dropped and others, of several shapes; 12 steps of each."""
    plain, other = (curve(out, conditioner, kind, "cuda:0", 12) for kind in ("plain", way))
    pd.testing.assert_frame_equal(plain, other, rtol=5e-3)


CODEC: dict[str, dict[str, Any]] = {
    "dvae": {**DVAE_STAGE, "autoencoder_steps": 5},
    "convnext": {**DVAE_STAGE, "blocks": "convnext", "inner": 48, "autoencoder_steps": 5},
    "ctc": CTC_STAGE,
}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("case", CODEC)
def test_the_codec_s_stages_are_recorded_as_they_are(out: Path, case: str) -> None:
    """Past the change from noise to rounding, with a CTC loss that is another while recorded."""
    curves = []
    for way in ("plain", "recorded"):
        loop = {**WAYS[way], "precision": "fp32"}
        assert train(out, f"{case}-{way}", CODEC[case], 12, "cuda:0", **loop) == 0
        curves.append(pd.read_csv(out / f"{case}-{way}" / "losses.csv").drop(columns="minutes"))
    pd.testing.assert_frame_equal(*curves, rtol=1e-2)


def test_a_codebook_cannot_be_recorded(out: Path) -> None:
    stage = _built("dvae", {**DVAE_STAGE, "levels": []}, out)
    assert isinstance(stage, DvaeStage)
    with pytest.raises(UsageError, match=r"training\.graphs: .* use levels"):
        stage.objective(stage.batch("train", 0, Shard()))
