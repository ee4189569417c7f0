"""A vocoder against its discriminators, whatever it reads. B batch, T samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from xtts_lab import files
from xtts_lab.checkpoint.reading import read_safetensors
from xtts_lab.errors import UsageError
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
        self,
        made: Tensor,
        wanted: Tensor,
        share: Tensor,
        update: Update,
        more: Tensor | float = 0.0,
    ) -> Mapping[str, Tensor]:
        """A step of the generator without its opponents; `more` is added to its loss."""
        mel = self.distance(made, wanted)
        update("generator", (self._mel * mel + more) * share)
        nothing = torch.zeros_like(mel)
        return {"mel": mel, "generator": nothing, "feature": nothing, "discriminator": nothing}

    def play(
        self,
        made: Tensor,
        wanted: Tensor,
        share: Tensor,
        update: Update,
        more: Tensor | float = 0.0,
    ) -> Mapping[str, Tensor]:
        """First the discriminators' turn, then the generator's.

        What the discriminators make of real speech is not asked for again after their own small
        step: it would cost a third of their time.
        """
        both = self.discriminators(torch.cat([wanted, made.detach()]))
        scores = [one.scores.chunk(2) for one in both]
        judged = discriminator_loss([real for real, _ in scores], [fake for _, fake in scores])
        update("discriminator", judged * share)
        real = [[layer.detach().chunk(2)[0] for layer in one.features] for one in both]
        self.discriminators.requires_grad_(False)
        fake = self.discriminators(made)
        mel = self.distance(made, wanted)
        fooled = generator_loss([one.scores for one in fake])
        alike = feature_loss(real, [one.features for one in fake])
        total = self._mel * mel + self._adversarial * fooled + self._feature * alike
        update("generator", (total + more) * share)
        self.discriminators.requires_grad_(True)
        return {"mel": mel, "generator": fooled, "feature": alike, "discriminator": judged}

    def save(self, path: Path) -> None:
        """Write the discriminators, for a run that begins with them."""
        from safetensors.torch import save_file

        state = self.discriminators.state_dict()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
        files.write_with(path, lambda partial: save_file(tensors, partial))

    def load(self, path: Path) -> None:
        """Read the discriminators that `save` wrote; `UsageError` for others."""
        if not path.is_file():
            raise UsageError(f"stage.begin: {path.parent.name} holds no {path.name}")
        try:
            self.discriminators.load_state_dict(read_safetensors(path))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise UsageError(f"stage.begin: {path.name} fits no such game: {reason}") from error


def sides(
    vocoder: nn.Module, game: Game, lr: float, discriminator_lr: float
) -> dict[str, OptimiserGroup]:
    """Both sides' optimisers: `generator`, whose average is kept, and `discriminator`."""
    betas = (0.8, 0.99)
    generator, judges = list(vocoder.parameters()), list(game.discriminators.parameters())
    return {
        "generator": OptimiserGroup(parameters=generator, lr=lr, betas=betas, clip=10.0),
        "discriminator": OptimiserGroup(
            parameters=judges, lr=discriminator_lr, betas=betas, clip=10.0, averaged=False
        ),
    }
