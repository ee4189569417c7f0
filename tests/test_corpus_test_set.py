"""A corpus's unseen speakers as a test set: what is in it, and that experiments read it."""

from __future__ import annotations

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


def test_an_experiment_reads_the_test_set_of_a_world(tmp_path: Path) -> None:
    world, folder = tmp_path / "world", tmp_path / "set"
    flags = ["--out", str(world), "--languages", "en", "--utterances", "6", "--hours", "0.03"]
    command = ["corpus", "formant16", *flags, "--test-set", str(folder)]
    assert run_app(command) == 0
    content = {
        "name": "floor",
        "systems": {"natural": {"name": "recordings"}},
        "texts": {"name": "manifest", "path": str(folder / "manifest-3s.csv")},
        "speakers": {"name": "manifest", "path": str(folder / "manifest-3s.csv")},
        "pairing": "own",
        "metrics": [{"name": "duration"}],
    }
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(content))
    assert run_app(["run", str(tmp_path / "e.yaml"), "--out", str(tmp_path / "run")]) == 0
    trials = pd.read_parquet(tmp_path / "run" / "trials.parquet")
    assert (trials["status"] == "ok").all()
    assert trials["speaker"].nunique() > 1
