"""Models that share a codec: what differs between them, in a file each.

An arm is a safetensors file with the GPT's and the conditioner's tensors in fp16, and the model's
configuration in its header. Together with a codec folder (`dvae.safetensors`, maybe
`vocoder.safetensors`; see `checkpoint.codec`) and a vocabulary it is a whole checkpoint.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from xtts_lab import files
from xtts_lab.audio import sha256
from xtts_lab.checkpoint import codec, native
from xtts_lab.checkpoint.config_json import from_json, read_json
from xtts_lab.checkpoint.parts import load_part, save_module
from xtts_lab.checkpoint.reading import read_safetensors
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, SamplingDefaults, XttsModel, part

FORMAT = "xtts_lab.arm"
OWN = ("gpt.", "conditioner.")


def write_arm(
    checkpoint: Path, path: Path, note: str = "", sampling: SamplingDefaults | None = None
) -> None:
    """Write the arm of a checkpoint folder of ours (a training run, say), whole or not at all.

    `sampling` replaces the checkpoint's own way to draw codes.
    """
    from safetensors.torch import save_file

    config = native.config_of(read_json(checkpoint / "config.json"))
    if sampling is not None:
        config = replace(config, sampling=sampling)
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in read_safetensors(checkpoint / native.WEIGHTS).items()
        if name.startswith(OWN)
    }
    header = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(config)), "note": note}
    files.write_with(path, lambda partial: save_file(tensors, partial, header))


def halve(source: Path, path: Path) -> None:
    """Write a safetensors file's tensors in fp16, its header as it was."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(str(source), framework="pt") as file:
        header = dict(file.metadata() or {})
    tensors = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in read_safetensors(source).items()
    }
    files.write_with(path, lambda partial: save_file(tensors, partial, header))


def halve_codec(source: Path, folder: Path) -> None:
    """Write a codec folder's DVAE and vocoder in fp16 into another, still fitting each other.

    A vocoder names its DVAE by the hash of the file, which is another one now.
    """
    found = codec.load_codec(source)
    halve(source / codec.DVAE, folder / codec.DVAE)
    beside = sha256(folder / codec.DVAE)
    part_of, _, _ = load_part(source / codec.VOCODER, "vocoders", codec.sizes(found.dvae))
    half = found.vocoder.half()
    files.write_with(
        folder / codec.VOCODER, lambda to: save_module(to, "vocoders", part_of, half, beside)
    )


def assemble(folder: Path, arm: Path, codec_folder: Path, vocabulary: Path, name: str) -> None:
    """Write a checkpoint of an arm and what it shares with others.

    Without a vocoder in `codec_folder` it speaks by Griffin-Lim. Raises `UsageError` for an arm
    that does not fit the codec, and where `folder` already holds weights.
    """
    header = _header(arm)
    config = from_json(ModelConfig, header["config"], f"{arm.name}: config")
    dvae = codec.load_dvae(codec_folder / codec.DVAE)
    if config.dvae != dvae.config:
        raise UsageError(f"{arm.name}: was trained on another codec than {codec_folder.name}'s")
    config = replace(config, vocoder=part("vocoders", "griffin_lim"))
    vocoder: torch.nn.Module | None = None
    if (codec_folder / codec.VOCODER).is_file():
        chosen, vocoder, _ = load_part(codec_folder / codec.VOCODER, "vocoders", config.sizes)
        config = replace(config, vocoder=chosen)
    model = XttsModel(config)
    if vocoder is not None:
        model.vocoder.load_state_dict(vocoder.state_dict())
    model.dvae = dvae
    own = {key: value.float() for key, value in read_safetensors(arm).items()}
    missing, unexpected = model.load_state_dict(own, strict=False)
    lacking = [key for key in missing if key.startswith(OWN)]
    if lacking or unexpected:
        raise UsageError(f"{arm.name}: its tensors are not those of its configuration")
    native.export(folder, model.half(), vocabulary, note=str(header["note"]), name=name)


def note_of(arm: Path) -> str:
    """Return what an arm says of its training."""
    return str(_header(arm)["note"])


def _header(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    if not path.is_file():
        raise UsageError(f"{path.name}: no such file in {path.parent}")
    try:
        with safe_open(str(path), framework="pt") as file:
            data = file.metadata() or {}
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(f"{path.name}: cannot be read as safetensors") from error
    if data.get("format") != FORMAT:
        raise UsageError(f"{path.name}: holds no arm of xtts_lab")
    return {"config": json.loads(data["config"]), "note": data.get("note", "")}
