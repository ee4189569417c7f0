"""Parts in place of a checkpoint's own: on the bench, with weights and without, mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import save_file

from tests.xtts_fixtures import write_voice
from xtts_lab import XTTS
from xtts_lab.audio import sha256
from xtts_lab.checkpoint import load, random_checkpoint
from xtts_lab.checkpoint.builtin import builtin_folder
from xtts_lab.checkpoint.parts import save_part
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, part
from xtts_lab.systems.xtts import XttsSystem
from xtts_lab.types import Failure, Reference, Request, Synthesis


def system(**settings: Any) -> XttsSystem:
    return XttsSystem(checkpoint="random-tiny", device="cpu", max_codes=12, **settings)


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    return write_voice(tmp_path / "voice.wav", 2.5)


def trained(model: XTTS, kind: Any, path: Path, beside: str | None) -> Path:
    save_part(path, kind, model.model, beside)
    return path


def gpt_hash() -> str:
    folder = builtin_folder("random-tiny")
    assert folder is not None
    return sha256(folder / "model.pth")


def test_the_checkpoints_own_parts_are_no_swap() -> None:
    plain, named = system(), system(conditioner={"name": "perceiver"}, vocoder={"name": "hifigan"})
    assert plain.identity == named.identity
    assert plain.untrained == named.untrained == ()


def test_a_setting_of_the_own_part_keeps_the_others() -> None:
    """`conditioner.latents: 4` is the checkpoint's Perceiver with 4 latents, sizes and all."""
    resolved = XttsSystem.complete(
        {"checkpoint": "random-tiny", "conditioner": {"latents": 4}, "vocoder": None,
         "sampling": {"top_k": 7}},
        where(),
    )  # fmt: skip
    assert resolved["conditioner"] == {
        "name": "perceiver", "latents": 4, "pooling": "mean", "max_s": 30.0, "encoder_blocks": 2,
        "encoder_heads": 4, "depth": 2, "heads": 2, "head_width": 16, "encoder_width": None,
        "weights": None,
    }  # fmt: skip
    assert resolved["vocoder"]["name"] == "hifigan"
    assert resolved["vocoder"]["channels"] == 32
    assert resolved["sampling"] == {
        "temperature": 0.75, "top_k": 7, "top_p": 0.85, "repetition_penalty": 5.0,
        "guidance": 1.0,
    }  # fmt: skip


def test_settings_of_inference_keep_the_weights(voice: Path) -> None:
    """Another pooling is the checkpoint's Perceiver all the same; another size is not."""
    own = system(conditioner={"pooling": "concatenate"})
    assert own.untrained == ()
    assert system(conditioner={"latents": 4}).untrained != ()
    changed = XTTS.from_pretrained(
        "random-tiny", device="cpu", conditioner={"pooling": "concatenate"}
    )
    plain = XTTS.from_pretrained("random-tiny", device="cpu")
    for name, weight in plain.model.conditioner.state_dict().items():
        assert torch.equal(weight, changed.model.conditioner.state_dict()[name])
    assert changed.voices  # the studio voices still fit
    one, two = plain.clone_voice([voice]), changed.clone_voice([voice])  # 2.5 s: a single chunk
    torch.testing.assert_close(one.prefix, two.prefix, rtol=0, atol=1e-6)


def where() -> Any:
    from xtts_lab.yaml_file import Document, Where

    return Where(Document("x.yaml")) / "systems" / "xtts"


UNKNOWN = "unknown key '{}'; did you mean '{}'?"
MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"conditioner": {"name": "percever"}},
        "conditioner.name: unknown conditioner 'percever'; did you mean 'perceiver'?",
    ),
    ({"conditioner": {"latnts": 3}}, "conditioner.latnts: " + UNKNOWN.format("latnts", "latents")),
    ({"vocoder": {"name": "vocos", "width": "wide"}}, "vocoder.width:"),
    (
        {"sampling": {"temprature": 1.0}},
        "sampling.temprature: " + UNKNOWN.format("temprature", "temperature"),
    ),
    ({"sampling": {"top_p": 2.0}}, "sampling.top_p: 2.0 does not work"),
    (
        {"conditioner": {"weights": "absent.safetensors"}},
        "conditioner.weights: absent.safetensors cannot be read",
    ),
    ({"vocoder": {"name": "diffusion", "steps": 0}}, "steps: 0 does not work"),
    ({"conditioner": {"name": "tortoise", "encoder_heads": 7}}, "fit no part of this model"),
    ({"vocoder": {"name": "hifigan", "rates": [8, 8]}}, "fit no part of this model"),
]


@pytest.mark.parametrize(("settings", "message"), MISTAKES)
def test_mistakes_are_one_line_that_names_the_key(
    settings: dict[str, Any], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    experiment = {
        "name": "x",
        "systems": {"xtts": {"name": "xtts", "checkpoint": "random-tiny", **settings}},
        "texts": {"name": "builtin", "languages": ["en"], "per_language": 1},
        "speakers": {"name": "synthetic", "count": 1},
        "metrics": [{"name": "duration"}],
    }
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(experiment))
    assert run_app(["plan", str(tmp_path / "x.yaml")]) == 2
    said = capfd.readouterr().err.strip()
    assert message in said
    assert "\n" not in said


