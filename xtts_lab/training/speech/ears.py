"""What the DVAE hears of a corpus: its mel, at its sample rate.

B batch, T samples, M bands, F frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xtts_lab.nn.mel import DVAE_MEL, PowerMel
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.speech.bank import Bank, waveform

FLOOR = 1e-5
"""Of the power mel, as in `nn.mel.ConditioningMel`."""


class Ears(nn.Module):
    """Samples [B, T] at a corpus's rate -> natural-log mel [B, M, F] as the DVAE hears it.

    In float32 whatever the autocast; nothing is trained, and no gradient passes but through `hear`.
    """

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.resample = Resampler(sample_rate, DVAE_MEL.sample_rate)
        self.mel = PowerMel(DVAE_MEL)

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        return self.hear(samples)

    def hear(self, samples: Tensor) -> Tensor:
        """The same, for speech that is still being learned."""
        with torch.autocast(samples.device.type, enabled=False):
            power: Tensor = self.mel(self.resample(samples.float()))
            return power.clamp(min=FLOOR).log()

    def frames(self, lengths: Tensor) -> Tensor:
        """How many frames [B] so many samples [B] of a corpus are."""
        return self.resample.lengths(lengths) // DVAE_MEL.hop_length + 1


def frame_mask(frames: Tensor, size: int) -> Tensor:
    """1 within a row's frames, 0 beyond: [B] -> [B, size]."""
    return (torch.arange(size, device=frames.device) < frames.unsqueeze(1)).float()


@dataclass(frozen=True, eq=False)
class MelStats:
    """Of each band's natural log [M]: its `mean`, and its `scale`, the root of the mean square.

    The scale is what a DVAE's mel is divided by (`mel_stats` of the published checkpoint).
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, bank: Bank, ears: Ears, utterances: int = 200) -> MelStats:
        """Measure about so many utterances, of every length."""
        step = max(1, len(bank) // utterances)
        sums = squares = torch.zeros(DVAE_MEL.bands, dtype=torch.float64)
        count = 0
        for at in range(0, len(bank), step):
            mel = ears(waveform(bank.whole(bank.order[at : at + 1])))[0].double()
            sums, squares = sums + mel.sum(-1), squares + mel.square().sum(-1)
            count += mel.shape[-1]
        return cls((sums / count).float(), (squares / count).sqrt().float())
