"""A corpus's unseen speakers as a test set: what is in it, and that experiments read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from tests import tone_corpus
from xtts_lab.cli import run_app
from xtts_lab.data.manifest import ManifestTexts
from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.chosen_items import LEAST_S
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.test_set import write_test_set


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus.open(tone_corpus.write(tmp_path_factory.mktemp("tones"), utterances=288))


def rows_of(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]


def heard(row: dict[str, Any]) -> list[str]:
    return [reference["audio"] for reference in row["references"]]


def test_targets_references_and_enrolment_are_apart(corpus: Corpus, tmp_path: Path) -> None:
    counts = write_test_set(corpus, tmp_path, per_speaker=1, reference_s=(1.0, 2.5))
    rows = rows_of(tmp_path / "manifest-2.5s.jsonl")
    assert counts == {"items": len(rows), "speakers": len({row["speaker"] for row in rows})}
    items = corpus.items.set_index("id")
    for row in rows:
        assert items.loc[row["id"], "split"] == "test"
        number = int(corpus.items.index[corpus.items["id"] == row["id"]][0])
        samples, rate = soundfile.read(tmp_path / row["target"], dtype="int16")
        assert rate == corpus.sample_rate
        assert np.array_equal(samples, corpus.samples(number))
        assert row["target"] not in heard(row)
        assert not set(heard(row)) & set(row["enrolment"])
        for clip in heard(row) + row["enrolment"]:
            spoken = Path(clip).stem.split("-")[0]
            assert items.loc[spoken, "speaker"] == row["speaker"]


def test_every_reference_has_its_words(corpus: Corpus, tmp_path: Path) -> None:
    write_test_set(corpus, tmp_path, per_speaker=1, reference_s=(2.5,))
    items = corpus.items.set_index("id")
    rows = rows_of(tmp_path / "manifest-2.5s.jsonl")
    assert max(len(row["references"]) for row in rows) > 1
    for reference in (reference for row in rows for reference in row["references"]):
        spoken = items.loc[Path(reference["audio"]).stem.split("-")[0]]
        assert reference["text"] == spoken["text"]  # one word: nothing of it is cut away
        assert reference["language"] == spoken["language"]
    read = ManifestTexts(path=tmp_path / "manifest-2.5s.jsonl").sentences()
    assert {one.id for one in read} == {row["id"] for row in rows}
    assert all(one.voice is not None for one in read)
    assert all(r.text for one in read if one.voice for r in one.voice.references)


def test_the_words_of_a_cut_reference_are_cut(judged: Path) -> None:
    """3 s of a sentence that is longer say its beginning."""
    items = pd.read_parquet(judged / "world" / "items.parquet").set_index("id")
    rows = rows_of(judged / "set" / "manifest-3s.jsonl")
    cut = 0
    for reference in (reference for row in rows for reference in row["references"]):
        stem = Path(reference["audio"]).stem
        whole = stem in items.index
        spoken = items.loc[stem if whole else stem.rpartition("-")[0]]
        assert reference["text"]
        assert spoken["text"].startswith(reference["text"])
        assert not whole or reference["text"] == spoken["text"]
        cut += len(reference["text"]) < len(spoken["text"])
    assert cut


@pytest.mark.parametrize("seconds", [1.0, 2.5])
def test_references_are_as_long_as_asked(corpus: Corpus, tmp_path: Path, seconds: float) -> None:
    write_test_set(corpus, tmp_path, per_speaker=1, reference_s=(seconds,))
    for row in rows_of(tmp_path / f"manifest-{seconds:g}s.jsonl"):
        lengths = [soundfile.info(tmp_path / clip).duration for clip in heard(row)]
        assert seconds - LEAST_S < sum(lengths) < seconds + 1e-3
        assert min(lengths) >= LEAST_S


def test_a_part_of_speakers_and_languages(tmp_path: Path) -> None:
    """English of every speaker, the other languages in turn."""
    both = tone_corpus.write(tmp_path / "both", utterances=288)
    items = pd.read_parquet(both / "items.parquet")
    items["language"] = [("it", "en", "de")[number // 48 % 3] for number in range(len(items))]
    items.to_parquet(both / "items.parquet")
    corpus = Corpus.open(both)  # each speaker speaks all three
    write_test_set(corpus, tmp_path / "all", per_speaker=2, reference_s=(2.5,))
    part = write_test_set(
        corpus, tmp_path / "part", speakers=2, per_speaker=1, languages=2, reference_s=(2.5,)
    )
    everything = rows_of(tmp_path / "all" / "manifest-2.5s.jsonl")
    rows = rows_of(tmp_path / "part" / "manifest-2.5s.jsonl")
    assert part == {"items": 4, "speakers": 2}
    assert [(row["speaker"], row["language"]) for row in rows] == [
        ("s0", "en"), ("s0", "de"), ("s1", "it"), ("s1", "en"),
    ]  # fmt: skip
    assert len(everything) > len(rows)
    with pytest.raises(UsageError, match="speakers: must be at least 1"):
        write_test_set(corpus, tmp_path / "none", speakers=0)


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
    manifest = {"name": "manifest", "path": str(out / "set" / "manifest-3s.jsonl")}
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


def test_an_arm_that_reads_its_references_needs_no_transcriber(judged: Path) -> None:
    """`valle` continues its prompt, whose words the test set knows."""
    manifest = {"name": "manifest", "path": str(judged / "set" / "manifest-3s.jsonl")}
    system = {"name": "xtts", "checkpoint": "nano-valle"}
    other = {"name": "other_references", "manifest": manifest["path"], "whose": "another"}
    content = {
        "name": "read",
        "systems": {"valle": system, "wrong": {**other, "system": system}},
        "texts": manifest,
        "speakers": manifest,
        "pairing": "own",
        "metrics": [{"name": "duration"}],
    }
    (judged / "read.yaml").write_text(yaml.safe_dump(content))
    command = ["run", str(judged / "read.yaml"), "--out", str(judged / "read"), "--limit", "1"]
    assert run_app(command) == 0
    assert (pd.read_parquet(judged / "read" / "trials.parquet")["status"] == "ok").all()


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