def test_a_part_with_weights_of_its_own(tmp_path: Path, voice: Path) -> None:
    """Trained beside this GPT: no mark. Beside another: marked. Speech follows the weights."""
    source = XTTS.from_pretrained("random-tiny", device="cpu", conditioner={"latents": 3})
    good = trained(source, "conditioners", tmp_path / "good.safetensors", gpt_hash())
    bad = trained(source, "conditioners", tmp_path / "bad.safetensors", "0" * 64)
    fitting, strange = (system(conditioner={"weights": str(p)}) for p in (good, bad))
    assert fitting.untrained == ()
    assert strange.untrained == ("conditioner perceiver: trained beside another GPT",)
    assert fitting.identity != strange.identity  # their files differ
    request = Request("Hello.", "en", (Reference(voice),), 3)
    (one,), (two,) = (list(s.synthesise([request])) for s in (fitting, strange))
    assert isinstance(one, Synthesis)
    assert isinstance(two, Synthesis)
    assert torch.equal(one.audio.samples, two.audio.samples)
    assert one.details["prefix_length"] == 3


def test_weights_bring_their_settings_and_refuse_others(tmp_path: Path) -> None:
    source = XTTS.from_pretrained("random-tiny", device="cpu", conditioner={"latents": 3})
    path = trained(source, "conditioners", tmp_path / "p.safetensors", gpt_hash())
    with pytest.raises(UsageError, match=r"p.safetensors holds a perceiver with another latents"):
        system(conditioner={"weights": str(path), "latents": 5})
    with pytest.raises(UsageError, match="holds no vocoder"):
        system(vocoder={"weights": str(path)})


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "holds no conditioner of xtts_lab"),
        ({"name": "perceiver"}, "does not say which part it holds"),
        ({"name": "perceiver", "settings": "{"}, "does not say which part it holds"),
        ({"name": "perceiver", "settings": "[1]"}, "does not say which part it holds"),
        ({"name": "nobody", "settings": "{}"}, "unknown conditioner 'nobody'"),
        ({"name": "perceiver", "settings": '{"latent": 3}'}, "unknown key 'latent'"),
    ],
)
def test_strange_files_are_refused(tmp_path: Path, header: dict[str, str], message: str) -> None:
    path = tmp_path / "strange.safetensors"
    known = {"format": "xtts_lab.part", "kind": "conditioners"} if header else {}
    save_file({"x": torch.zeros(1)}, path, {**known, **header})
    with pytest.raises(UsageError, match=message):
        system(conditioner={"weights": str(path)})


def test_tensors_of_other_sizes_are_refused(tmp_path: Path) -> None:
    settings = XTTS.from_pretrained("random-tiny", device="cpu").model.config.conditioner.settings
    header = {
        "format": "xtts_lab.part", "kind": "conditioners", "name": "perceiver",
        "settings": json.dumps(dict(settings)),
    }  # fmt: skip
    path = tmp_path / "small.safetensors"
    save_file({"x": torch.zeros(1)}, path, header)
    with pytest.raises(UsageError, match=r"small.safetensors: its tensors do not fit a perceiver"):
        system(conditioner={"weights": str(path)})


def test_a_part_without_parameters_is_saved_and_loaded(tmp_path: Path) -> None:
    source = XTTS.from_pretrained("random-tiny", device="cpu", conditioner={"name": "valle"})
    path = trained(source, "conditioners", tmp_path / "v.safetensors", gpt_hash())
    loaded = system(conditioner={"weights": str(path)})
    assert loaded.needs_reference_text
    assert loaded.untrained == ()


def test_who_is_untrained() -> None:
    """What has nothing to train and reads the DVAE's mel fits any GPT; all else needs proof."""
    assert system(vocoder={"name": "griffin_lim"}).untrained == ()
    both = system(conditioner={"name": "valle"}, vocoder={"name": "vocos"}).untrained
    assert [reason.partition(":")[0] for reason in both] == ["conditioner valle", "vocoder vocos"]


def test_a_codec_may_decode_for_its_own_vocoder_alone() -> None:
    """Nano's decoder learned on beside its Vocos; Griffin-Lim makes noise at full scale of it."""
    assert XttsSystem(checkpoint="nano").untrained == ()
    (reason,) = XttsSystem(checkpoint="nano", vocoder={"name": "griffin_lim"}).untrained
    assert reason.startswith("vocoder griffin_lim: the codec's decoder was trained for mel_vocos")


