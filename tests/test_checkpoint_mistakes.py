"""Checkpoints that are not what they should be: one line each, with what to do."""

from __future__ import annotations

import argparse
import collections
import datetime
import decimal
import json
import math
import pathlib
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests.test_xtts_checkpoint import copy, refused, rewrite, same
from xtts_lab import XTTS
from xtts_lab.checkpoint import export, hub, load, locate, random_checkpoint
from xtts_lab.checkpoint.parts import save_part
from xtts_lab.checkpoint.reading import is_finite
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, XttsModel


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    random_checkpoint(folder, ModelConfig.tiny(), seed=3, speakers=("Ana", "Bo"))
    return folder


@pytest.fixture(scope="module")
def whole(published: Path) -> XttsModel:
    return load(published).model


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    return copy(published, tmp_path / "checkpoint")


POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:c7ea20001c6a0a841c77e252d8409f6a74fb4447\nsize 1867929118\n"
)
IMPOSTORS = {
    "pointer": (POINTER, "is a Git LFS pointer and not the file itself; fetch it with: git lfs"),
    "page": ("<!DOCTYPE html>\n<html><head>", "is a web page and not the file itself"),
    "page without a doctype": ("\n  <HTML lang=en>", "is a web page"),
    "page with a mark": ("\ufeff<html>", "is a web page"),
    "xml": ('<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "is a web page"),
    "message": ("Entry not found", "is text ('Entry not found') and no checkpoint"),
    "json": ('{"error":"Repository not found"}', 'is text (\'{"error":"Repo'),
    "empty": ("", "is empty"),
    "blank": (" \n\n", "is empty"),
    "unicode": ("Zugriff verweigert: Schlüssel fehlt " * 40, "is text ('Zugriff verweigert"),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("model.pth", kind) for kind in IMPOSTORS),
        *(
            (name, kind)
            for name in ("dvae.pth", "mel_stats.pth", "speakers_xtts.pth")
            for kind in ("pointer", "page", "message", "empty")
        ),
    ],
)
def test_what_a_download_left_behind_is_named(folder: Path, name: str, kind: str) -> None:
    content, expected = IMPOSTORS[kind]
    (folder / name).write_text(content, encoding="utf-8")
    message = refused(folder)
    assert message.startswith(f"{name}: cannot be read: it {expected}")


@pytest.mark.parametrize("kind", ["pointer", "page", "empty"])
@pytest.mark.parametrize("name", ["config.json", "vocab.json"])
def test_small_files_too(folder: Path, name: str, kind: str) -> None:
    (folder / name).write_text(IMPOSTORS[kind][0], encoding="utf-8")
    assert f"{name}: cannot be read: it {IMPOSTORS[kind][1]}" in refused(folder)


def test_our_own_format_and_parts_too(published: Path, tmp_path: Path) -> None:
    loaded, ours = load(published), tmp_path / "ours"
    export(ours, loaded.model, loaded.vocabulary)
    weights = tmp_path / "part.safetensors"
    save_part(weights, "vocoders", loaded.model, None)
    for file in (ours / "model.safetensors", weights):
        file.write_text(POINTER)
    assert "model.safetensors: cannot be read: it is a Git LFS pointer" in refused(ours)
    vocoder = {"name": "hifigan", "weights": str(weights)}
    with pytest.raises(UsageError, match=r"part\.safetensors"):
        XTTS.from_pretrained(published, device="cpu", vocoder=vocoder)


