"""Rows that decode side by side, as a server of streams needs them. D width, n codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import (
    Prompt,
    Step,
    check_finite,
    check_prompts,
    limit_of,
    steps,
)
from xtts_lab.inference.kept import Kept
from xtts_lab.nn.gpt import Gpt


class Rows(Protocol):
    """Several prompts at once, a code further each with every step.

    What a row says depends on its prompt alone, never on its company. `count` rows there are.
    """

    count: int

    def admit(self, row: int, prompt: Prompt) -> int:
        """Begin a prompt in a row that is free; return how many codes it may get at most.

        Raises `UsageError` for a prompt that cannot be said.
        """
        ...

    def advance(self, codes: int) -> None:
        """Draw so many further codes in every row, without waiting for them where possible."""
        ...

    def said(self, row: int, start: int, stop: int) -> Said:
        """What a row says from code `start` to `stop`, which were asked for: without waiting.

        Raises `UsageError` for a row that is known to have failed.
        """
        ...


@dataclass(frozen=True, eq=False)
class Said:
    """`states` [n, D] on the device; `codes()` waits for theirs, int64 on the CPU.

    Of a row that has ended, the codes are fewer, the last of them the stop token; states beyond
    them, where there are any, mean nothing. `known`: nothing has to be waited for.
    """

    states: Tensor
    codes: Callable[[], Tensor]
    known: bool


@dataclass(eq=False)
class _Spoken:
    source: Iterator[Step]
    codes: list[Tensor] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    error: UsageError | None = None

    def go_on(self) -> bool:
        """One code further; False where there is none, or the row has failed."""
        try:
            step = next(self.source, None)
            if step is None:
                return False
            check_finite(step.margins)
        except UsageError as error:  # this row's alone: raised for whom it concerns
            self.error = error
            return False
        self.codes.append(step.codes[0])
        self.states.append(step.states[0])
        return True


class PlainRows:
    """The plain decoding path, row by row: on any device, for any sampling."""

    def __init__(self, gpt: Gpt, count: int) -> None:
        self.gpt, self.count = gpt, count
        self._kept = Kept(gpt)
        self._rows: dict[int, _Spoken] = {}

    def admit(self, row: int, prompt: Prompt) -> int:
        check_prompts(self.gpt, [prompt])
        self._rows[row] = _Spoken(steps(self.gpt, [prompt], self._kept))
        return limit_of(self.gpt, prompt)

    def advance(self, codes: int) -> None:
        for spoken in self._rows.values():
            for _ in range(codes):
                if not spoken.go_on():
                    break

    def said(self, row: int, start: int, stop: int) -> Said:
        spoken = self._rows[row]
        if spoken.error is not None:
            raise spoken.error
        codes, states = spoken.codes[start:stop], spoken.states[start:stop]
        if not codes:
            nothing = torch.zeros(0, self.gpt.config.width, device=self.gpt.audio_head.bias.device)
            return Said(nothing, lambda: torch.zeros(0, dtype=torch.long), known=True)
        heard = torch.stack(codes).cpu()
        return Said(torch.stack(states), lambda: heard, known=True)
