"""VALL-E's conditioner: the output goes on where a prompt's codes end.

Wang et al. 2023 (arXiv 2301.02111, section 4.2): the prompt's transcript stands before the target
text, and the prompt's codes begin the output sequence. Ours has one codebook, the DVAE's, where
VALL-E has eight. B batch, N codes.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor

from xtts_lab.conditioners.base import Conditioner, Intake
from xtts_lab.types import ModelSizes


class ValleConditioner(Conditioner):
    """VALL-E: the prompt's text before the target's, its codes at the beginning of the output.

    Codes [B, N] -> the same codes; it has no weights of its own, for the GPT's tables embed them.
    Needs the references' text. References are joined in their order and cut at `max_s`, their
    transcripts after as many characters as the audio that is left has of the whole.

    With `anew` the target's text and codes have the positions that they would have without a
    prompt, and the prompt's text and codes the last ones of the tables, so that a target's place in
    its text does not depend on how long the prompt took to say. VALL-E counts on (False).
    """

    prefix_kind: ClassVar[Literal["latents", "codes"]] = "codes"
    continues: ClassVar[bool] = True
    inference_settings: ClassVar[frozenset[str]] = frozenset({"max_s"})

    def __init__(self, _sizes: ModelSizes, /, *, max_s: float = 3.0, anew: bool = False) -> None:
        super().__init__()
        self._max_s = max_s
        self.anew = anew

    @property
    def intake(self) -> Intake:
        return Intake("codes", max_s=self._max_s)

    def forward(self, codes: Tensor) -> Tensor:
        return codes
