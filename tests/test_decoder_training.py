"""The stage `decoder`: codes of all levels, every decoder learns, and its run speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests import tone_corpus
from tests.level_models import NET
from tests.test_gpt_training import CONDITIONERS, train
from tests.test_rvq import STAGE as RVQ_STAGE
from xtts_lab import XTTS, config
from xtts_lab.audio import duration_s, save
from xtts_lab.checkpoint.rvq import load_rvq
from xtts_lab.errors import UsageError
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.decoders.stage import DecoderStage
from xtts_lab.training.gpt.batches import NONE
from xtts_lab.training.gpt.codes import Codes
from xtts_lab.training.gpt.sampling import write_speech
from xtts_lab.training.stage import Context, Shard
from xtts_lab.types import Audio, Reference, Request
from xtts_lab.yaml_file import Document, Where

LEVELS = 3
DECODERS: dict[str, dict[str, Any]] = {
    "single": {"name": "single"},
    "ar_nar": {"name": "ar_nar", **NET},
    "masked": {"name": "masked", "steps": 3, **NET},
    "masked-all": {"name": "masked", "first": "masked", "steps": 3, **NET},
    "delay": {"name": "delay"},
}


def stage_of(decoder: str, conditioner: str = "perceiver", **changes: Any) -> dict[str, Any]:
    return {
        "name": "decoder", "corpora": ["tones"], "codes": "level-codes", "layers": 1, "width": 32,
        "heads": 2, "positions": 600, "reference_s": [0.5, 1.0], "lr": 5e-3,
        "validation_batches": 1, "decoder": DECODERS[decoder],
        "conditioner": {"name": conditioner, **CONDITIONERS[conditioner]}, **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of tones, a residual codec of sorts, and the corpus in its codes."""
    folder = tmp_path_factory.mktemp("runs")
    tone_corpus.write(folder / "tones")
    few = {**RVQ_STAGE, "rows": 2, "autoencoder_steps": 1, "mel_only_steps": 9}
    assert train(folder, "rvq", few, 3) == 0
    codes = {"name": "tokenise", "corpora": ["tones"], "rvq": "rvq"}
    assert train(folder, "level-codes", codes, 1) == 0
    return folder


def built(out: Path, stage: dict[str, Any]) -> DecoderStage:
    torch.manual_seed(0)
    context = Context(out, out / "x", 3, Shard())
    made: DecoderStage = config.build("stages", stage, Where(Document("stage")), context)
    return made


