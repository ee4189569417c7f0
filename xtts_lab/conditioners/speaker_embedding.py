"""A speaker vector as the prefix, as multi-speaker TTS did before prompts (Jia et al. 2018,
arXiv 1806.04558). B batch, E embedding, S slots, D width."""

from __future__ import annotations

from torch import Tensor, nn

from xtts_lab.conditioners.base import Conditioner, Intake
from xtts_lab.types import ModelSizes


class SpeakerEmbeddingConditioner(Conditioner):
    """A vector of the model's speaker encoder, projected to `slots` positions of the prefix.

    Speaker vectors [B, E] -> prefix [B, `slots`, D]. The vector is the vocoder's: the mean over
    all references.
    """

    def __init__(self, sizes: ModelSizes, /, *, slots: int = 1) -> None:
        super().__init__()
        self.slots = slots
        self.projection = nn.Linear(sizes.embedding, slots * sizes.width)

    @property
    def intake(self) -> Intake:
        return Intake("speaker")

    def forward(self, embedding: Tensor) -> Tensor:
        projected: Tensor = self.projection(embedding)
        return projected.view(embedding.shape[0], self.slots, -1)