@pytest.mark.parametrize("fault", ["pointer", "cut", "vocabulary"])
def test_planning_finds_it(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    if fault == "pointer":
        (folder / "model.pth").write_text(POINTER)
    elif fault == "cut":
        (folder / "model.pth").write_bytes((folder / "model.pth").read_bytes()[:100_000])
    else:
        vocabulary_of(folder, 500)
    experiment = tmp_path / "x.yaml"
    experiment.write_text(
        f"name: x\nsystems: {{a: {{name: xtts, checkpoint: {folder}}}}}\n"
        "texts: {name: builtin, languages: [en], per_language: 1}\nmetrics: [{name: duration}]\n"
    )
    assert run_app(["plan", str(experiment)]) == 2
    expected = {
        "pointer": "model.pth: cannot be read: it is a Git LFS pointer",
        "cut": "model.pth: cannot be read as a checkpoint",
        "vocabulary": "vocab.json: has 500 tokens, but model.pth holds weights for 512",
    }
    err = capfd.readouterr().err
    assert expected[fault] in err
    assert err.count("\n") == 1


def vocabulary_of(folder: Path, count: int) -> None:
    """Give a checkpoint a vocabulary of another size."""
    data = json.loads((folder / "vocab.json").read_text())
    tokens = data["model"]["vocab"]
    if count > len(tokens):
        tokens |= {f"more{i}": i for i in range(len(tokens), count)}
    else:
        data["model"]["vocab"] = {token: i for token, i in tokens.items() if i < count}
        data["model"]["merges"] = []
    (folder / "vocab.json").write_text(json.dumps(data))


@pytest.mark.parametrize("count", [500, 511, 513, 6681])
@pytest.mark.parametrize("ours", [False, True])
def test_a_vocabulary_of_another_size_is_named(
    published: Path, tmp_path: Path, count: int, ours: bool
) -> None:
    if ours:
        loaded = load(published)
        export(tmp_path / "made", loaded.model, loaded.vocabulary)
    else:
        copy(published, tmp_path / "made")
    vocabulary_of(tmp_path / "made", count)
    weights = "model.safetensors" if ours else "model.pth"
    expected = f"vocab.json: has {count} tokens, but {weights} holds weights for 512"
    assert refused(tmp_path / "made").startswith(expected)


LOST = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("value", LOST)
@pytest.mark.parametrize(
    "name",
    ["gpt.mel_head.weight", "gpt.gpt.h.1.mlp.c_fc.weight", "gpt.conditioning_perceiver.latents",
     "hifigan_decoder.waveform_decoder.conv_pre.bias", "gpt.text_pos_embedding.emb.weight",
     "hifigan_decoder.speaker_encoder.conv1.weight", "mel_stats"],
)  # fmt: skip
def test_lost_weights_are_refused(folder: Path, name: str, value: float) -> None:
    def damaged(state: dict[str, Any]) -> dict[str, Any]:
        state[name].view(-1)[-1] = value
        return {"model": state}

    assert "model.pth: holds values that are not finite" in refused(rewrite(folder, damaged))


@pytest.mark.parametrize("value", LOST)
@pytest.mark.parametrize("name", ["dvae.pth", "mel_stats.pth", "speakers_xtts.pth"])
def test_lost_values_beside_the_weights(folder: Path, name: str, value: float) -> None:
    content = torch.load(folder / name, weights_only=True)
    if name == "mel_stats.pth":
        content[3] = value
    else:
        entry = content["Bo"] if name.startswith("speakers") else content
        key = "gpt_cond_latent" if name.startswith("speakers") else "decoder.0.weight"
        entry[key].view(-1)[0] = value
    torch.save(content, folder / name)
    assert refused(folder).startswith(name)


def test_lost_values_of_our_format_and_of_parts(published: Path, tmp_path: Path) -> None:
    loaded = load(published)
    vocoder = loaded.model.vocoder
    with torch.no_grad():
        vocoder.generator.input.bias[0] = math.nan  # type: ignore[union-attr, index, operator]
    save_part(tmp_path / "part.safetensors", "vocoders", loaded.model, None)
    export(tmp_path / "ours", loaded.model, loaded.vocabulary)
    assert "model.safetensors: holds values that are not finite" in refused(tmp_path / "ours")
    with pytest.raises(UsageError, match=r"part\.safetensors: holds values that are not finite"):
        XTTS.from_pretrained(
            published, device="cpu", vocoder={"weights": str(tmp_path / "part.safetensors")}
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_finite_is_finite(dtype: torch.dtype) -> None:
    values = torch.linspace(-60000, 60000, 999).to(dtype)
    assert is_finite(values)
    for lost in LOST:
        for place in (0, 500, 998):
            damaged = values.clone()
            damaged[place] = lost
            assert not is_finite(damaged)
    assert is_finite(torch.zeros(0, dtype=dtype))
    assert is_finite(torch.tensor([1, 2]))


HARMLESS = {
    "float64": np.float64(1.5), "int64": np.int64(3), "float32": np.float32(2), "bool": np.True_,
    "array": np.arange(4), "matrix": np.ones((2, 2), np.float32), "dtype": np.dtype("float16"),
    "records": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), "text": np.str_("a"),
    "defaultdict": collections.defaultdict(list, a=[1]), "counts": collections.defaultdict(int),
    "deque": collections.deque([1, 2]), "counter": collections.Counter("aab"),
    "path": pathlib.PosixPath("/data/run"), "pure": pathlib.PureWindowsPath("c:/x"),
    "set": {1, 2}, "frozenset": frozenset({1}), "slice": slice(1, 2),
    "date": datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), "delta": datetime.timedelta(1),
    "namespace": argparse.Namespace(lr=1e-4), "decimal": decimal.Decimal("1.5"),
    "uuid": uuid.UUID(int=7), "complex": 1j, "version": torch.__version__, "type": torch.float16,
}  # fmt: skip


@pytest.mark.parametrize("first", range(0, len(HARMLESS), 4))
def test_harmless_data_beside_the_weights_is_read(
    whole: XttsModel, folder: Path, first: int
) -> None:
    """Four kinds a file: one that is refused refuses it all."""
    beside: dict[str, object] = {}
    for kind, value in list(HARMLESS.items())[first : first + 4]:
        beside |= {f"config {kind}": value, f"history {kind}": [{"loss": value}, (value, None)]}
    rewrite(folder, lambda state: {"model": state, **beside})
    assert same(load(folder).model, whole)


def test_a_state_dict_may_be_a_defaultdict(whole: XttsModel, folder: Path) -> None:
    rewrite(folder, lambda state: {"model": collections.defaultdict(list, state)})
    assert same(load(folder).model, whole)


