"""A residual codec in a file of our own, and EnCodec where the user has it.

`rvq.safetensors` holds all of a codec, encoder to waveform; the header says of what sizes. EnCodec
(Défossez et al. 2022, arXiv 2210.13438) is read through `transformers`, from a folder or the hub.
B batch, T samples, L levels, N codes.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from xtts_lab import files
from xtts_lab.checkpoint.config_json import from_json, read_json
from xtts_lab.checkpoint.hub import HUB_ID
from xtts_lab.checkpoint.reading import read_header, read_safetensors
from xtts_lab.errors import UsageError
from xtts_lab.nn.rvq import RvqCodec, RvqConfig
from xtts_lab.nn.weightless import undrawn

RVQ = "rvq.safetensors"
FORMAT = "xtts_lab.rvq"


class LevelCodec(Protocol):
    """Speech [B, T] at `sample_rate` <-> codes [B, L, N], of which the first levels suffice."""

    @property
    def sample_rate(self) -> int: ...

    @property
    def code_hop(self) -> int: ...

    @property
    def levels(self) -> int: ...

    def encode(self, samples: Tensor) -> Tensor: ...

    def decode(self, codes: Tensor) -> Tensor: ...


def save_rvq(path: Path, codec: RvqCodec) -> None:
    """Write a residual codec; whole or not at all."""
    from safetensors.torch import save_file

    tensors = {k: v.detach().float().cpu().contiguous() for k, v in codec.state_dict().items()}
    header = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(codec.config))}
    files.write_with(path, lambda partial: save_file(tensors, partial, header))


def load_rvq(path: Path) -> RvqCodec:
    """Read a codec that `save_rvq` wrote, in fp32 and `eval` mode, without gradients.

    Raises `UsageError` for a file that is absent or holds none.
    """
    header = read_header(path, FORMAT, "a residual codec")
    try:
        config = from_json(RvqConfig, header, f"{path.name}: config")
        with undrawn():
            codec = RvqCodec(config)
        codec.load_state_dict(read_safetensors(path), strict=True)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path.name}: its tensors are not those of its codec ({reason})"
        ) from error
    return codec.eval().requires_grad_(False)


class EncodecCodec(nn.Module):
    """EnCodec's weights behind the same four methods; `levels` are those of its best bandwidth."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self._kbps = max(model.config.target_bandwidths)

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return int(self.model.config.sampling_rate)

    @property
    def code_hop(self) -> int:
        """Samples a code."""
        return int(self.model.config.hop_length)

    @property
    def levels(self) -> int:
        return int(self.model.quantizer.get_num_quantizers_for_bandwidth(self._kbps))

    @torch.inference_mode()
    def encode(self, samples: Tensor) -> Tensor:
        """Samples [B, T] -> codes [B, L, N]."""
        vectors = self.model.encoder(samples.unsqueeze(1))
        codes: Tensor = self.model.quantizer.encode(vectors, self._kbps)
        return codes.transpose(0, 1)

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, l, N] -> samples [B, N * code_hop] in [-1, 1]."""
        vectors = self.model.quantizer.decode(codes.transpose(0, 1))
        made: Tensor = self.model.decoder(vectors)
        return made.squeeze(1)[:, : codes.shape[-1] * self.code_hop].clamp(-1.0, 1.0)


def is_encodec(source: Path) -> bool:
    """Whether a folder holds an EnCodec, or a name is one of the hub (`owner/name@commit`)."""
    if source.is_dir():
        file = source / "config.json"
        return file.is_file() and read_json(file).get("model_type") == "encodec"
    return HUB_ID.fullmatch(source.as_posix()) is not None and "encodec" in source.name


def load_encodec(source: Path) -> EncodecCodec:
    """Read EnCodec from a folder or the hub; `UsageError` where that cannot be, with the remedy."""
    name, _, revision = source.as_posix().partition("@")
    if not source.is_dir() and not revision:
        raise UsageError(
            f"codec: {source}: no such folder; for the hub, pin the revision: "
            f"'{name}@<40 hexadecimal digits of a commit>'"
        )
    try:
        from transformers import EncodecModel
    except ImportError as error:
        raise UsageError(
            "codec: EnCodec is read through transformers, which is not installed; "
            "install the extra 'speakers'"
        ) from error
    try:
        found = source.as_posix() if source.is_dir() else name
        model = EncodecModel.from_pretrained(found, revision=revision or None, use_safetensors=True)
    except Exception as error:  # transformers raises OSError, ValueError and its own
        reason = str(error).strip().splitlines()[0][:160]
        raise UsageError(f"codec: {source} cannot be read as an EnCodec ({reason})") from error
    if model.config.audio_channels != 1 or model.config.normalize:
        raise UsageError(f"codec: {source} is not for speech of one channel; take encodec_24khz")
    return EncodecCodec(model)


def load_levels(source: Path, device: str) -> LevelCodec:
    """Read a residual codec of either kind onto a device."""
    if is_encodec(source):
        return load_encodec(source).to(device)
    return load_rvq(source / RVQ).to(device)
