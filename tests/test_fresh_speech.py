"""`{formant16: fresh}`: speech that is made while a model learns from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests import tone_corpus
from xtts_lab.cli import run_app
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.texts import folded, split_of
from xtts_lab.training.speech.alphabet import Alphabet
from xtts_lab.training.speech.bank import Bank
from xtts_lab.training.speech.fresh import FreshWorld
from xtts_lab.training.stage import Batch, Shard

STAGE: dict[str, Any] = {
    "name": "ctc", "corpora": [{"formant16": "fresh"}], "width": 32, "inner": 64, "layers": 1,
    "kernel": 7, "seconds": 11.0, "validation_batches": 1, "floor_utterances": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    asked = ["--hours", "0.01", "--utterances", "2", "--languages", "es,de", "--out"]
    assert run_app(["corpus", "formant16", *asked, str(folder / "formant16")]) == 0
    return folder


@pytest.fixture(scope="module")
def bank(out: Path) -> Bank:
    corpus = Corpus.open(out / "formant16", fresh=True)
    return Bank([corpus], "train", Alphabet.of([corpus]))


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_a_batch_is_made_of_its_number_alone(out: Path, bank: Bank) -> None:
    corpus = Corpus.open(out / "formant16", fresh=True)
    again = Bank([corpus], "train", Alphabet.of([corpus]))
    first = [bank.utterances(0, 0, index, 11.0) for index in (0, 1)]
    assert same(again.utterances(0, 0, 1, 11.0), first[1])
    assert same(again.utterances(0, 0, 0, 11.0), first[0])
    assert not same(first[0], first[1])
    assert not same(again.utterances(1, 0, 0, 11.0), first[0])


def test_processes_share_a_batch(bank: Bank) -> None:
    whole = bank.utterances(0, 0, 5, 11.0)
    parts = [bank.utterances(0, 0, 5, 11.0, Shard(index, 2)) for index in range(2)]
    assert [len(part["lengths"]) for part in parts] == [1, 1]
    lengths = [int(length) for part in parts for length in part["lengths"]]
    assert lengths == whole["lengths"].tolist()
    for row, part in enumerate(parts):
        heard = part["samples"][0]
        assert torch.equal(whole["samples"][row, : len(heard)], heard)
        assert float(part["share"]) == 1.0
    assert not bool(whole["samples"][0, lengths[0] :].any())


def test_each_utterance_is_speech_of_the_corpus_languages(bank: Bank) -> None:
    batch = bank.utterances(3, 0, 0, 30.0)
    level = batch["samples"].float().div(32768).square().mean(1).sqrt()
    assert bool((level > 0.01).all())
    assert set(batch["languages"].tolist()) <= {0, 1}
    assert bool((batch["symbol_lengths"] > 5).all())
    seconds = batch["lengths"].float() / 24000
    assert 0.5 < float(seconds.min()) <= float(seconds.max()) < 15.0


def test_texts_are_for_training_and_none_of_the_held_out(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus.open(out / "formant16", fresh=True)
    world = FreshWorld(corpus, Alphabet.of([corpus]))
    held_out = {folded(text) for text in corpus.planned("test")["text"]}
    said: list[str] = []
    prepare = world._world.prepare
    monkeypatch.setattr(
        world._world,
        "prepare",
        lambda texts, language: said.extend(texts) or prepare(texts, language),
    )
    for row in range(6):
        world.draw((0, 0, 0), row)
    assert len(set(said)) == len(said) >= 6
    assert {split_of(text) for text in said} == {"train"}
    assert not held_out & {folded(text) for text in said}


def test_parts_of_it_have_one_length(bank: Bank) -> None:
    batch = bank.crops(0, 0, 0, 3, 12000)
    assert batch["samples"].shape == (3, 12000)
    assert batch["samples"].dtype == torch.int16
    assert bool(batch["samples"].any(1).all())
    assert same(batch, bank.crops(0, 0, 0, 3, 12000))


def test_validation_is_what_was_rendered(out: Path) -> None:
    corpora = [Corpus.open(out / "formant16", fresh=how) for how in (True, False)]
    banks = [Bank([one], "validation", Alphabet.of([one])) for one in corpora]
    assert same(*(bank.utterances(0, 1, 0, 11.0) for bank in banks))


def _train(out: Path, name: str, stage: dict[str, Any], *flags: str) -> int:
    loop = {"steps": 2, "warmup": 1, "log_every": 1, "validate_every": 100, "workers": 2}
    file = out / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"name": name, "stage": stage, "training": loop}))
    return run_app(["train", str(file), "--out", str(out), "--devices", "cpu", *flags])


def test_a_stage_learns_from_it_in_slices_as_in_one(out: Path) -> None:
    """Neither worker threads nor interruptions change what is said."""
    assert _train(out, "whole", STAGE) == 0
    for _ in range(2):
        assert _train(out, "slices", STAGE, "--minutes", "0.0001") == 0
    assert json.loads((out / "slices" / "status.json").read_text())["done"]
    losses = [
        [line.split(",")[:2] for line in (out / name / "losses.csv").read_text().splitlines()]
        for name in ("whole", "slices")
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 3


@pytest.mark.parametrize(
    ("corpora", "expected"),
    [
        ([{"tones": "fresh"}], "only formant16 can be drawn afresh"),
        ([{"formant16": "stale"}], "formant16: 'stale' says nothing; write 'fresh'"),
        ([{"nowhere": "fresh"}], "neither a run"),
        ([7], "corpora"),
    ],
)
def test_mistakes_are_named(
    out: Path, corpora: list[Any], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (out / "tones").is_dir():
        tone_corpus.write(out / "tones")
    assert _train(out, "wrong", {**STAGE, "corpora": corpora}) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told
