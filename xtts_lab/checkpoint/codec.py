"""A DVAE, or a vocoder beside it, in files of our own: what training a codec leaves behind.

Safetensors with our names; the header says what it is and of what sizes. A codec folder holds
`dvae.safetensors` and maybe `vocoder.safetensors`, a part as `checkpoint.parts` reads it.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from xtts_lab import files
from xtts_lab.checkpoint.config_json import from_json
from xtts_lab.checkpoint.reading import read_safetensors
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig

DVAE = "dvae.safetensors"
VOCODER = "vocoder.safetensors"
FORMAT = "xtts_lab.dvae"


def save_dvae(path: Path, dvae: Dvae) -> None:
    """Write a DVAE, its mel statistics included; whole or not at all."""
    from safetensors.torch import save_file

    tensors = {k: v.detach().float().cpu().contiguous() for k, v in dvae.state_dict().items()}
    header = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(dvae.config))}
    files.write_with(path, lambda partial: save_file(tensors, partial, header))


def load_dvae(path: Path) -> Dvae:
    """Read a DVAE that `save_dvae` wrote, in fp32 and `eval` mode; nothing in it wants a gradient.

    Raises `UsageError` for a file that is absent or holds none.
    """
    config = from_json(DvaeConfig, _header(path), f"{path.name}: config")
    tensors = read_safetensors(path)
    try:
        dvae = Dvae(config)
        dvae.load_state_dict(tensors, strict=True)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path.name}: its tensors are not those of its DVAE ({reason})"
        ) from error
    return dvae.eval().requires_grad_(False)


def _header(path: Path) -> Any:
    from safetensors import safe_open

    if not path.is_file():
        raise UsageError(f"{path.name}: no such file in {path.parent}; train a DVAE first")
    try:
        with safe_open(str(path), framework="pt") as file:
            data = file.metadata() or {}
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(f"{path.name}: cannot be read as safetensors") from error
    if data.get("format") != FORMAT:
        raise UsageError(f"{path.name}: holds no DVAE of xtts_lab")
    try:
        return json.loads(data["config"])
    except (KeyError, ValueError) as error:
        raise UsageError(f"{path.name}: does not say what sizes its DVAE has") from error
