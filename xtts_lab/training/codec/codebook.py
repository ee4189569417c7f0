"""How a learned codebook moves: by running means, from data, with unused entries restarted.

Van den Oord et al. 2017 (arXiv 1711.00937, appendix A.1); restarts as in Jukebox (Dhariwal et al.
2020, arXiv 2005.00341). K codes, D width, V vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xtts_lab.nn.dvae import Quantiser

SMOOTHING = 1e-5


class CodebookAverages(nn.Module):
    """Running counts [K] and sums [K, D] of the vectors that chose each entry.

    `dead`: an entry whose running count of a batch falls below it begins again at a vector of the
    batch.
    """

    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(self, codes: int, width: int, decay: float, dead: float) -> None:
        super().__init__()
        self.decay, self.dead = decay, dead
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, width))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def update(self, quantiser: Quantiser, vectors: Tensor, random: torch.Generator) -> None:
        """Move the codebook after a batch of vectors [V, D]; the first batch places it.

        `random` is on the CPU and decides which vectors serve where an entry (re)starts.
        """
        vectors = vectors.float()
        if not bool(self.started):
            quantiser.codebook.copy_(self._drawn(vectors, random))
            self.sums.copy_(quantiser.codebook)
            self.counts.fill_(1.0)
            self.started.fill_(True)
        codes = quantiser(vectors.t().unsqueeze(0))[0]
        batch_counts = torch.zeros_like(self.counts).index_add_(
            0, codes, torch.ones_like(codes).float()
        )
        batch_sums = torch.zeros_like(self.sums).index_add_(0, codes, vectors)
        self.counts.lerp_(batch_counts, 1.0 - self.decay)
        self.sums.lerp_(batch_sums, 1.0 - self.decay)
        self._restart(self._drawn(vectors, random))
        quantiser.codebook.copy_(self.sums / (self.counts + SMOOTHING).unsqueeze(1))

    def _drawn(self, vectors: Tensor, random: torch.Generator) -> Tensor:
        """One of the vectors for each entry: [K, D]."""
        at = torch.randint(vectors.shape[0], self.counts.shape, generator=random)
        return vectors[at.to(vectors.device)]

    def _restart(self, fresh: Tensor) -> None:
        dead = self.counts < self.dead
        self.sums.copy_(torch.where(dead.unsqueeze(1), fresh, self.sums))
        self.counts.copy_(torch.where(dead, torch.ones_like(self.counts), self.counts))


def usage(counts: Tensor) -> dict[str, float]:
    """Of how often each code [K] was chosen: the `used` share of codes, and the `perplexity`."""
    shares = counts.double() / counts.sum().clamp(min=1)
    entropy = -(shares * shares.clamp(min=1e-12).log()).sum()
    used = (counts > 0).double().mean()
    return {"used": float(used), "perplexity": float(entropy.exp())}
