"""A trained recogniser in a file: safetensors in half precision; its header says what it knows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.nn.ctc import CtcConfig, CtcRecogniser
from xtts_lab.nn.weightless import undrawn

FORMAT = "xtts_lab.ctc"


@dataclass(frozen=True)
class Knowledge:
    """What a recogniser was trained to write.

    `symbols`, one character each, and `languages`, both in the order of their numbers; `floor`: the
    error rate on natural speech of unseen speakers, by language; `corpora`: name -> content hash.
    """

    config: CtcConfig
    symbols: str
    languages: tuple[str, ...]
    floor: Mapping[str, float] = field(default_factory=dict)
    corpora: Mapping[str, str] = field(default_factory=dict)


def save(path: Path, network: CtcRecogniser, knowledge: Knowledge) -> None:
    """Write a recogniser, whole or not at all."""
    from safetensors.torch import save_file

    tensors = {k: v.detach().half().cpu().contiguous() for k, v in network.state_dict().items()}
    content = json.dumps(dataclasses.asdict(knowledge), ensure_ascii=False)
    header = {"format": FORMAT, "knowledge": content}
    files.write_with(path, lambda partial: save_file(tensors, partial, header))


def knowledge(path: Path) -> Knowledge:
    """Read what a file's recogniser knows, without its weights; `UsageError` for any other file."""
    from safetensors import safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            data = file.metadata() or {}
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(f"{path.name}: cannot be read as safetensors") from error
    if data.get("format") != FORMAT:
        raise UsageError(f"{path.name}: holds no phoneme recogniser of xtts_lab")
    try:
        found: dict[str, Any] = json.loads(data["knowledge"])
        config = CtcConfig(**found.pop("config"))
        return Knowledge(config, **{**found, "languages": tuple(found["languages"])})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path.name}: does not say what its recogniser knows") from error


def load(path: Path) -> CtcRecogniser:
    """Read a recogniser, in fp32 and `eval` mode; nothing in it wants a gradient."""
    from safetensors.torch import load_file

    with undrawn():
        network = CtcRecogniser(knowledge(path).config)
    try:
        network.load_state_dict({k: v.to(torch.float32) for k, v in load_file(path).items()})
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path.name}: its tensors fit no such recogniser ({reason})") from error
    return network.eval().requires_grad_(False)
