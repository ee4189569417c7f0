"""A speaker encoder in a file of its own: what its training leaves behind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from xtts_lab import files
from xtts_lab.checkpoint.config_json import from_json
from xtts_lab.checkpoint.reading import read_header, read_safetensors
from xtts_lab.errors import UsageError
from xtts_lab.nn.speaker_encoder import SpeakerEncoder, SpeakerEncoderConfig
from xtts_lab.nn.weightless import undrawn

SPEAKER_ENCODER = "speaker_encoder.safetensors"
FORMAT = "xtts_lab.speaker_encoder"


def save_speaker_encoder(path: Path, encoder: SpeakerEncoder) -> None:
    """Write a speaker encoder, its running statistics included; whole or not at all."""
    from safetensors.torch import save_file

    tensors = {k: v.detach().cpu().contiguous() for k, v in encoder.state_dict().items()}
    header = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(encoder.config))}
    files.write_with(path, lambda partial: save_file(tensors, partial, header))


def load_speaker_encoder(path: Path) -> SpeakerEncoder:
    """Read a speaker encoder, in fp32 and `eval` mode; nothing in it wants a gradient.

    Raises `UsageError` for a file that is absent or holds none.
    """
    data = read_header(path, FORMAT, "a speaker encoder")
    config = from_json(SpeakerEncoderConfig, data, f"{path.name}: config")
    with undrawn():
        encoder = SpeakerEncoder(config)
    try:
        encoder.load_state_dict(read_safetensors(path), strict=True)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{path.name}: its tensors do not fit its sizes ({reason})") from error
    return encoder.eval().requires_grad_(False)
