"""The game of generator and discriminators, as Vocos plays it (arXiv 2306.00814, section 3.3).

Hinge losses on scores of any shape, one tensor a discriminator, and the distance of what the
discriminators' layers make of real and made sound (feature matching; Kumar et al. 2019, MelGAN).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def discriminator_loss(real: Sequence[Tensor], made: Sequence[Tensor]) -> Tensor:
    """Mean over discriminators of relu(1 - real) + relu(1 + made); 0 where both are told apart."""
    losses = [
        functional.relu(1.0 - one.float()).mean() + functional.relu(1.0 + other.float()).mean()
        for one, other in zip(real, made, strict=True)
    ]
    return torch.stack(losses).mean()


def generator_loss(made: Sequence[Tensor]) -> Tensor:
    """Mean over discriminators of relu(1 - made)."""
    return torch.stack([functional.relu(1.0 - one.float()).mean() for one in made]).mean()


def feature_loss(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of the layers' outputs, over layers and discriminators."""
    losses = [
        functional.l1_loss(one.float(), other.detach().float())
        for layers in zip(made, real, strict=True)
        for one, other in zip(*layers, strict=True)
    ]
    return torch.stack(losses).mean()
