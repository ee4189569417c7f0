"""The stages of codec, vocoder and ruler, through the loop: they learn, resume exactly, and fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests import tone_corpus
from xtts_lab import config
from xtts_lab.checkpoint.codec import DVAE, VOCODER, load_codec, load_dvae
from xtts_lab.checkpoint.parts import choose
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.instruments.world_ctc import WorldCtc
from xtts_lab.nn import ctc_weights
from xtts_lab.training.codec.dvae import DvaeStage
from xtts_lab.training.codec.vocoder import CodecVocoderStage
from xtts_lab.training.stage import Batch, Context, Shard, Stage
from xtts_lab.types import Clip, Part
from xtts_lab.vocoders.streaming import VocoderStream
from xtts_lab.yaml_file import Document, Where

TINY = {"width": 24, "layers": 1, "residual_blocks": 1, "seconds": 8.0, "ctc_width": 24}
DVAE_STAGE: dict[str, Any] = {
    "name": "dvae", "corpora": ["tones"], "levels": [5, 4, 4], "autoencoder_steps": 15,
    "validation_batches": 2, "lr": 4e-3, **TINY,
}  # fmt: skip
CODEBOOK_STAGE = {**DVAE_STAGE, "levels": [], "codes": 48, "code_width": 4, "lr": 1e-3}
CTC_STAGE: dict[str, Any] = {
    "name": "ctc", "corpora": ["tones"], "dvae": "dvae", "width": 48, "inner": 96, "layers": 2,
    "kernel": 7, "seconds": 12.0, "validation_batches": 2, "lr": 5e-3, "masks": 1,
    "tempo": 0.1, "shift": 0.02, "drop": 0.02,
}  # fmt: skip
VOCODER_STAGE: dict[str, Any] = {
    "name": "codec_vocoder", "corpora": ["tones"], "dvae": "dvae",
    "vocoder": {"name": "mel_vocos", "width": 24, "inner": 48, "layers": 2},
    "rows": 2, "crop": 12288, "mel_only_steps": 6, "channels": 4, "validation_batches": 1,
    "lr": 2e-3,
}  # fmt: skip
LOOP = {
    "warmup": 2,
    "log_every": 1,
    "validate_every": 1000,
    "workers": 1,
    "average": 0.9,
}


def train(out: Path, name: str, stage: Mapping[str, Any], steps: int, *flags: str) -> int:
    file = out / f"{name}.yaml"
    content = {"name": name, "stage": dict(stage), "training": {**LOOP, "steps": steps}}
    file.write_text(yaml.safe_dump(content))
    return run_app(["train", str(file), "--out", str(out), "--devices", "cpu", *flags])


def losses(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "losses.csv").drop(columns="minutes")


def validation(run: Path) -> dict[str, float]:
    return {str(k): float(v) for k, v in pd.read_csv(run / "validation.csv").iloc[-1].items()}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a corpus and a DVAE."""
    folder = tmp_path_factory.mktemp("codec")
    tone_corpus.write(folder / "tones")
    assert train(folder, "dvae", DVAE_STAGE, 90) == 0
    return folder


def test_a_dvae_learns_and_says_what_its_codes_hold(out: Path) -> None:
    curve = losses(out / "dvae")
    assert curve["mel"].iloc[-5:].mean() < 0.5 * curve["mel"].iloc[:5].mean()
    assert curve["ctc"].iloc[-5:].mean() < 0.5 * curve["ctc"].iloc[:5].mean()
    found = validation(out / "dvae")
    assert set(found) == {"step", "mel", "ctc", "used", "perplexity", "per"}
    assert 0.2 < found["used"] <= 1.0
    assert 1.0 < found["perplexity"] <= 80.0
    dvae = load_dvae(out / "dvae" / DVAE)
    assert dvae.config.levels == (5, 4, 4)
    assert dvae.code_stride == 512
    assert float(dvae.mel.mel_stats.min()) > 1.0  # of the corpus, in nats, and not ones


def test_a_convnext_dvae_learns_as_well(out: Path) -> None:
    sizes = {"blocks": "convnext", "inner": 84, "decoder_blocks": 2, "decoder_dilations": [1, 2]}
    assert train(out, "convnext", {**DVAE_STAGE, **sizes}, 30) == 0
    curve = losses(out / "convnext")
    assert curve["mel"].iloc[-5:].mean() < 0.8 * curve["mel"].iloc[:5].mean()
    assert load_dvae(out / "convnext" / DVAE).config.blocks == "convnext"


