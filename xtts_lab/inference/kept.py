"""What stays between the prompts of one GPT on the plain path."""

from __future__ import annotations

from xtts_lab.inference import large_pages
from xtts_lab.inference.prefixes import Prefixes
from xtts_lab.nn.gpt import Gpt


class Kept:
    """Voices' prefixes as a GPT reads them whose weights stay what they are; see `prefixes`.

    `settle`: its weights move to where they are read fastest, once, at the first prompt.
    """

    def __init__(self, gpt: Gpt) -> None:
        self._gpt, self._settled = gpt, False
        self.prefixes = Prefixes(gpt)

    def settle(self) -> None:
        if not self._settled:
            self._settled = True
            large_pages.move(self._gpt)
