"""Where a DVAE begins: with scales that fit its corpus, so that no part of it is idle at first."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xtts_lab.nn.dvae import Dvae
from xtts_lab.training.speech.bank import Bank, waveform
from xtts_lab.training.speech.ears import Ears, MelStats

SECONDS = 60.0


@torch.no_grad()
def begin(dvae: Dvae, bank: Bank, ears: Ears) -> None:
    """Set a new DVAE's `mel_stats`, and scale and centre what goes in and comes out.

    A log mel lies far below zero everywhere: without centring most of the first layer's units are
    dead, and the numbers to be quantised lie at one end of their range.
    """
    stats = MelStats.of(bank, ears)
    dvae.mel.mel_stats.copy_(stats.scale)
    _centre(dvae, stats.mean / stats.scale)
    mel = ears(waveform(bank.utterances(0, 0, 0, SECONDS))) / stats.scale.unsqueeze(-1)
    vectors = dvae.encoder(mel)
    _standardise(dvae.encoder.output, vectors.mean((0, 2)), vectors.std((0, 2)))


def _centre(dvae: Dvae, mean: Tensor) -> None:
    """Take the mean of the mel [M] off what goes in, and put it back on what comes out."""
    if dvae.encoder.centre is not None and dvae.decoder.centre is not None:
        dvae.encoder.centre.copy_(mean.unsqueeze(-1))
        dvae.decoder.centre.copy_(mean.unsqueeze(-1))
        return
    first = dvae.encoder.downsample[0]
    assert isinstance(first, nn.Conv1d)
    assert first.bias is not None
    assert dvae.decoder.output.bias is not None
    first.bias.sub_(first.weight.sum(2) @ mean)
    dvae.decoder.output.bias.copy_(mean)


def _standardise(layer: nn.Conv1d, mean: Tensor, spread: Tensor) -> None:
    """Have each channel of a layer's output vary by 1 about 0."""
    assert layer.bias is not None
    layer.bias.sub_(mean).div_(spread + 1e-3)
    layer.weight.div_((spread + 1e-3)[:, None, None])
