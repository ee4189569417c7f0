"""How far two waveforms' mel spectrograms lie apart. B batch, T samples, M bands, F frames.

Several windows at once, as in DAC (Kumar et al. 2023, arXiv 2306.06546, section 3.4): the long ones
hear pitch, the short ones onsets. In log, so that quiet sounds count.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.nn.mel import MelConfig, PowerMel

FLOOR = 1e-5
"""Power below which nothing is heard."""

SCALES = ((2048, 160), (1024, 80), (512, 40), (256, 20))
"""Window in samples and bands of each spectrogram; the hop is a quarter of the window."""


class MultiScaleMel(nn.Module):
    """The mean over the scales of the mean absolute difference of log mels (natural log, nats).

    Waveforms [B, T] at `sample_rate` Hz, in float32 whatever they come in; T exceeds 1024. There is
    nothing to train.
    """

    def __init__(self, sample_rate: int, scales: tuple[tuple[int, int], ...] = SCALES) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            PowerMel(
                MelConfig(
                    sample_rate=sample_rate,
                    n_fft=n_fft,
                    win_length=n_fft,
                    hop_length=n_fft // 4,
                    bands=bands,
                    f_max=sample_rate / 2,
                )
            )
            for n_fft, bands in scales
        )

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        with torch.autocast(made.device.type, enabled=False):
            both = torch.cat([made.float(), wanted.float()])
            losses = [self._distance(mel(both)) for mel in self.mels]
        return torch.stack(losses).mean()

    @staticmethod
    def _distance(mels: Tensor) -> Tensor:
        made, wanted = mels.clamp(min=FLOOR).log().chunk(2)
        return functional.l1_loss(made, wanted)


QUIET = 11.0
"""Nats of power (48 dB) below the loudest of an utterance, under which speech is quiet."""


def masked_distance(made: Tensor, wanted: Tensor, mask: Tensor, quiet: float = 1.0) -> Tensor:
    """Mean of |d| + d^2 between log mels [B, M, F] over a row's frames, where `mask` [B, F] is 1.

    The absolute part keeps what is heard sharp, the square keeps outliers rare. Rows weigh alike.
    Where both are `QUIET` below the loudest that is wanted, a difference weighs `quiet`: pauses and
    what is masked would else cost as much as what is said.
    """
    made, wanted, heard = made.float(), wanted.float(), mask.unsqueeze(1)
    weights = heard
    if quiet != 1.0:
        threshold = wanted.detach().amax((1, 2), keepdim=True) - QUIET
        loud = torch.maximum(made.detach(), wanted) > threshold
        weights = heard * torch.where(loud, 1.0, quiet)
    difference = made - wanted
    sums = ((difference.abs() + difference.square()) * weights).sum((1, 2))
    return (sums / (mask.sum(1) * made.shape[1])).mean()
