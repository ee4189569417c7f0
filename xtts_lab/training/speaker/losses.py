"""Telling speakers apart. B rows, E embedding, S speakers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def margin_loss(
    embeddings: Tensor, centres: Tensor, speakers: Tensor, margin: float, scale: float
) -> Tensor:
    """Additive-angular-margin softmax (Deng et al. 2019, arXiv 1801.07698), in nats.

    Unit vectors [B, E] against the centres [S, E] of all speakers: a row must be nearer to its own
    centre than to any other, by an angle of `margin` radians.
    """
    cosines = functional.normalize(embeddings.float()) @ functional.normalize(centres.float()).t()
    own = cosines.gather(1, speakers.unsqueeze(1)).clamp(-1 + 1e-6, 1 - 1e-6)
    harder = (own.acos() + margin).clamp(max=torch.pi).cos()
    # Under autocast the products are in half precision, and the arc cosine is not.
    logits = cosines.scatter(1, speakers.unsqueeze(1), harder.to(cosines.dtype))
    return functional.cross_entropy(scale * logits, speakers)


def equal_error_rate(same: Tensor, different: Tensor) -> float:
    """Where as many pairs of one speaker are refused as pairs of two are accepted; 0 to 1.

    Cosines of pairs, in one dimension each.
    """
    thresholds = torch.cat([same, different]).sort().values
    refused = (same.unsqueeze(0) < thresholds.unsqueeze(1)).double().mean(1)
    accepted = (different.unsqueeze(0) >= thresholds.unsqueeze(1)).double().mean(1)
    nearest = (refused - accepted).abs().argmin()
    return float((refused[nearest] + accepted[nearest]) / 2)
