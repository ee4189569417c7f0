"""The stage `gpt` and what it needs: codes, batches, every conditioner, checkpoints that speak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import tone_corpus
from xtts_lab import XTTS, config
from xtts_lab.audio import save
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import Prompt, embed_prompts
from xtts_lab.text.tokenizer import XttsTokenizer
from xtts_lab.training.gpt.batches import NONE, POSITIONS, Batches
from xtts_lab.training.gpt.codes import Codes
from xtts_lab.training.gpt.stage import GptStage
from xtts_lab.training.gpt.vocabulary import Spelling, phoneme_vocabulary, write_vocabulary
from xtts_lab.training.stage import Batch, Context, Shard, Split
from xtts_lab.types import Audio, Reference
from xtts_lab.yaml_file import Document, Where

SMALL = {"encoder_blocks": 1, "encoder_heads": 2, "encoder_width": 16}
CONDITIONERS: dict[str, dict[str, Any]] = {
    "perceiver": {"latents": 4, "depth": 1, "heads": 2, "head_width": 8, **SMALL},
    "tortoise": SMALL,
    "encoder_sequence": SMALL,
    "learned_vector": {"channels": 16, "vector": 8, "blocks": 1},
    "no_reference": {},
    "code_prompt": {"max_s": 1.0},
    "valle": {"max_s": 1.0},
}
DVAE = {
    "name": "dvae", "corpora": ["tones"], "levels": [5, 4, 4], "autoencoder_steps": 8,
    "validation_batches": 1, "lr": 4e-3, "width": 24, "layers": 1, "residual_blocks": 1,
    "seconds": 8.0, "ctc_width": 24,
}  # fmt: skip
LOOP = {"warmup": 2, "log_every": 1, "validate_every": 1000, "workers": 1, "average": 0.9}


def stage_of(conditioner: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "gpt", "corpora": ["tones"], "codes": "codes", "layers": 2, "width": 32, "heads": 2,
        "positions": 500, "reference_s": [0.5, 1.0], "lr": 5e-3, "validation_batches": 1,
        "conditioner": {"name": conditioner, **CONDITIONERS[conditioner]}, **changes,
    }  # fmt: skip


def train(out: Path, name: str, stage: Mapping[str, Any], steps: int, *flags: str) -> int:
    file = out / f"{name}.yaml"
    content = {"name": name, "stage": dict(stage), "training": {**LOOP, "steps": steps}}
    file.write_text(yaml.safe_dump(content))
    return run_app(["train", str(file), "--out", str(out), "--devices", "cpu", *flags])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of tones, a codec of sorts, and the corpus in its codes."""
    folder = tmp_path_factory.mktemp("runs")
    tone_corpus.write(folder / "tones")
    assert train(folder, "dvae", DVAE, 16) == 0
    codes = {"name": "tokenise", "corpora": ["tones"], "dvae": "dvae"}
    assert train(folder, "codes", codes, 1) == 0
    return folder


def built(out: Path, stage: Mapping[str, Any], shard: Shard | None = None) -> GptStage:
    context = Context(out, out / "gpt", 3, shard or Shard())
    torch.manual_seed(0)
    made: GptStage = config.build("stages", stage, Where(Document("stage")), context)
    return made


@pytest.mark.parametrize("name", CONDITIONERS)
def test_every_conditioner_trains_and_its_run_speaks(out: Path, name: str) -> None:
    assert train(out, f"run-{name}", stage_of(name), 3) == 0
    model = XTTS.from_pretrained(out / f"run-{name}", device="cpu")
    assert model.languages == {"en", "es"}
    assert model.checkpoint.config.sizes.code_stride == 512
    tones = tone_corpus.tones("aeiou", 1.0, np.random.default_rng(0)) / 2**15
    save(out / "said.wav", Audio(torch.from_numpy(tones).float(), 24000))
    voice = model.clone_voice([Reference(out / "said.wav", "aeiou", "es")])
    spoken = model.synthesise("Hola.", language="es", voice=voice, max_codes=20)
    assert torch.isfinite(spoken.samples).all()
    assert spoken.duration_s <= 20 * 512 / 22050 + 1e-6


def test_it_learns(out: Path) -> None:
    assert train(out, "learns", stage_of("perceiver"), 60) == 0
    losses = pd.read_csv(out / "learns" / "losses.csv")
    assert losses["audio"].tail(10).mean() < losses["audio"].head(3).mean() - 0.5
    assert losses["text"].tail(10).mean() < losses["text"].head(3).mean() - 0.5


