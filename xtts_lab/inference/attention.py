"""What a Perceiver's latents attend to in a reference.

L layers, H heads, N latents, F frames of the mel encoder. The encoder has no positions and mixes
its frames before the latents read them: a frame's share says where a latent reads, and not that
it reads nothing of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.conditioners.perceiver import PerceiverConditioner
from xtts_lab.errors import UsageError
from xtts_lab.inference.hearing import source_of
from xtts_lab.model import XttsModel
from xtts_lab.types import Reference


@dataclass(frozen=True, eq=False)
class Attention:
    """Shares of what each latent takes in; over frames and latents together they sum to 1.

    `frames` [L, H, N, F], a frame lasting `frame_s` seconds; `latents` [L, H, N, N]: the latents
    also read each other. On the CPU.
    """

    frames: Tensor
    latents: Tensor
    frame_s: float


@torch.inference_mode()
def attention(model: XttsModel, reference: str | Path | Reference) -> Attention:
    """Return the attention in the first chunk of a reference, as cloning hears it.

    Raises `UsageError` for a conditioner without latents, and for a reference that is too short;
    `AudioError` for one that cannot be read.
    """
    conditioner, settings = model.conditioner, model.config.cloning
    if not isinstance(conditioner, PerceiverConditioner):
        name = model.config.conditioner.name
        raise UsageError(f"attention: the conditioner '{name}' has no latents; use 'perceiver'")
    path = reference.audio if isinstance(reference, Reference) else Path(reference)
    rate = conditioner.intake.sample_rate
    samples = source_of(path, rate, settings, settings.chunk_s).whole()
    if samples.shape[0] < settings.min_chunk_s * rate:
        raise UsageError(f"{path.name}: is shorter than {settings.min_chunk_s:g} s")
    given = samples.to(model.device, model.dtype).unsqueeze(0)
    shares = conditioner.attention(given)[0].float().cpu()
    latents = shares.shape[2]
    frame_s = conditioner.mel.config.hop_length / rate
    return Attention(shares[..., latents:], shares[..., :latents], frame_s)
