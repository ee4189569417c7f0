"""A DVAE, or a vocoder beside it, in files of our own: what training a codec leaves behind.

Safetensors with our names; the header says what it is and of what sizes. A codec folder holds
`dvae.safetensors` and maybe `vocoder.safetensors`, a part as `checkpoint.parts` reads it.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab import files
from xtts_lab.audio import sha256
from xtts_lab.checkpoint.config_json import from_json
from xtts_lab.checkpoint.parts import load_part
from xtts_lab.checkpoint.reading import read_header, read_safetensors
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig
from xtts_lab.nn.weightless import undrawn
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder

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
    config = from_json(DvaeConfig, read_header(path, FORMAT, "a DVAE"), f"{path.name}: config")
    tensors = read_safetensors(path)
    try:
        with undrawn():
            dvae = Dvae(config)
        dvae.load_state_dict(tensors, strict=True)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path.name}: its tensors are not those of its DVAE ({reason})"
        ) from error
    return dvae.eval().requires_grad_(False)


@dataclass(frozen=True, eq=False)
class Codec:
    """A DVAE and the vocoder that was trained on what it keeps; in fp32, on the CPU."""

    dvae: Dvae
    vocoder: Vocoder

    @torch.inference_mode()
    def copy(self, samples: Tensor) -> Tensor:
        """Speech [B, T] at the DVAE's rate -> codes -> speech [B, about T] at the vocoder's."""
        return self.speak(self.dvae(samples))

    @torch.inference_mode()
    def speak(self, codes: Tensor) -> Tensor:
        """Codes [B, N] -> speech [B, T] at the vocoder's rate."""
        inputs = codes if self.vocoder.reads == "codes" else self.dvae.log_mel(codes)
        made: Tensor = self.vocoder(inputs, torch.zeros(codes.shape[0], 1, device=codes.device))
        return made


def sizes(dvae: Dvae) -> ModelSizes:
    """What a DVAE decides about the vocoder beside it; states and speaker vectors it has none."""
    return ModelSizes(width=1, codes=dvae.config.codes, embedding=1, bands=dvae.config.bands)


def load_codec(folder: Path) -> Codec:
    """Read a codec folder. `UsageError` where its parts are absent or not of one training."""
    dvae = load_dvae(folder / DVAE)
    if not (folder / VOCODER).is_file():
        raise UsageError(f"{VOCODER}: no such file in {folder}; train a vocoder first")
    part, vocoder, trained_with = load_part(folder / VOCODER, "vocoders", sizes(dvae))
    if not isinstance(vocoder, Vocoder) or vocoder.reads == "states":
        raise UsageError(f"{VOCODER}: holds a {part.name}, which reads the GPT's states, not codes")
    if trained_with != sha256(folder / DVAE):
        raise UsageError(f"{VOCODER}: was trained beside another DVAE than the {DVAE} in {folder}")
    return Codec(dvae, vocoder)