def test_a_codebook_learns_too(out: Path) -> None:
    assert train(out, "codebook", CODEBOOK_STAGE, 60) == 0
    curve = losses(out / "codebook")
    assert curve["mel"].iloc[-5:].mean() < 0.8 * curve["mel"].iloc[:5].mean()
    assert validation(out / "codebook")["used"] > 0.2
    assert load_dvae(out / "codebook" / DVAE).config.code_width == 4


def test_the_ruler_learns_tones_and_its_weights_serve_the_instrument(out: Path) -> None:
    assert train(out, "ruler", CTC_STAGE, 120) == 0
    curve, found = losses(out / "ruler"), validation(out / "ruler")
    assert curve["ctc"].iloc[-1] < 0.2 * curve["ctc"].iloc[0]
    assert found["per"] < 0.2
    file = out / "ruler" / "recogniser.safetensors"
    known = ctc_weights.knowledge(file)
    assert known.symbols == "".join(sorted(tone_corpus.SYMBOLS))
    assert set(known.floor) == {"en", "es"}
    assert max(known.floor.values()) < 0.25
    assert known.corpora == {"tones": "tones0"}
    clip = _clip(out / "heard.wav", "saeti")
    (heard,) = WorldCtc(weights=file, device="cpu").measure([Clip(clip, "es")])
    assert isinstance(heard, dict)
    assert heard["text"] == "saeti"


def _clip(path: Path, symbols: str) -> Path:
    import numpy as np
    import soundfile

    samples = tone_corpus.tones(symbols, 1.03, np.random.default_rng(9))
    soundfile.write(path, samples, tone_corpus.RATE)
    return path


def test_a_vocoder_fits_the_checkpoint_of_its_dvae(out: Path) -> None:
    assert train(out, "vocoder", VOCODER_STAGE, 12) == 0
    curve = losses(out / "vocoder")
    assert curve["mel"].iloc[-1] < curve["mel"].iloc[0]
    assert (curve["discriminator"].iloc[:6] == 0).all()
    assert (curve["discriminator"].iloc[6:] > 0).all()
    found = load_codec(out / "vocoder")
    assert found.dvae.config == load_dvae(out / "dvae" / DVAE).config
    weights = str(out / "vocoder" / VOCODER)
    choice = choose("vocoders", {"weights": weights}, Part("hifigan"), Where(Document("test")))
    assert choice.part.name == "mel_vocos"
    assert choice.part.settings["width"] == 24
    examples = sorted(path.name for path in (out / "vocoder" / "examples").iterdir())
    assert examples == ["0-made.wav", "0-natural.wav", "1-made.wav", "1-natural.wav"]


def test_a_decoder_learns_on_with_its_vocoder_and_the_codes_stay(out: Path) -> None:
    tuned = {**VOCODER_STAGE, "tune_decoder": True}
    assert train(out, "tuned", tuned, 4) == 0
    before, after = load_dvae(out / "dvae" / DVAE), load_codec(out / "tuned").dvae
    encoders = before.encoder.state_dict(), after.encoder.state_dict()
    assert all(torch.equal(tensor, encoders[1][name]) for name, tensor in encoders[0].items())
    assert not torch.equal(before.decoder.output.weight, after.decoder.output.weight)


def test_a_codec_copies_the_recordings_of_an_experiment(out: Path, tmp_path: Path) -> None:
    assert (out / "vocoder" / VOCODER).is_file() or train(out, "vocoder", VOCODER_STAGE, 12) == 0
    rows = [f"{i},aeiou,en,s{i},clip{i}.wav,clip{1 - i}.wav" for i in range(2)]
    header = "id,text,language,speaker,target,references"
    (tmp_path / "items.csv").write_text("\n".join([header, *rows]))
    for i in range(2):
        _clip(tmp_path / f"clip{i}.wav", "aeiou")
    content = {
        "name": "copies",
        "systems": {
            "natural": {"name": "recordings"},
            "copy": {"name": "copy_synthesis", "codec": str(out / "vocoder"), "device": "cpu"},
        },
        "texts": {"name": "manifest", "path": str(tmp_path / "items.csv")},
        "speakers": {"name": "manifest", "path": str(tmp_path / "items.csv")},
        "pairing": "own",
        "metrics": [{"name": "duration"}],
    }
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(content))
    assert run_app(["run", str(tmp_path / "e.yaml"), "--out", str(tmp_path / "run")]) == 0
    trials = pd.read_parquet(tmp_path / "run" / "trials.parquet").set_index("arm")
    assert (trials["status"] == "ok").all()
    natural, copied = (trials.loc[arm, "duration_s"].mean() for arm in ("natural", "copy"))
    assert copied == pytest.approx(natural, abs=0.03)


