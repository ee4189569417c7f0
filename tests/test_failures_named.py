"""A failure names the trial's own file, whoever else made the very same audio."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.test_api_limits import silence
from tests.xtts_fixtures import write_voice
from xtts_lab.cli import run_app


def _run(folder: Path, name: str, ids: list[str], *flags: str) -> Path:
    """Judge the same silence, made by nobody, under several names; no encoder finds a voice."""
    rows = "".join(f"{i},Hello.,en,s,made.wav,v.wav\n" for i in ids)
    (folder / f"{name}.csv").write_text("id,text,language,speaker,audio,references\n" + rows)
    experiment = {
        "name": "x",
        "systems": {"a": {"name": "files"}, "b": {"name": "files"}},
        "texts": {"name": "manifest", "path": str(folder / f"{name}.csv")},
        "metrics": [{"name": "secs", "encoder": "resemblyzer"}],
        "sanity": False,
        "statistics": {"resamples": 100},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(experiment))
    out = folder / name
    assert run_app(["run", str(folder / f"{name}.yaml"), "--out", str(out), *flags]) == 1
    return out


@pytest.mark.parametrize("cached", [False, True])
def test_trials_that_share_audio_name_their_own_file(tmp_path: Path, cached: bool) -> None:
    silence(tmp_path / "made.wav", "zeros", 1.0)
    write_voice(tmp_path / "v.wav", 2.0)
    if cached:  # evidence that was taken of another run's file
        _run(tmp_path, "other", ["u9"])
    run = _run(tmp_path, "x", ["u1", "u2", "u3"], *([] if cached else ["--no-cache"]))
    trials = pd.read_parquet(run / "trials.parquet").set_index("trial_id")
    assert trials["audio_sha256"].nunique() == 1
    failures = pd.read_csv(run / "failures.csv")
    assert set(failures["trial_id"]) == set(trials.index)
    for trial_id, stage, error in failures[["trial_id", "stage", "error"]].to_numpy().tolist():
        assert stage == "measure resemblyzer"
        name = Path(trials.loc[trial_id, "audio_path"]).name
        assert error.startswith(f"{name}: silent, or under 0.4 s")
