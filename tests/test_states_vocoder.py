"""The stage `states_vocoder`: speech from a fixed GPT's states, beside which it then speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
import yaml

from tests import tone_corpus
from tests.test_gpt_training import DVAE, stage_of
from xtts_lab import XTTS, config
from xtts_lab.audio import sha256
from xtts_lab.checkpoint.codec import VOCODER
from xtts_lab.checkpoint.inspecting import inspect
from xtts_lab.checkpoint.parts import choose, untrained
from xtts_lab.cli import run_app
from xtts_lab.training.codec.states import StatesVocoderStage
from xtts_lab.training.gpt.batches import NONE
from xtts_lab.training.stage import Context, Shard
from xtts_lab.types import Part
from xtts_lab.yaml_file import Document, Where

LOOP = {"warmup": 2, "log_every": 1, "validate_every": 1000, "workers": 1, "average": 0.9}
VOCOS = {"name": "vocos", "width": 24, "inner": 48, "layers": 2, "code_stride": 512}
HIFIGAN = {"name": "hifigan", "channels": 32, "code_stride": 512}
STAGE: dict[str, Any] = {
    "name": "states_vocoder", "gpt": "perceiver", "vocoder": VOCOS, "positions": 300, "codes": 24,
    "mel_only_steps": 4, "channels": 4, "validation_batches": 1, "lr": 2e-3,
}  # fmt: skip


def train(out: Path, name: str, stage: Mapping[str, Any], steps: int) -> int:
    file = out / f"{name}.yaml"
    content = {"name": name, "stage": dict(stage), "training": {**LOOP, "steps": steps}}
    file.write_text(yaml.safe_dump(content))
    return run_app(["train", str(file), "--out", str(out), "--devices", "cpu"])


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("states")
    tone_corpus.write(folder / "tones")
    assert train(folder, "dvae", DVAE, 16) == 0
    codes = {"name": "tokenise", "corpora": ["tones"], "dvae": "dvae"}
    assert train(folder, "codes", codes, 1) == 0
    assert train(folder, "perceiver", stage_of("perceiver"), 8) == 0
    assert train(folder, "valle", stage_of("valle"), 4) == 0
    return folder


def built(out: Path, **changes: Any) -> StatesVocoderStage:
    torch.manual_seed(0)
    where = Where(Document("test"))
    stage = config.resolve("stages", {**STAGE, **changes}, where)
    made: StatesVocoderStage = config.build("stages", stage, where, Context(out, out / "x", 0))
    return made


@pytest.mark.parametrize("gpt", ["perceiver", "valle"])
def test_crops_of_states_and_sound_are_of_the_same_codes(out: Path, gpt: str) -> None:
    """The states at a crop predict its codes, and its sound is what these were made of."""
    stage = built(out, gpt=gpt)
    batch = stage.batch("train", 3, Shard())
    targets = batch["audio_targets"].flatten()
    codes = targets[targets != NONE][batch["crop_at"]]
    assert codes.shape[1] <= 24
    assert int(codes.max()) < stage.teacher.sizes.codes  # never the stop token
    for row, place in enumerate(batch["places"]):
        own = stage.teacher.utterance("train", int(place))
        spoken = codes[row].numpy()
        starts = [
            at
            for at in range(len(own.codes) - len(spoken) + 1)
            if np.array_equal(own.codes[at : at + len(spoken)], spoken)
        ]
        per_code = 512 * 24000 / 22050
        samples = own.corpus.samples(own.number)
        assert any(
            np.array_equal(
                samples[round(at * per_code) :][: len(batch["sound"][row])],
                batch["sound"][row].numpy()[: max(0, len(samples) - round(at * per_code))],
            )
            for at in starts
        )


def test_it_learns_beside_a_gpt_that_stays_as_it_is(out: Path) -> None:
    before = sha256(out / "perceiver" / "model.safetensors")
    assert train(out, "vocoder", STAGE, 8) == 0
    curve = pd.read_csv(out / "vocoder" / "losses.csv")
    assert curve["mel"].iloc[-1] < curve["mel"].iloc[0]
    assert (curve["discriminator"].iloc[:4] == 0).all()
    assert (curve["discriminator"].iloc[4:] > 0).all()
    assert sha256(out / "perceiver" / "model.safetensors") == before
    weights = str(out / "vocoder" / VOCODER)
    choice = choose("vocoders", {"weights": weights}, Part("hifigan"), Where(Document("t")))
    assert untrained(choice, inspect(out / "perceiver")) is None
    assert "another GPT" in str(untrained(choice, inspect(out / "valle")))


def test_the_checkpoint_speaks_with_it(out: Path, tmp_path: Path) -> None:
    weights = {"weights": str(out / "vocoder" / VOCODER)}
    if not (out / "vocoder" / VOCODER).is_file():
        assert train(out, "vocoder", STAGE, 8) == 0
    model = XTTS.from_pretrained(str(out / "perceiver"), vocoder=weights)
    voice = model.clone_voice([_tones(tmp_path)])
    audio = model.synthesise("seis osos", language="es", voice=voice, seed=1)
    assert audio.sample_rate == 24000
    assert audio.samples.shape[0] > 0


def _tones(folder: Path) -> Path:
    samples = tone_corpus.tones("aeioustaei", 1.0, np.random.default_rng(0))
    soundfile.write(folder / "a.wav", samples, tone_corpus.RATE)
    return folder / "a.wav"


def test_hifigan_is_trained_alike(out: Path) -> None:
    stage = built(out, vocoder=HIFIGAN)
    turns: list[str] = []
    stage.step(stage.batch("train", 0, Shard()), 9, lambda name, _loss: turns.append(name))
    assert turns == ["discriminator", "generator"]
    assert set(stage.validate()) == {"mel"}


DIFFUSION: dict[str, Any] = {
    "name": "diffusion", "gpt": "perceiver", "positions": 300, "codes": 24, "lr": 3e-3,
    "vocoder": {"name": "diffusion", "width": 96, "heads": 2, "layers": 1, "iterations": 2},
    "validation_batches": 1,
}  # fmt: skip


def test_a_diffusion_decoder_learns_the_noise(out: Path, tmp_path: Path) -> None:
    assert train(out, "diffusion", DIFFUSION, 36) == 0
    curve = pd.read_csv(out / "diffusion" / "losses.csv")["noise"]
    assert curve.iloc[-5:].mean() < 0.85 * curve.iloc[:3].mean()
    weights = {"weights": str(out / "diffusion" / VOCODER), "steps": 3}
    model = XTTS.from_pretrained(str(out / "perceiver"), vocoder=weights)
    voice = model.clone_voice([_tones(tmp_path)])
    audio = model.synthesise("seis osos", language="es", voice=voice, seed=1)
    codes = audio.samples.shape[0] / 512
    assert audio.sample_rate == 22050
    assert codes == int(codes) > 0


def test_the_noise_is_predicted_of_mel_and_noise_as_they_were_mixed(out: Path) -> None:
    """A decoder that knew the clean mel would have no loss: what it is given is such a mixture."""
    where = Where(Document("test"))
    stage = config.build(
        "stages", config.resolve("stages", DIFFUSION, where), where, Context(out, out / "x", 0)
    )
    batch = stage.batch("train", 0, Shard())
    rows = batch["sound"].shape[0]
    times = torch.full((rows,), 700)
    alpha = stage.vocoder.decoder.schedule[700]
    clean = stage._scaled_mel(batch, 2 * batch["crop_at"].shape[1])
    assert float(clean.abs().max()) <= 1.0
    mixed: list[torch.Tensor] = []
    stage.vocoder.decoder.forward = lambda noisy, _times, _conditions: (
        mixed.append(noisy) or (noisy - alpha**0.5 * clean) / (1 - alpha) ** 0.5
    )
    assert float(stage._loss(batch, times)) < 1e-8
    assert mixed[0].shape == clean.shape


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gpt": "absent"}, "stage.gpt: neither a run in"),
        ({"gpt": "dvae"}, "holds no finished run of the stage 'gpt'"),
        ({"vocoder": {"name": "mel_vocos"}}, "makes no waveform of a GPT's states"),
        ({"vocoder": {"name": "vocos"}}, "1024 is not the codec's 512"),
    ],
)
def test_mistakes_are_told_in_one_line(
    out: Path, change: Mapping[str, Any], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"mistaken-{abs(hash(expected))}"
    capsys.readouterr()
    assert train(out, name, {**STAGE, **change}, 2) == 2
    told = capsys.readouterr().err.strip()
    assert expected in told
    assert "\n" not in told


def test_the_shipped_training_can_be_read() -> None:
    from xtts_lab.training.spec import load

    folder = Path(__file__).parents[1] / "experiments" / "train" / "states"
    jobs = load(folder)
    assert [job.stage["gpt"].split("-")[1] for job in jobs] == ["perceiver", "tortoise", "valle"]
    assert {job.stage["vocoder"]["code_stride"] for job in jobs} == {512}
