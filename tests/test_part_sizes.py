"""Sizes of parts that nobody can mean, and built-in checkpoints that are not what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.damage_kinds import ANY_FILE
from xtts_lab import config
from xtts_lab.checkpoint import builtin
from xtts_lab.checkpoint.builtin import builtin_folder
from xtts_lab.checkpoint.parts import choose, part_skeleton
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, part
from xtts_lab.yaml_file import Document, Where

WHERE = Where(Document("x.yaml"))
SIZES = [
    ("conditioners", "perceiver", ("latents", "depth", "heads", "head_width", "encoder_width",
                                   "encoder_blocks", "encoder_heads")),
    ("conditioners", "tortoise", ("slots", "hidden", "encoder_blocks", "encoder_width")),
    ("conditioners", "encoder_sequence", ("encoder_blocks", "encoder_heads", "encoder_width")),
    ("conditioners", "learned_vector", ("channels", "vector", "blocks")),
    ("conditioners", "no_reference", ("slots",)),
    ("conditioners", "speaker_embedding", ("slots",)),
    ("vocoders", "hifigan", ("channels", "sample_rate", "code_stride", "input_sample_rate")),
    ("vocoders", "mel_hifigan", ("channels",)),
    ("vocoders", "vocos", ("layers", "width", "inner", "kernel", "n_fft", "hop_length")),
    ("vocoders", "mel_vocos", ("layers", "width", "inner", "sample_rate")),
    ("vocoders", "diffusion", ("steps", "width", "heads", "layers", "train_steps", "channels")),
    ("vocoders", "griffin_lim", ("iterations",)),
]  # fmt: skip
OTHERS = [
    ("instruments", "whisper", ("beam_size", "batch_size")),
    ("instruments", "faster_whisper", ("beam_size",)),
    ("systems", "xtts", ("max_codes", "batch_size")),
    ("systems", "null", ("sample_rate", "fail_every")),
    ("speakers", "synthetic", ("count", "references", "enrolment")),
    ("metrics", "latency", ("warmups", "trials")),
]
CASES = [(kind, name, key) for kind, name, keys in SIZES for key in keys]
HUGE = [10**9, 10**30, -(10**9)]


def _settings(name: str, key: str, value: object) -> dict[str, object]:
    required = {"checkpoint": "random-tiny"} if name == "xtts" else {}
    return {"name": name, **required, key: value}


@pytest.mark.parametrize("value", [*HUGE, 0, -1])
@pytest.mark.parametrize(("kind", "name", "key"), CASES)
def test_sizes_of_parts(kind: str, name: str, key: str, value: int) -> None:
    with pytest.raises(UsageError, match=rf"^x\.yaml: {key}: .*(is no size|does not work)"):
        config.resolve(kind, _settings(name, key, value), WHERE)


@pytest.mark.parametrize("value", HUGE[:2])
@pytest.mark.parametrize(
    ("kind", "name", "key"), [(kind, name, key) for kind, name, keys in OTHERS for key in keys]
)
def test_sizes_of_other_things(kind: str, name: str, key: str, value: int) -> None:
    with pytest.raises(UsageError, match=rf"^x\.yaml: {key}: .*is no size"):
        config.resolve(kind, _settings(name, key, value), WHERE)


@pytest.mark.parametrize("value", [[1] * 1001, [1] * 1_000_000], ids=["thousand", "million"])
@pytest.mark.parametrize("key", ["rates", "kernels", "upsample_kernels"])
def test_lists_that_nobody_can_mean(key: str, value: list[int]) -> None:
    with pytest.raises(UsageError, match=rf"^x\.yaml: {key}: .* entries are no setting"):
        config.resolve("vocoders", {"name": "hifigan", key: value}, WHERE)
    nested = {"name": "hifigan", "dilations": [[1, 3, 5], value]}
    with pytest.raises(UsageError, match=r"^x\.yaml: dilations: .* entries are no setting"):
        config.resolve("vocoders", nested, WHERE)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("perceiver", {"encoder_width": 1_000_000, "encoder_blocks": 1000, "encoder_heads": 1}),
        ("learned_vector", {"channels": 1_000_000, "blocks": 50}),
    ],
)
def test_sizes_that_are_each_possible_and_together_fit_no_memory(
    name: str, settings: dict[str, int]
) -> None:
    model = ModelConfig.tiny()
    chosen = choose("conditioners", {"name": name, **settings}, model.conditioner, WHERE)
    with pytest.raises(UsageError, match=r"parameters, and at most|settings fit no part"):
        part_skeleton(chosen, model)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name, _ in SIZES])
def test_the_defaults_of_every_part_are_possible(kind: str, name: str) -> None:
    assert config.resolve(kind, {"name": name}, WHERE)["name"] == part(kind, name).name  # type: ignore[arg-type]


# The checkpoint that the package makes itself.

FILES = ["model.pth", "config.json", builtin.HASHES]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _as_a_file(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.write_text("x")


def _as_a_link(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to("nowhere")


FOLDERS: dict[str, Callable[[Path], None]] = {"a file": _as_a_file, "a link": _as_a_link}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path))
    folder = builtin_folder("random-tiny")
    assert folder is not None
    return folder


@pytest.mark.parametrize("kind", ANY_FILE)
def test_a_damaged_checkpoint_of_the_cache_is_made_again(
    kind: str, made: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = _bytes(made)
    name = FILES[list(ANY_FILE).index(kind) % len(FILES)]
    ANY_FILE[kind](made / name)
    assert builtin_folder("random-tiny") == made
    assert "made again" in capfd.readouterr().err
    assert _bytes(made) == expected
    assert builtin_folder("random-tiny") == made
    assert capfd.readouterr().err == ""
    assert [path.name for path in made.parent.iterdir()] == [made.name]


@pytest.mark.parametrize("kind", FOLDERS)
def test_what_stands_in_its_place_is_replaced(kind: str, made: Path) -> None:
    expected = _bytes(made)
    FOLDERS[kind](made)
    assert builtin_folder("random-tiny") == made
    assert _bytes(made) == expected