def test_codes_need_a_dvae(tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    random_checkpoint(folder, replace(ModelConfig.tiny(), dvae=None))
    for settings in ({"conditioner": {"name": "valle"}}, {"vocoder": {"name": "griffin_lim"}}):
        with pytest.raises(UsageError, match=r"needs a DVAE.*put dvae.pth"):
            XttsSystem(checkpoint=str(folder), **settings)


def test_one_failing_request_of_a_batch_fails_alone(tmp_path: Path, voice: Path) -> None:
    spoken = Reference(voice, "a word or two", "en")
    mute = Reference(write_voice(tmp_path / "mute.wav", 2.0, seed=2))
    valle = system(conditioner={"name": "valle"}, batch_size=3)
    requests = [Request("Hello.", "en", (r,), i) for i, r in enumerate((spoken, mute, spoken))]
    first, failed, last = valle.synthesise(requests)
    assert isinstance(first, Synthesis)
    assert isinstance(last, Synthesis)
    assert failed == Failure(
        "reference mute.wav: its text is not known, and the model reads it; give a transcript"
    )


@pytest.mark.parametrize("name", ["valle", "code_prompt", "encoder_sequence", "no_reference"])
def test_batches_and_repeats_change_nothing(name: str, tmp_path: Path, voice: Path) -> None:
    other = write_voice(tmp_path / "other.wav", 1.2, seed=3)
    clips = [Reference(voice, "one two three", "en"), Reference(other, "four", "en")]
    requests = [Request("Hello you.", "en", (clips[i % 2],), i) for i in range(3)]
    alone = list(system(conditioner={"name": name}).synthesise(requests))
    together = list(system(conditioner={"name": name}, batch_size=3).synthesise(requests))
    for one, two in zip(alone, together, strict=True):
        assert isinstance(one, Synthesis)
        assert isinstance(two, Synthesis)
        assert one.codes is not None
        assert two.codes is not None
        if not one.details["tight_steps"]:
            assert one.codes.tolist() == two.codes.tolist()
            torch.testing.assert_close(one.audio.samples, two.audio.samples, rtol=0, atol=1e-4)


def test_xtts_v1(tmp_path: Path, voice: Path) -> None:
    """No Perceiver, its own code count, a code prompt that nothing calls, a second vocoder."""
    tiny = ModelConfig.tiny()
    gpt = replace(tiny.gpt, audio_tokens=8194, start_audio=8192, stop_audio=8193)
    v1 = replace(
        tiny,
        gpt=gpt,
        conditioner=part("conditioners", "encoder_sequence", encoder_blocks=2, encoder_heads=4),
        dvae=None,
    )
    folder = tmp_path / "v1"
    random_checkpoint(folder, v1, speakers=("Ana",))
    content = torch.load(folder / "model.pth", weights_only=True)
    assert "gpt.prompt_embedding.weight" in content["model"]
    content["model"]["ne_hifigan_decoder.waveform_decoder.conv_pre.weight"] = torch.zeros(3)
    torch.save(content, folder / "model.pth")
    loaded = load(folder)
    assert loaded.config.conditioner.name == "encoder_sequence"
    assert loaded.config.gpt.audio_tokens == 8194
    model = XTTS.from_pretrained(folder, device="cpu")
    cloned = model.clone_voice([voice])
    assert cloned.prefix.shape == (int(2.5 * 22050) // 1024 + 1, 64)
    said = model.synthesise("Hello.", language="en", voice=cloned, seed=1, max_codes=10)
    assert said.duration_s == pytest.approx(0.46, abs=0.05)


def test_a_v1_file_may_leave_its_defaults_out() -> None:
    from xtts_lab.checkpoint.config_json import from_published

    config = from_published({"model_args": {"ar_mel_length_compression": 512}}, {})
    assert config.conditioner.name == "encoder_sequence"
    assert (config.gpt.audio_tokens, config.gpt.start_audio, config.gpt.stop_audio) == (
        8194, 8192, 8193,
    )  # fmt: skip
    assert config.vocoder.settings["code_stride"] == 512


EXPERIMENT = """\
name: swaps
systems: {xtts: {name: xtts, checkpoint: random-tiny, max_codes: 10}}
ablate:
  systems.xtts.conditioner.name: [perceiver, no_reference]
  systems.xtts.vocoder.name: [hifigan, griffin_lim]
texts: {name: builtin, languages: [en], per_language: 2}
speakers: {name: synthetic, count: 2}
metrics: [{name: duration}, {name: latency, warmups: 1}]
sanity: false
"""


def test_parts_are_ablated_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(EXPERIMENT)
    assert run_app(["run", "x.yaml"]) == 0
    folder = tmp_path / "runs" / "swaps"
    trials, arms = pd.read_parquet(folder / "trials.parquet"), pd.read_csv(folder / "arms.csv")
    assert list(trials["arm"].unique()) == [
        f"xtts[conditioner.name={c},vocoder.name={v}]"
        for c in ("perceiver", "no_reference")
        for v in ("hifigan", "griffin_lim")
    ]
    silent = trials["arm"].str.contains("no_reference")
    assert (trials["untrained"] == silent).all()
    assert (trials.loc[silent, "reference_s"] == 0.0).all()
    heard = arms[(arms["part"] == "conditioner") & arms["arm"].str.contains("perceiver")]
    assert (heard["prefix_length"] == 8).all()
    scores = pd.read_parquet(folder / "scores.parquet")
    streamed = set(scores.loc[scores["metric"].str.startswith("latency"), "arm"])
    assert all("hifigan" in arm for arm in streamed)  # Griffin-Lim cannot stream
    assert len(streamed) == 2
