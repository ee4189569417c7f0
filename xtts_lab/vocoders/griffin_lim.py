"""Griffin-Lim on the mel that the DVAE decodes: no training, and the floor of all vocoders.

Griffin & Lim 1984; Perraudin et al. 2013. B batch, M bands, F frames, T samples.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.nn.griffin_lim import MelInverter
from xtts_lab.nn.mel import DVAE_MEL
from xtts_lab.types import ModelSizes
from xtts_lab.vocoders.base import Vocoder


class GriffinLimVocoder(Vocoder):
    """Griffin-Lim on the mel that the DVAE decodes from the codes; nothing to train.

    Log mel [B, M, F] -> waveform [B, 256 F] at 22 050 Hz. Phases are found over the whole
    utterance, so it does not stream.
    """

    reads: ClassVar[Literal["states", "codes", "mel"]] = "mel"
    sample_rate = 22050
    inference_settings: ClassVar[frozenset[str]] = frozenset({"iterations"})

    def __init__(self, _sizes: ModelSizes, /, *, iterations: int = 32) -> None:
        super().__init__()
        self.inverter = MelInverter(DVAE_MEL, iterations)

    def forward(self, mel: Tensor, _embedding: Tensor, _seed: int = 0) -> Tensor:
        waveform: Tensor = self.inverter(mel.exp())
        return waveform