def test_a_corpus_is_codes_of_all_levels(out: Path) -> None:
    codes, rvq = Codes.read(out / "level-codes"), load_rvq(out / "rvq" / "rvq.safetensors")
    assert codes.values.shape[1] == LEVELS
    assert codes.items["count"].sum() == len(codes.values)
    row = codes.items.iloc[5]
    seconds = row["samples"] / tone_corpus.RATE
    assert row["count"] == -(-int(seconds * rvq.sample_rate) // rvq.code_hop)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_trains_and_its_run_speaks(out: Path, decoder: str) -> None:
    conditioner = "valle" if decoder in ("ar_nar", "delay") else "perceiver"
    assert train(out, f"run-{decoder}", stage_of(decoder, conditioner), 3) == 0
    model = XTTS.from_pretrained(out / f"run-{decoder}", device="cpu")
    assert model.model.config.decoder.name == DECODERS[decoder]["name"]
    tones = tone_corpus.tones("aeiou", 1.0, np.random.default_rng(0)) / 2**15
    save(out / "said.wav", Audio(torch.from_numpy(tones).float(), 24000))
    request = Request("Hola.", "es", (Reference(out / "said.wav", "aeiou", "es"),), 4)
    (spoken,) = model.synthesise_batch([request], max_codes=12)
    assert torch.isfinite(spoken.audio.samples).all()
    assert len(spoken.audio.samples) % 480 == 0


def test_runs_are_sampled_with_every_number_of_steps(out: Path) -> None:
    """In codes of all levels, of which the codec makes sound; durations told or the model's own."""
    for name, decoder in (("told-masked", "masked-all"), ("told-delay", "delay")):
        assert train(out, name, stage_of(decoder, "no_reference"), 1) == 0
    task = {
        "name": "sample", "runs": ["told-*"], "corpus": "tones", "split": "train",
        "reference_s": [0.7], "steps": [1, 3], "durations": ["own", "natural"],
    }  # fmt: skip
    assert train(out, "sampled", task, 1) == 0
    made = sorted(path.name for path in (out / "sampled" / "told-masked").iterdir())
    ways = ["1steps", "1steps-natural", "3steps", "3steps-natural"]
    assert made == sorted(f"0.7s-1-{way}.npz" for way in ways)
    assert [p.name for p in (out / "sampled" / "told-delay").iterdir()] == ["0.7s-1.npz"]
    rvq = load_rvq(out / "rvq" / "rvq.safetensors")
    natural = out / "sampled" / "told-masked" / "0.7s-1-3steps-natural.npz"
    assert write_speech(natural, rvq, out / "wav") > 0
    items = Corpus.open(out / "tones").items.set_index("id")
    with np.load(natural) as data:
        assert data["codes"].shape[1] == LEVELS
        for name, count in zip(data["ids"].tolist(), data["counts"].tolist(), strict=True):
            seconds = items.loc[name, "samples"] / tone_corpus.RATE
            assert abs(count - seconds * 50) <= 1
            assert abs(duration_s(out / "wav" / f"{name}.wav") - count / 50) < 1e-6


@pytest.mark.parametrize("decoder", ["masked-all", "ar_nar", "delay"])
def test_it_learns_and_goes_on_exactly(out: Path, decoder: str) -> None:
    layers = 0 if decoder == "masked-all" else 1  # it does without the GPT
    stage = stage_of(decoder, "no_reference", spoil_codes=0.0, layers=layers)
    assert train(out, f"learns-{decoder}", stage, 14) == 0
    for _ in range(2):
        assert train(out, f"sliced-{decoder}", stage, 2, "--minutes", "1e-9") == 0
    found = pd.read_csv(out / f"learns-{decoder}" / "losses.csv")
    assert found["levels"].tail(3).mean() < found["levels"].head(2).mean() - 0.1
    sliced = pd.read_csv(out / f"sliced-{decoder}" / "losses.csv")
    assert sliced["levels"][0] == found["levels"][0]
    told = pd.read_csv(out / f"learns-{decoder}" / "validation.csv").iloc[-1]
    assert 0 < told["levels"] < np.log(24) + 0.5


@pytest.mark.parametrize("conditioner", ["no_reference", "valle"])
def test_the_delay_pattern_is_packed_as_it_is_read(out: Path, conditioner: str) -> None:
    """What a position is to predict is what the next one reads, at every level."""
    stage = built(out, stage_of("delay", conditioner, spoil_codes=0.0, drop_condition=0.0))
    batch = stage.batch("train", 0, Shard())
    text = stage.config.gpt.text_tokens
    for row, place in enumerate(batch["places"].tolist()):
        levels = stage.utterances("train").all[place].levels
        assert levels is not None
        first = batch["audio_targets"][row]
        said = first[first != NONE]
        assert said.tolist() == [*levels[:, 0].tolist(), stage.config.gpt.stop_audio]
        (at,) = torch.nonzero(first != NONE, as_tuple=True)
        begin = int(at[0])
        for level in range(1, LEVELS):
            wanted = batch["others_targets"][row, level - 1]
            (own,) = torch.nonzero(wanted != NONE, as_tuple=True)
            assert int(own[0]) == begin + level
            assert wanted[own].tolist() == levels[:, level].tolist()
            assert torch.equal(batch["others"][row, level - 1, own + 1], wanted[own])
        steps = batch["tokens"][row, begin + 1 : begin + len(levels) + LEVELS]
        assert steps[: len(levels)].tolist() == (levels[:, 0] + text).tolist()
        assert set(steps[len(levels) :].tolist()) == {text + stage.config.gpt.stop_audio}


def test_what_is_hidden_is_the_targets(out: Path) -> None:
    stage = built(out, stage_of("masked", "valle", drop_condition=0.0))
    batch = stage.batch("train", 1, Shard())
    for row, prompted in enumerate(batch["prompted"].tolist()):
        codes, hidden = batch["level_codes"][row], batch["hidden"][row]
        assert prompted > 0
        assert bool((codes[0, : batch["frames"][row]] >= 0).all())
        assert bool((codes[1:, :prompted] == -1).all())
        assert not bool(hidden[:prompted].any())
        assert not bool(hidden[batch["frames"][row] :].any())
        assert int(hidden.sum()) >= 1
        assert 1 <= int(batch["level"][row]) < LEVELS


def test_codes_of_one_level_are_refused(out: Path) -> None:
    (out / "plain").mkdir(exist_ok=True)
    with pytest.raises(UsageError, match=r"plain holds no rvq\.safetensors; tokenise with rvq"):
        built(out, stage_of("delay", codes="plain"))