def test_half_a_codec_is_still_one(out: Path, tmp_path: Path) -> None:
    """In fp16, as it ships: half the bytes, the parts fit, and the copy is the same to the ear."""
    from xtts_lab.checkpoint.arms import halve_codec

    assert (out / "vocoder" / VOCODER).is_file() or train(out, "vocoder", VOCODER_STAGE, 12) == 0
    halve_codec(out / "vocoder", tmp_path)
    size = sum((tmp_path / name).stat().st_size for name in (DVAE, VOCODER))
    assert size < 0.6 * sum((out / "vocoder" / name).stat().st_size for name in (DVAE, VOCODER))
    whole, half = load_codec(out / "vocoder"), load_codec(tmp_path)
    samples = torch.randn(1, 22050, generator=torch.Generator().manual_seed(0)) * 0.1
    same = (whole.dvae(samples) == half.dvae(samples)).float().mean()
    assert float(same) > 0.95
    codes = whole.dvae(samples)
    made = [c.vocoder(c.dvae.log_mel(codes), torch.zeros(1, 1)) for c in (whole, half)]
    assert float((made[0] - made[1]).abs().max()) < 0.05 * float(made[0].abs().max())


@pytest.mark.parametrize(
    ("absent", "expected"), [(VOCODER, "train a vocoder first"), (DVAE, "train a DVAE first")]
)
def test_a_codec_folder_is_whole(out: Path, tmp_path: Path, absent: str, expected: str) -> None:
    for name in {VOCODER, DVAE} - {absent}:
        (tmp_path / name).symlink_to(out / "vocoder" / name)
    with pytest.raises(UsageError, match=expected):
        load_codec(tmp_path)


def test_parts_of_two_trainings_are_no_codec(out: Path, tmp_path: Path) -> None:
    (tmp_path / VOCODER).symlink_to(out / "vocoder" / VOCODER)
    assert (out / "codebook" / DVAE).is_file() or train(out, "codebook", CODEBOOK_STAGE, 60) == 0
    (tmp_path / DVAE).symlink_to(out / "codebook" / DVAE)
    with pytest.raises(UsageError, match="trained beside another DVAE"):
        load_codec(tmp_path)


@torch.inference_mode()
def test_a_trained_vocoder_streams_what_it_says(out: Path) -> None:
    stage = _built("codec_vocoder", VOCODER_STAGE, out)
    assert isinstance(stage, CodecVocoderStage)
    silence = torch.zeros(1, 1)
    mel = stage.dvae.log_mel(torch.randint(80, (1, 30), generator=torch.Generator()))
    vocoder = stage.vocoder.eval()
    speech = VocoderStream(vocoder.stages(silence))
    parts = [speech.push(mel[0, :, at : at + 7]) for at in range(0, mel.shape[-1], 7)]
    joined = torch.cat([*parts, speech.finish()])
    torch.testing.assert_close(joined, vocoder(mel, silence)[0], rtol=0, atol=1e-4)


def test_a_vocoder_of_another_rate_is_trained_at_its_own(out: Path) -> None:
    stage = _built(
        "codec_vocoder", {**VOCODER_STAGE, "vocoder": {"name": "mel_hifigan", "channels": 32}}, out
    )
    seen: list[str] = []
    shown = stage.step(stage.batch("train", 0, Shard()), 9, lambda name, _loss: seen.append(name))
    assert seen == ["discriminator", "generator"]
    assert all(bool(loss.isfinite()) for loss in shown.values())
    assert set(stage.validate()) == {"mel"}


STAGES = {
    "dvae": (DVAE_STAGE, 24),
    "codebook": (CODEBOOK_STAGE, 24),
    "ctc": (CTC_STAGE, 8),
    "vocoder": (VOCODER_STAGE, 10),
}


