"""Connectionist temporal classification (Graves et al. 2006).

B batch, N steps, V symbols, L symbols of a target.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from xtts_lab.nn.ctc import BLANK


def ctc_loss(log_probabilities: Tensor, steps: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the rows of the negative log-likelihood of a target symbol, in nats a symbol.

    `log_probabilities` [B, N, V + 1] with the blank first, of which `steps` [B] count; `targets`
    [B, L] count symbols from 0, of which `lengths` [B] count. A row with more symbols than steps
    adds nothing.
    """
    return functional.ctc_loss(
        log_probabilities.float().transpose(0, 1),
        targets + 1,
        steps,
        lengths,
        BLANK,
        zero_infinity=True,
    )
