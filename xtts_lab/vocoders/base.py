"""What every vocoder declares. B batch, N states or codes, D width, M bands, F frames,
E embedding, T samples."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from xtts_lab.vocoders.stages import Stage


class Vocoder(nn.Module):
    """The base of all vocoders: what differs from these defaults, a class sets itself.

    `forward(inputs, embedding, seed=0)` takes what `reads` says (GPT states [B, N, D], codes int64
    [B, N], natural-log power mel [B, M, F] as the DVAE decodes codes to it: 22 050 Hz, hop 256, or
    of `levels` what the residual codec makes of them, [B, 1, T]),
    speaker vectors [B, E], and a seed for those that draw noise (each row draws the same). It
    returns the waveform [B, T] in [-1, 1] at `sample_rate`, in which no row depends on another.
    `inference_settings` may differ from those of training: with them weights stay what they are.
    """

    reads: ClassVar[Literal["states", "codes", "mel", "levels"]] = "states"
    streams: ClassVar[bool] = False
    uses_speaker: ClassVar[bool] = False
    inference_settings: ClassVar[frozenset[str]] = frozenset()

    sample_rate: int

    def stages(self, embedding: Tensor) -> tuple[Stage, ...]:
        """For a vocoder that streams: from inputs [1, C, W] to samples [1, 1, T], step by step."""
        raise NotImplementedError(f"{type(self).__name__} does not stream")
