"""One code a step: how XTTS decodes. What the GPT draws is what the vocoder reads."""

from __future__ import annotations

from typing import ClassVar

from xtts_lab.decoders.base import Decoder
from xtts_lab.types import ModelSizes


class SingleDecoder(Decoder):
    """The GPT's codes, or its states, as they are: one level, nothing to add; it streams.

    Over a residual codec it is the arm of its first level alone.
    """

    streams: ClassVar[bool] = True

    def __init__(self, _sizes: ModelSizes, /) -> None:
        super().__init__()
        self.levels = 1