@pytest.mark.parametrize("name", ["tortoise", "valle"])
def test_slices_give_the_curve_of_one_run(out: Path, name: str) -> None:
    assert train(out, f"whole-{name}", stage_of(name), 4) == 0
    for _ in range(4):
        assert train(out, f"sliced-{name}", stage_of(name), 4, "--minutes", "1e-9") == 0
    one, two = (
        pd.read_csv(out / f"{kind}-{name}" / "losses.csv").drop(columns="minutes")
        for kind in ("whole", "sliced")
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("name", ["perceiver", "valle", "code_prompt", "no_reference"])
def test_two_shards_have_the_gradients_of_the_whole_batch(out: Path, name: str) -> None:
    def gradients(shard: Shard) -> list[torch.Tensor]:
        stage = built(out, stage_of(name), shard)
        found: list[torch.Tensor] = []

        def update(_name: str, loss: torch.Tensor) -> None:
            loss.backward()  # type: ignore[no-untyped-call]
            weights = stage.modules.parameters()
            found.extend(torch.zeros_like(p) if p.grad is None else p.grad for p in weights)

        stage.step(stage.batch("train", 1, shard), 0, update)
        return found

    whole = gradients(Shard())
    halves = [gradients(Shard(index, 2)) for index in range(2)]
    for one, first, second in zip(whole, *halves, strict=True):
        torch.testing.assert_close((first + second) / 2, one, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["perceiver", "valle"])
def test_packed_rows_are_what_the_gpt_computes_row_by_row(out: Path, name: str) -> None:
    stage = built(out, stage_of(name, drop_condition=0.0, spoil_codes=0.0))
    batch = stage.batch("train", 2, Shard())
    stage.modules.eval()
    with torch.no_grad():
        losses = stage._losses(batch)
        prefix = stage._prefix(batch)
        total = 0.0
        for row in range(len(batch["tokens"])):
            text, audio, at = row_of(stage, batch, row)
            heard = torch.zeros(1, 0, 32) if prefix is None else prefix[row : row + 1]
            logits = stage.gpt(heard, text[None], audio[None]).audio[0].log_softmax(-1)
            targets = batch["audio_targets"][row, at : at + len(audio)]
            for place, target in enumerate(targets.tolist()):
                total -= float(logits[place, target]) if target != NONE else 0.0
    assert total / float(batch["totals"][1]) == pytest.approx(float(losses["audio"]), rel=1e-4)


def row_of(stage: GptStage, batch: Batch, row: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """A row's text and audio tokens, without the padding, and where its audio begins."""
    config = stage.gpt.config
    tokens, at = batch["tokens"][row], batch["at"][row]
    start = int((tokens == config.text_tokens + config.start_audio).nonzero()[0])
    audio = tokens[start:][at[start:] >= config.text_positions] - config.text_tokens
    return tokens[:start], audio, start


def test_a_prompt_apart_leaves_the_target_the_positions_it_has_without_one(out: Path) -> None:
    """In training, in the run's checkpoint, and in what is made of it to speak."""
    stage = stage_of("valle", drop_condition=0.0, spoil_codes=0.0, shared_time=True)
    stage["conditioner"] = {"name": "valle", "max_s": 1.0, "anew": True}
    assert train(out, "anew", stage, 1) == 0
    assert XTTS.from_pretrained(out / "anew", device="cpu").model.conditioner.anew
    training = built(out, stage)
    batch = training.batch("train", 3, Shard())
    alone = built(out, stage_of("no_reference", drop_condition=0.0)).batch("train", 3, Shard())
    own, audio = training.gpt.config, training.gpt.config.text_positions
    for row in range(len(batch["tokens"])):
        text, codes, start = row_of(training, batch, row)
        told = batch["audio_targets"][row] != NONE
        assert (
            batch["at"][row][told].tolist()[1:]
            == alone["at"][row][alone["audio_targets"][row] != NONE].tolist()[1:]
        )  # the first code is predicted where the prompt ends
        heard = len(codes) - int(told.sum())
        assert int(batch["at"][row, start + heard]) - audio == own.audio_positions - 1
        said = int((batch["at"][row, :start] >= own.text_positions // 2).sum())
        assert 0 < said < len(text) - 2
        prompt = Prompt(
            torch.zeros(0, 32), text[1:-1], 0, codes=codes[1 : heard + 1], prompted=said, anew=True
        )
        spoken = embed_prompts(training.gpt, [prompt])[0][0]
        tables = training.gpt
        tokens = torch.cat([tables.text_embedding.weight, tables.audio_embedding.weight])
        places = torch.cat([tables.text_position.weight, tables.audio_position.weight])
        packed = tokens[batch["tokens"][row]] + places[batch["at"][row]]
        assert torch.equal(spoken, packed[: len(spoken)])
        assert prompt.counted == 0


def test_references_are_other_utterances_of_the_speaker(out: Path) -> None:
    """Every conditioner is given the same seconds; nobody hears the target."""
    made: dict[str, Batches] = {}
    for name in ("perceiver", "tortoise", "valle", "code_prompt"):
        made[name] = built(out, stage_of(name, drop_condition=0.0))._batches["train"]
    heard = {name: batches.batch(5, 0, 7, Shard()) for name, batches in made.items()}
    assert torch.equal(heard["perceiver"]["samples"], heard["tortoise"]["samples"])
    seconds = heard["perceiver"]["samples"].shape[1] / 24000
    assert 0.5 <= seconds <= 1.0
    utterances = made["valle"].utterances
    for place in range(len(utterances.all)):
        others = utterances.others(place, np.random.default_rng(place))
        assert place not in others
        speakers = {utterances.all[other].speaker for other in others}
        assert speakers == {utterances.all[place].speaker}
    targets = int((heard["perceiver"]["audio_targets"] != NONE).sum())
    # The prompt does not count.
    assert int((heard["valle"]["audio_targets"] != NONE).sum()) == targets
    longer, shorter = (heard[name]["at"].count_nonzero() for name in ("valle", "perceiver"))
    assert longer > shorter


@settings(max_examples=15, deadline=None)
@given(index=st.integers(0, 500), seed=st.integers(0, 5))
def test_a_batch_depends_on_seed_and_index_alone(index: int, seed: int, out: Path) -> None:
    batches = built(out, stage_of("valle"))._batches["train"]
    first, again = (batches.batch(seed, 0, index, Shard()) for _ in range(2))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    rows, width = first["tokens"].shape
    assert rows * width < 2 * 500 + 600
    assert width % POSITIONS == 0
    audio = first["at"] >= 258
    assert int(first["at"][audio].max()) - 258 <= 605
    assert int(first["tokens"].max()) < batches.config.text_tokens + 82


def test_the_condition_is_dropped_and_codes_are_spoilt_in_training_alone(out: Path) -> None:
    batches = built(out, stage_of("perceiver", drop_condition=0.5, spoil_codes=0.3))._batches
    train_ = [batches["train"].batch(0, 0, index, Shard()) for index in range(60)]
    dropped = sum("samples" not in batch for batch in train_)
    assert 15 < dropped < 45
    for batch in train_[:10]:
        given = batch["tokens"] - batches["train"].config.text_tokens
        told = (batch["at"] > 258) & (given >= 0)  # codes, without the start
        clean = batch["audio_targets"][:, :-1][told[:, 1:]]
        share = float((given[told] != clean).float().mean())
        assert 0.1 < share < 0.5
        assert set(given[batch["at"] == 258].tolist()) == {80}
    recipe = replace(batches["train"].recipe, first_spoil=0.5, spoil_steps=10)
    shares = [recipe.spoilt(index) for index in (0, 5, 10, 99)]
    assert shares == pytest.approx([0.5, 0.4, 0.3, 0.3])
    held_out = [batches["validation"].batch(0, 1, index, Shard()) for index in range(10)]
    assert all("samples" in batch for batch in held_out)


def test_the_published_recipe_masks_the_slice_that_is_heard(out: Path) -> None:
    stage = built(out, stage_of("perceiver", self_masked=True, drop_condition=0.0))
    batch = stage.batch("train", 0, Shard())
    total = float(batch["totals"][1])
    codes = int((batch["at"] >= 258).sum())  # with a start for each row, as many as predictions
    assert total == int((batch["audio_targets"] != NONE).sum())
    seconds = batch["samples"].shape[1] / 24000
    hidden = len(batch["tokens"]) * seconds * 22050 / 512
    assert codes - total == pytest.approx(hidden, abs=len(batch["tokens"]) + 1)
    with pytest.raises(UsageError, match="self_masked: 'valle' hears no audio"):
        built(out, stage_of("valle", self_masked=True))


def test_a_speaker_vector_cannot_be_trained_so(out: Path) -> None:
    stage = {**stage_of("perceiver"), "conditioner": {"name": "speaker_embedding"}}
    with pytest.raises(UsageError, match="'learned_vector' learns one of its own"):
        built(out, stage)


def test_parts_of_codes_are_the_codes_of_one(out: Path) -> None:
    whole = Codes.read(out / "codes")
    for part in (1, 0):
        stage = {
            "name": "tokenise", "corpora": ["tones"], "dvae": "dvae", "part": part, "parts": 2,
            "into": "halves",
        }  # fmt: skip
        if part == 0:
            with pytest.raises(UsageError, match="holds 1 of 2 parts"):
                Codes.read(out / "halves")
        assert train(out, f"half-{part}", stage, 1) == 0
    halves = Codes.read(out / "halves")
    assert len(whole.items) == len(halves.items) == 48
    for codes in (whole, halves):
        codes.items.set_index("id", inplace=True)
    for name in whole.items.index:
        one, two = whole.items.loc[name], halves.items.loc[name]
        expected = whole.of(one["start"], one["count"])
        assert np.array_equal(halves.of(two["start"], two["count"]), expected)


def test_a_part_of_a_corpus_is_of_whole_speakers(out: Path) -> None:
    """So many hours of train; what is held out stays."""
    items = pd.read_parquet(out / "tones" / "items.parquet").set_index("id")
    train_items = items[items["split"] == "train"]
    first = train_items[train_items["speaker"] == "s0"]["samples"].sum() / 24000 / 3600
    stage = {
        "name": "tokenise", "corpora": ["tones"], "dvae": "dvae", "most_hours": float(first) * 1.5,
    }  # fmt: skip
    assert train(out, "part-of-it", stage, 1) == 0
    found = Codes.read(out / "part-of-it").items.set_index("id")
    kept = found[found["split"] == "train"]
    assert set(kept["speaker"]) == {"s0", "s1"}
    assert len(kept) == train_items["speaker"].isin(["s0", "s1"]).sum()
    assert set(found.index[found["split"] != "train"]) == set(
        items.index[items["split"] != "train"]
    )
    assert train(out, "part-trains", stage_of("perceiver", codes="part-of-it"), 1) == 0
    assert train(out, "none-of-it", {**stage, "most_hours": 0.0}, 1) == 2


@given(ipa=st.text("aeiouəɹˈˌːʃ̃ .,!?—…", max_size=40), language=st.sampled_from(["en", "zh-cn"]))
def test_spelling_is_the_tokenizers(ipa: str, language: str, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "vocab.json"
    if not path.is_file():
        write_vocabulary(path, phoneme_vocabulary("aeiouəɹˈˌːʃ̃.,!?—…", ["en", "zh-cn"]))
    line = " ".join(ipa.split())  # what `to_ipa` gives: nothing where no letter is
    line = line if any(character.isalpha() for character in line) else ""
    tokenizer = XttsTokenizer.from_file(path, front_end=lambda text, _language: text)
    assert Spelling.read(path).encode(line, language) == tokenizer.encode(line, language)


def test_positions_begin_on_one_clock(out: Path) -> None:
    """A code's position is nearest to that of the token which is said then."""
    stage = built(out, stage_of("perceiver", shared_time=True, width=64))
    utterances = stage.utterances("train").all
    pace = sum(len(u.codes) for u in utterances) / sum(len(u.tokens) for u in utterances)
    text, audio = stage.gpt.text_position.weight, stage.gpt.audio_position.weight
    reach = min(600, int(250 * pace))
    nearest = (audio[:reach] @ text.T).argmax(dim=1)
    off = (nearest - torch.arange(reach) / pace).abs()
    assert float(off.max()) <= max(1.0, 1.5 / pace)
    for table in (text, audio):
        assert float(table.square().mean().sqrt()) == pytest.approx(0.02, rel=0.05)
    plain = built(out, stage_of("perceiver", width=64))
    for one, other in zip(
        stage.gpt.blocks.parameters(), plain.gpt.blocks.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_the_first_steps_see_short_utterances_alone(out: Path) -> None:
    stage = built(out, stage_of("no_reference", short_steps=20))
    lengths = np.sort(stage.utterances("train").lengths)

    def longest(split: Split, indices: range) -> int:
        batches = (stage.batch(split, index, Shard()) for index in indices)
        all_ = stage.utterances(split).all
        return max(all_[place].length for batch in batches for place in batch["places"].tolist())

    third = int(lengths[-(-len(lengths) // 3) - 1])
    assert longest("train", range(20)) <= third < lengths[-1]
    assert longest("train", range(20, 60)) == lengths[-1]
    assert longest("validation", range(20)) == stage.utterances("validation").lengths.max()
