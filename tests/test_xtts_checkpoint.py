"""Checkpoints: every format loads to the same model; what does not fit is refused in one line."""

from __future__ import annotations

import json
import os
import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from xtts_lab.checkpoint import export, load, locate, random_checkpoint
from xtts_lab.checkpoint.config_json import from_published, to_published
from xtts_lab.checkpoint.vocabulary import token_ids
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, XttsModel, part


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    random_checkpoint(folder, ModelConfig.tiny(), seed=3, speakers=("Ana", "Bo"))
    return folder


def copy(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def rewrite(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    content = torch.load(folder / "model.pth", weights_only=True)
    torch.save(change(content["model"]), folder / "model.pth")
    return folder


def refused(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder.parent) not in message
    return message


def same(a: XttsModel, b: XttsModel) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(
        torch.allclose(left[k].float(), right[k].float(), rtol=1e-6, atol=1e-7) for k in left
    )


def test_a_published_folder_loads(published: Path) -> None:
    loaded = load(published)
    assert loaded.config == ModelConfig.tiny()
    assert loaded.random
    assert not loaded.model.training
    assert not any(p.is_meta for p in [*loaded.model.parameters(), *loaded.model.buffers()])
    assert sorted(loaded.voices) == ["Ana", "Bo"]
    assert loaded.voices["Ana"].prefix.shape == (8, 64)
    assert loaded.voices["Ana"].embedding.shape == (32,)


def test_the_same_seed_gives_the_same_weights(published: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        random_checkpoint(tmp_path / str(seed), ModelConfig.tiny(), seed=seed)
    assert same(load(published).model, load(tmp_path / "3").model)
    assert not same(load(published).model, load(tmp_path / "4").model)


def test_a_fine_tune_loads(published: Path, tmp_path: Path) -> None:
    def as_trainer_saves(state: dict[str, Any]) -> dict[str, Any]:
        model = {f"xtts.{name}": tensor for name, tensor in state.items()}
        model["xtts.dvae.encoder.0.weight"] = torch.zeros(2, 2)
        model["xtts.torch_mel_spectrogram_dvae.mel_stft.window"] = torch.zeros(4)
        model["xtts.torch_mel_spectrogram_style_encoder.mel_norms"] = torch.zeros(4)
        return {"model": model, "step": 1, "epoch": 2, "config": {"lr": 1e-5}}

    folder = rewrite(copy(published, tmp_path / "tuned"), as_trainer_saves)
    (folder / "model.pth").rename(folder / "best_model.pth")
    assert same(load(folder).model, load(published).model)


def test_older_weight_norm_names_and_stored_masks_load(published: Path, tmp_path: Path) -> None:
    def as_older_torch_saved(state: dict[str, Any]) -> dict[str, Any]:
        renamed = {
            n.replace("parametrizations.weight.original0", "weight_g").replace(
                "parametrizations.weight.original1", "weight_v"
            ): t
            for n, t in state.items()
        }
        renamed["gpt.gpt.h.0.attn.bias"] = torch.ones(1, 1, 4, 4, dtype=torch.bool)
        renamed["gpt.gpt.wte.weight"] = renamed["gpt.mel_embedding.weight"]
        renamed["gpt.gpt_inference.lm_head.1.bias"] = renamed["gpt.mel_head.bias"]
        return {"model": renamed}

    folder = rewrite(copy(published, tmp_path / "older"), as_older_torch_saved)
    assert same(load(folder).model, load(published).model)


def test_our_format_round_trips(published: Path, tmp_path: Path) -> None:
    loaded = load(published)
    folder = tmp_path / "ours"
    export(folder, loaded.model, loaded.vocabulary, loaded.voices, note="Noise.", random=True)
    again = load(folder)
    assert again.config == loaded.config
    assert again.random
    left, right = loaded.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert torch.equal(again.voices["Bo"].prefix, loaded.voices["Bo"].prefix)
    assert "Noise." in (folder / "README.md").read_text()
    assert not list(folder.glob("*.pth"))
    with pytest.raises(UsageError, match="already holds"):
        export(folder, loaded.model, loaded.vocabulary)


def test_other_precisions(published: Path) -> None:
    loaded = load(published, torch.bfloat16)
    assert loaded.model.dtype == torch.bfloat16
    assert loaded.model.speaker_encoder.norm.num_batches_tracked.dtype == torch.int64


def test_configurations_round_trip() -> None:
    first = replace(ModelConfig(), conditioner=part("conditioners", "encoder_sequence"))
    for config in (ModelConfig(), ModelConfig.tiny(), ModelConfig().reduced(3), first):
        data = json.loads(json.dumps(to_published(config)))
        assert from_published(data, {}) == replace(config, dvae=None)  # a file of its own
    assert "xtts_lab" not in to_published(ModelConfig().reduced(3))


def test_open_text_tokens_come_from_the_vocabulary(published: Path) -> None:
    data = to_published(ModelConfig())
    for key in ("gpt_start_text_token", "gpt_stop_text_token"):
        data["model_args"][key] = None
    ids = token_ids(published / "vocab.json")
    gpt = from_published(data, ids).gpt
    assert (gpt.text_tokens, gpt.start_text, gpt.stop_text) == (512, 261, 0)


class Malicious:
    """Unpickled, it would make a directory."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("where", ["model", "beside", "speakers", "plain pickle"])
def test_a_malicious_pickle_is_refused_and_not_run(
    published: Path, tmp_path: Path, where: str
) -> None:
    folder, target = copy(published, tmp_path / "bad"), tmp_path / "executed"
    evil = Malicious(target)
    if where == "model":
        rewrite(folder, lambda state: {"model": {**state, "gpt.evil": evil}})
    elif where == "beside":
        rewrite(folder, lambda state: {"model": state, "config": evil})
    elif where == "speakers":
        torch.save({"Ana": evil}, folder / "speakers_xtts.pth")
    else:
        (folder / "model.pth").write_bytes(pickle.dumps({"model": evil}))
    message = refused(folder)
    assert not target.exists()
    if where != "plain pickle":
        assert "mkdir" in message


def test_the_references_configuration_objects_are_read_as_nothing(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published file holds such objects; their classes need not be installed."""
    name = "TTS.tts.configs.xtts_config"
    config_class = type("XttsConfig", (), {"__module__": name})
    module = types.ModuleType(name)
    module.XttsConfig = config_class  # type: ignore[attr-defined]
    folder = copy(published, tmp_path / "original")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "TTS", types.ModuleType("TTS"))
        patch.setitem(sys.modules, name, module)
        config = config_class()
        config.languages = ["en"]  # type: ignore[attr-defined]
        rewrite(folder, lambda state: {"model": state, "config": config})
    assert b"XttsConfig" in (folder / "model.pth").read_bytes()
    assert same(load(folder).model, load(published).model)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused(published: Path, tmp_path: Path, keep: float) -> None:
    folder = copy(published, tmp_path / "cut")
    data = (folder / "model.pth").read_bytes()
    (folder / "model.pth").write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    assert "model.pth: cannot be read" in refused(folder)


def test_tensors_that_do_not_fit_are_named(published: Path, tmp_path: Path) -> None:
    def broken(state: dict[str, Any]) -> dict[str, Any]:
        del state["gpt.final_norm.weight"]
        state["gpt.surprise.weight"] = torch.zeros(1)
        state["gpt.mel_head.bias"] = torch.zeros(7)
        return {"model": state}

    message = refused(rewrite(copy(published, tmp_path / "broken"), broken))
    assert "missing: gpt.final_norm.weight" in message
    assert "unexpected: gpt.surprise.weight" in message
    assert "gpt.mel_head.bias 7 instead of 1026" in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("gpt_layers", 3, "missing: gpt.gpt.h.2."),
        ("gpt_layers", 1, "unexpected: gpt.gpt.h.1."),
        ("gpt_n_model_channels", 128, "64 instead of"),
        ("gpt_max_audio_tokens", 605, "163x64 instead of 608x64"),
        ("gpt_n_heads", 0, "no possible model"),
        ("gpt_layers", "many", "gpt_layers"),
        ("gpt_use_perceiver_resampler", False, "does not fit the conditioner"),
    ],
)
def test_a_configuration_for_other_sizes(
    published: Path, tmp_path: Path, key: str, value: Any, expected: str
) -> None:
    folder = copy(published, tmp_path / "other")
    data = json.loads((folder / "config.json").read_text())
    data["model_args"][key] = value
    (folder / "config.json").write_text(json.dumps(data))
    assert expected in refused(folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.pth"])
def test_absent_and_broken_files_are_named(published: Path, tmp_path: Path, name: str) -> None:
    folder = copy(published, tmp_path / "lacking")
    (folder / name).write_bytes(b"{not a checkpoint")
    assert name in refused(folder)
    (folder / name).unlink()
    assert name in refused(folder)


def test_a_broken_safetensors_file(published: Path, tmp_path: Path) -> None:
    loaded, folder = load(published), tmp_path / "ours"
    wider = replace(loaded.config, gpt=replace(loaded.config.gpt, text_tokens=600))
    export(folder, loaded.model, loaded.vocabulary)
    data = json.loads((folder / "config.json").read_text())
    data["model"]["gpt"]["text_tokens"] = wider.gpt.text_tokens
    (folder / "config.json").write_text(json.dumps(data))
    assert "gpt.text_embedding.weight 512x64 instead of 600x64" in refused(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot be read as safetensors" in refused(folder)


def test_hub_ids_need_a_pinned_revision(tmp_path: Path) -> None:
    assert locate(tmp_path) == tmp_path
    for source in ("someone/model", "someone/model@main", "no-such-folder", "a/b/c"):
        with pytest.raises(UsageError, match=source):
            locate(source)


def test_a_pinned_hub_id_is_taken_from_the_hubs_cache(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's own cache layout, offline: nothing is fetched."""
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--someone--tiny" / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    copy(published, snapshot)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = locate(f"someone/tiny@{commit}")
    assert load(found).config == ModelConfig.tiny()
    other = commit.replace("0", "f")
    with pytest.raises(UsageError, match="cannot be fetched"):
        locate(f"someone/tiny@{other}")
