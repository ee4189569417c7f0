"""Many prompts through few rows: a row that has ended takes the next prompt.

B rows, D width, n codes. What a prompt becomes depends on the prompt alone (in fp32, where its
margins allow), not on its row, its company, or when it was admitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.generate import NOT_FINITE, Generation, Prompt

ADMIT_AT_ONCE = 32
"""Prompts that are read together; more at once would only hold up the rows that speak."""


def decode_all(
    engine: DecodingEngine, prompts: Sequence[Prompt], look_every: int = 16
) -> Iterator[tuple[int, Generation | UsageError]]:
    """Decode all prompts; yields (index, generation) as they end, in no order.

    The host looks every `look_every` codes: a row that ends in between waits for the look. A row
    whose values are not finite is a `UsageError`, and no other row's concern.
    """
    waiting = sorted(range(len(prompts)), key=lambda i: prompts[i].text.shape[0])
    at: dict[int, int] = {}  # row -> index of its prompt
    while waiting or at:
        free = [row for row in range(engine.state.rows) if row not in at]
        while free and waiting:
            count = min(ADMIT_AT_ONCE, len(free), len(waiting))
            rows, free = free[:count], free[count:]
            chosen, waiting = waiting[:count], waiting[count:]
            engine.admit(rows, [prompts[i] for i in chosen])
            at.update(zip(rows, chosen, strict=True))
        engine.advance(look_every)
        ended = [row for row in engine.ended() if row in at]
        made = zip(ended, engine.collect(ended), engine.finite(ended), strict=True)
        for row, generation, finite in made:
            yield at.pop(row), generation if finite else UsageError(NOT_FINITE)
