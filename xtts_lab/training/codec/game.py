"""A vocoder against its discriminators, whatever it reads. B batch, T samples."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from xtts_lab.training.discriminators import Discriminators
from xtts_lab.training.losses.adversarial import discriminator_loss, feature_loss, generator_loss
from xtts_lab.training.losses.spectral import MultiScaleMel
from xtts_lab.training.stage import OptimiserGroup, Update

EDGE = 2048
"""Samples at either end of a crop that do not count: the mel there hears what was cut off."""


class Game:
    """The losses of both sides, and whose turn it is.

    `mel`, `adversarial` and `feature` weigh the generator's losses.
    """

    def __init__(
        self,
        sample_rate: int,
        mel: float,
        adversarial: float,
        feature: float,
        channels: int,
        periods: tuple[int, ...],
    ) -> None:
        self.discriminators = Discriminators(channels, periods=periods)
        self._mel, self._adversarial, self._feature = mel, adversarial, feature
        self._distance = MultiScaleMel(sample_rate)

    def inner(self, made: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Both waveforms [B, T] cut to their common length, edges left out."""
        length = min(made.shape[-1], wanted.shape[-1])
        edge = min(EDGE, length // 4)
        return made[:, edge : length - edge], wanted[:, edge : length - edge]

    def distance(self, made: Tensor, wanted: Tensor) -> Tensor:
        """The multi-scale mel distance, in nats."""
        distance: Tensor = self._distance.to(made.device)(made, wanted)
        return distance

    def mel_only(
        self, made: Tensor, wanted: Tensor, share: Tensor, update: Update
    ) -> Mapping[str, Tensor]:
        """A step of the generator without its opponents."""
        mel = self.distance(made, wanted)
        update("generator", self._mel * mel * share)
        nothing = torch.zeros_like(mel)
        return {"mel": mel, "generator": nothing, "feature": nothing, "discriminator": nothing}

    def play(
        self, made: Tensor, wanted: Tensor, share: Tensor, update: Update
    ) -> Mapping[str, Tensor]:
        """First the discriminators' turn, then the generator's."""
        real, fake = self.discriminators(wanted), self.discriminators(made.detach())
        judged = discriminator_loss([one.scores for one in real], [one.scores for one in fake])
        update("discriminator", judged * share)
        with torch.no_grad():
            real = self.discriminators(wanted)
        fake = self.discriminators(made)
        mel = self.distance(made, wanted)
        fooled = generator_loss([one.scores for one in fake])
        alike = feature_loss([one.features for one in real], [one.features for one in fake])
        total = self._mel * mel + self._adversarial * fooled + self._feature * alike
        update("generator", total * share)
        return {"mel": mel, "generator": fooled, "feature": alike, "discriminator": judged}


def sides(
    vocoder: nn.Module, game: Game, lr: float, discriminator_lr: float
) -> dict[str, OptimiserGroup]:
    """Both sides' optimisers: `generator`, whose average is kept, and `discriminator`."""
    betas = (0.8, 0.99)
    generator, judges = list(vocoder.parameters()), list(game.discriminators.parameters())
    return {
        "generator": OptimiserGroup(generator, lr, betas, clip=10.0),
        "discriminator": OptimiserGroup(judges, discriminator_lr, betas, clip=10.0, averaged=False),
    }
