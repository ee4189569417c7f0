"""A corpus's unseen speakers as a test set: what is in it, and that experiments read it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from tests import tone_corpus
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.chosen_items import LEAST_S
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.test_set import write_test_set


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus.open(tone_corpus.write(tmp_path_factory.mktemp("tones"), utterances=288))


def clips(cell: str) -> list[str]:
    return [path for path in cell.split(";") if path]


def test_targets_references_and_enrolment_are_apart(corpus: Corpus, tmp_path: Path) -> None:
    counts = write_test_set(corpus, tmp_path, per_speaker=1, reference_s=(1.0, 2.5))
    table = pd.read_csv(tmp_path / "manifest-2.5s.csv", keep_default_na=False)
    assert counts == {"items": len(table), "speakers": table["speaker"].nunique()}
    items = corpus.items.set_index("id")
    for row in table.itertuples():
        assert items.loc[row.id, "split"] == "test"
        number = int(corpus.items.index[corpus.items["id"] == row.id][0])
        samples, rate = soundfile.read(tmp_path / row.target, dtype="int16")
        assert rate == corpus.sample_rate
        assert np.array_equal(samples, corpus.samples(number))
        assert row.target not in clips(row.references)
        assert not set(clips(row.references)) & set(clips(row.enrolment))
        for clip in clips(row.references) + clips(row.enrolment):
            spoken = Path(clip).stem.split("-")[0]
            assert items.loc[spoken, "speaker"] == row.speaker


@pytest.mark.parametrize("seconds", [1.0, 2.5])
def test_references_are_as_long_as_asked(corpus: Corpus, tmp_path: Path, seconds: float) -> None:
    write_test_set(corpus, tmp_path, per_speaker=1, reference_s=(seconds,))
    table = pd.read_csv(tmp_path / f"manifest-{seconds:g}s.csv", keep_default_na=False)
    for row in table.itertuples():
        found = sum(soundfile.info(tmp_path / clip).duration for clip in clips(row.references))
        assert seconds - LEAST_S < found < seconds + 1e-3
        assert all(soundfile.info(tmp_path / c).duration >= LEAST_S for c in clips(row.references))


def test_a_split_without_audio_is_refused(tmp_path: Path) -> None:
    corpus = Corpus.open(tone_corpus.write(tmp_path / "tones", utterances=8))
    with pytest.raises(UsageError, match="nothing of its split 'test'"):
        write_test_set(corpus, tmp_path / "set")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world, its test set, and a run that judged its natural speech."""
    out = tmp_path_factory.mktemp("judged")
    flags = ["--languages", "en", "--utterances", "6", "--hours", "0.03"]
    command = ["corpus", "formant16", "--out", str(out / "world"), *flags]
    assert run_app([*command, "--test-set", str(out / "set")]) == 0
    manifest = {"name": "manifest", "path": str(out / "set" / "manifest-3s.csv")}
    for name, system in {"run": {"name": "recordings"}, "made": {"name": "espeak"}}.items():
        content = {
            "name": "floor",
            "systems": {"natural": system},
            "texts": manifest,
            "speakers": manifest,
            "pairing": "own",
            "metrics": [{"name": "duration"}],
        }
        (out / f"{name}.yaml").write_text(yaml.safe_dump(content))
        assert run_app(["run", str(out / f"{name}.yaml"), "--out", str(out / name)]) == 0
    return out


def test_an_experiment_reads_the_test_set_of_a_world(judged: Path) -> None:
    trials = pd.read_parquet(judged / "run" / "trials.parquet")
    assert (trials["status"] == "ok").all()
    assert trials["speaker"].nunique() > 1


def _note(judged: Path, corpus: Path, run: str) -> int:
    return run_app(["corpus", "formant16", "--out", str(corpus), "--floors", str(judged / run)])


def test_a_card_tells_the_floors_of_its_speech(judged: Path) -> None:
    before = json.loads((judged / "world" / "corpus.json").read_text())
    assert _note(judged, judged / "world", "run") == 0
    card = json.loads((judged / "world" / "corpus.json").read_text())
    assert {name: card[name] for name in before} == before
    summary = pd.read_csv(judged / "run" / "summary.csv")
    expected = {
        metric: {row.language: pytest.approx(row.mean_, abs=1e-5) for row in rows.itertuples()}
        for metric, rows in summary.rename(columns={"mean": "mean_"}).groupby("metric")
    }
    assert card["floors"] == expected
    assert card["floors_of"]["speakers"] == summary["speakers"].max()
    assert _note(judged, judged / "world", "run") == 0  # again: nothing changes
    assert json.loads((judged / "world" / "corpus.json").read_text()) == card


def test_floors_of_other_speech_are_refused(
    judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--languages", "en", "--utterances", "2", "--hours", "0.01", "--seed", "5"]
    assert run_app(["corpus", "formant16", "--out", str(tmp_path / "other"), *flags]) == 0
    card = (tmp_path / "other" / "corpus.json").read_bytes()
    for run, told in {"run": "which", "made": "no natural speech", "nowhere": "nowhere"}.items():
        assert _note(judged, tmp_path / "other", run) == 2
        assert told in capsys.readouterr().err
    assert (tmp_path / "other" / "corpus.json").read_bytes() == card