@pytest.mark.parametrize("case", STAGES)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    out: Path, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle, past the change from one phase to the next, and run again."""
    stage, steps = STAGES[case]
    for name in ("tones", "dvae"):
        (tmp_path / name).symlink_to(out / name)
    saved = "training.save_minutes=1e-9"  # after every step
    assert train(tmp_path, "whole", stage, steps) == 0
    with monkeypatch.context() as patched:
        kind = type(_built(str(stage["name"]), stage, out))
        patched.setattr(kind, "step", _interrupting(kind.step, steps * 3 // 4))
        assert train(tmp_path, "parts", stage, steps, saved) == 130
    assert len(losses(tmp_path / "parts")) < steps
    assert train(tmp_path, "parts", stage, steps, saved) == 0
    pd.testing.assert_frame_equal(losses(tmp_path / "whole"), losses(tmp_path / "parts"))
    for file in (tmp_path / "whole").glob("*.safetensors"):
        one, other = load_file(file), load_file(tmp_path / "parts" / file.name)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def _interrupting(step: Any, at: int) -> Any:
    def stepped(self: Stage, batch: Batch, number: int, update: Any) -> Any:
        if number == at:
            raise KeyboardInterrupt
        return step(self, batch, number, update)

    return stepped


def _built(name: str, stage: Mapping[str, Any], out: Path) -> Stage:
    torch.manual_seed(0)
    context = Context(out, out / "unused", 0)
    where = Where(Document("test"))
    resolved = config.resolve("stages", {**stage, "name": name}, where)
    built: Stage = config.build("stages", resolved, where, context)
    return built


def test_the_two_sides_take_turns(out: Path) -> None:
    stage = _built("codec_vocoder", VOCODER_STAGE, out)
    turns: list[str] = []

    def update(name: str, loss: torch.Tensor) -> None:
        turns.append(name)
        loss.backward()

    for step in (0, 5, 6, 7):
        turns.append(str(step))
        stage.step(stage.batch("train", step, Shard()), step, update)
    assert turns == [
        "0", "generator", "5", "generator",
        "6", "discriminator", "generator", "7", "discriminator", "generator",
    ]  # fmt: skip


def test_the_discriminators_turn_moves_no_vocoder(out: Path) -> None:
    stage = _built("codec_vocoder", VOCODER_STAGE, out)
    assert isinstance(stage, CodecVocoderStage)

    def update(name: str, loss: torch.Tensor) -> None:
        if name == "discriminator":
            loss.backward()

    stage.step(stage.batch("train", 0, Shard()), 100, update)
    assert all(weight.grad is None for weight in stage.vocoder.parameters())
    assert any(weight.grad is not None for weight in stage.game.discriminators.parameters())


@pytest.mark.parametrize("processes", [2, 3])
def test_the_rows_of_all_processes_give_the_gradient_of_one(out: Path, processes: int) -> None:
    """Their mean, which is what the loop takes."""
    stage = _built("dvae", DVAE_STAGE, out)

    def gradient(shard: Shard) -> torch.Tensor:
        stage.modules.zero_grad()
        stage.step(stage.batch("train", 40, shard), 40, lambda _name, loss: loss.backward())
        grads = [p.grad for p in stage.modules.parameters() if p.grad is not None]
        return torch.cat([grad.flatten() for grad in grads])

    parts = [gradient(Shard(index, processes)) for index in range(processes)]
    torch.testing.assert_close(torch.stack(parts).mean(0), gradient(Shard()), rtol=1e-3, atol=1e-5)


MISTAKES = [
    (DVAE_STAGE, {"corpora": ["absent"]}, "neither a run in"),
    (DVAE_STAGE, {"levels": [5, 1]}, "two levels or more"),
    (DVAE_STAGE, {"kernel": 4}, "odd kernel"),
    (DVAE_STAGE, {"level": [5]}, "did you mean 'levels'"),
    (CTC_STAGE, {"dvae": "absent"}, "stage.dvae: neither a run in"),
    (CTC_STAGE, {"kernel": 4}, "must be odd"),
    (VOCODER_STAGE, {"dvae": None, "tune_decoder": True}, "stage.tune_decoder: needs"),
    (VOCODER_STAGE, {"vocoder": {"name": "vocos"}}, "reads the GPT's states"),
    (VOCODER_STAGE, {"vocoder": {"name": "griffin_lim"}}, "has nothing to train"),
    (VOCODER_STAGE, {"vocoder": {"name": "mel_vocos", "widht": 3}}, "did you mean 'width'"),
    (VOCODER_STAGE, {"vocoder": {"width": 3}}, "say which one"),
]


@pytest.mark.parametrize(("stage", "change", "expected"), MISTAKES)
def test_mistakes_are_told_in_one_line(
    out: Path,
    stage: Mapping[str, Any],
    change: Mapping[str, Any],
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("tones", "dvae"):
        (tmp_path / name).symlink_to(out / name)
    capsys.readouterr()
    assert train(tmp_path, "mistaken", {**stage, **change}, 2) == 2
    told = capsys.readouterr().err.strip()
    assert expected in told
    assert "\n" not in told
    assert "Traceback" not in told


def test_several_processes_cannot_move_one_codebook(out: Path) -> None:
    settings = {k: v for k, v in CODEBOOK_STAGE.items() if k not in ("name", "corpora", "levels")}
    context = Context(out, out / "unused", 0, Shard(0, 2))
    with pytest.raises(UsageError, match="use levels, or one process"):
        DvaeStage(context, corpora=("tones",), levels=(), **settings)