@pytest.mark.parametrize("key", ["gpt_layers", "gpt_n_heads", "gpt_n_model_channels"])
@pytest.mark.parametrize("size", [10**9, 10**15, -(10**7)])
def test_sizes_that_fit_no_memory_are_refused_at_once(folder: Path, key: str, size: int) -> None:
    data = json.loads((folder / "config.json").read_text())
    data["model_args"][key] = size
    (folder / "config.json").write_text(json.dumps(data))
    assert "is no size; at most" in refused(folder)


@pytest.mark.parametrize("hop", [512, 128, 255, 0, -256, 256.5, "256"])
def test_another_frame_than_the_vocoders_is_refused(folder: Path, hop: object) -> None:
    data = json.loads((folder / "config.json").read_text())
    data["model_args"]["output_hop_length"] = hop
    (folder / "config.json").write_text(json.dumps(data))
    assert f"config.json: output_hop_length: {hop}" in refused(folder)


@pytest.mark.parametrize("hop", [256, 256.0, None])
def test_the_vocoders_own_frame_is_fine(whole: XttsModel, folder: Path, hop: object) -> None:
    data = json.loads((folder / "config.json").read_text())
    data["model_args"]["output_hop_length"] = hop
    (folder / "config.json").write_text(json.dumps(data))
    assert same(load(folder).model, whole)


@pytest.mark.parametrize("key", ["gpt_cond_chunk_len", "max_ref_len"])
@pytest.mark.parametrize("value", [0, -1, -4, 0.01, math.nan, -math.inf, "4"])
def test_chunks_of_no_length_are_refused(folder: Path, key: str, value: object) -> None:
    data = json.loads((folder / "config.json").read_text())
    data[key] = value
    (folder / "config.json").write_text(json.dumps(data))
    assert refused(folder).startswith(f"config.json: {key}: ")


@pytest.mark.parametrize("name", ["config.json", "vocab.json"])
@pytest.mark.parametrize("depth", [2_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_deep_nesting_is_refused(folder: Path, name: str, depth: int, brackets: str) -> None:
    opening = "[" if brackets == "[]" else '{"a":'
    inner = opening * depth + "1" + brackets[1] * depth
    (folder / name).write_text(f'{{"model_args": {inner}}}')
    assert name in refused(folder)


@pytest.mark.parametrize("file", ["model.pth", "config.json", "vocab.json", "dvae.pth"])
def test_a_file_is_no_checkpoint_but_its_folder_is(folder: Path, file: str) -> None:
    with pytest.raises(UsageError, match=r"is a file; name the folder that holds it.*checkpoint'$"):
        XTTS.from_pretrained(folder / file)


@pytest.mark.parametrize("name", ["folder/model.pth", "x.safetensors", "best/config.json"])
def test_a_file_that_is_not_there(name: str) -> None:
    with pytest.raises(UsageError, match=r"no such folder.*name the folder and not a file"):
        XTTS.from_pretrained(name)


@pytest.mark.parametrize("name", ["x" * 300, f"a/{'y' * 300}", "nul\0byte", "a/b/c"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(UsageError, match="no such folder") as caught:
        XTTS.from_pretrained(name)
    assert len(str(caught.value)) < 400


def test_a_fine_tune_is_fetched_from_the_hub(
    published: Path, whole: XttsModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights are called best_model.pth there as on disk."""
    import fnmatch

    import huggingface_hub

    remote = copy(published, tmp_path / "remote")
    (remote / "model.pth").rename(remote / "best_model.pth")
    (remote / "optimizer.bin").write_bytes(b"not wanted")

    def fetch(_repository: str, *, revision: str, allow_patterns: list[str]) -> str:
        local = tmp_path / revision
        local.mkdir()
        for file in remote.iterdir():
            if any(fnmatch.fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copyfile(file, local / file.name)
        return str(local)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    folder = locate(f"someone/fine-tune@{'a' * 40}")
    assert not (folder / "optimizer.bin").exists()
    assert same(load(folder).model, whole)
    assert "best_model.pth" in hub.FILES


def test_a_checkpoint_with_lost_weights_fails_its_trials(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planning reads no weights; every trial is a recorded failure, and they are read once."""

    def lost(state: dict[str, Any]) -> dict[str, Any]:
        state["gpt.mel_head.weight"][5] = math.nan
        return {"model": state}

    rewrite(folder, lost)
    reads = 0
    original = XTTS.from_pretrained

    def counted(*given: Any, **named: Any) -> XTTS:
        nonlocal reads
        reads += 1
        return original(*given, **named)

    monkeypatch.setattr(XTTS, "from_pretrained", counted)
    experiment = tmp_path / "x.yaml"
    experiment.write_text(
        f"name: x\nsystems: {{a: {{name: xtts, checkpoint: {folder}, voice: Ana}}}}\n"
        "texts: {name: builtin, languages: [en], per_language: 3}\nmetrics: [{name: duration}]\n"
        "sanity: false\n"
    )
    assert run_app(["run", str(experiment), "--out", str(tmp_path / "out")]) == 1
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert len(failures) == 3
    assert failures["error"].str.contains("model.pth: holds values that are not finite").all()
    assert reads == 1
