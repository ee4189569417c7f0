"""What stays between the prompts of one GPT on the plain path."""

from __future__ import annotations

from xtts_lab.inference import large_pages
from xtts_lab.inference.ahead.foresight import Foresight, can_look_ahead, lay_rows
from xtts_lab.inference.prefixes import Prefixes
from xtts_lab.nn.gpt import Gpt


class Kept:
    """Voices' prefixes as a GPT reads them whose weights stay what they are; see `prefixes`.

    At the first prompt its weights move to where they are read fastest. `once`: few codes are asked
    for, too few to make up for a copy that looks ahead.
    """

    def __init__(self, gpt: Gpt, once: bool = False) -> None:
        self._gpt, self._once, self._settled, self._looks = gpt, once, False, False
        self._foresight: Foresight | None = None
        self.prefixes = Prefixes(gpt)

    def foresight(self, rows: int) -> Foresight | None:
        """What looks ahead for a single row, where that pays; it is made at the first one."""
        if not self._settled:
            self._settled, self._looks = True, not self._once and can_look_ahead(self._gpt)
            if not large_pages.move(self._gpt, by_rows=self._looks) and self._looks:
                lay_rows(self._gpt)
        if rows > 1 or not self._looks:
            return None
        if self._foresight is None:
            self._foresight = Foresight(self._gpt)
        return self._foresight
