"""Rows that decode side by side, as a server of streams needs them. D width, n codes."""

from __future__ import annotations

from collections.abc import Iterator
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

    def said(self, row: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The codes `start` to `stop` of a row, int64 [n] on the CPU, and their states [n, D].

        Waits for the codes; fewer where the row has ended, whose last code is then the stop token.
        Raises `UsageError` for a row that has failed.
        """
        ...


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
        self._rows: dict[int, _Spoken] = {}

    def admit(self, row: int, prompt: Prompt) -> int:
        check_prompts(self.gpt, [prompt])
        self._rows[row] = _Spoken(steps(self.gpt, [prompt]))
        return limit_of(self.gpt, prompt)

    def advance(self, codes: int) -> None:
        for spoken in self._rows.values():
            for _ in range(codes):
                if not spoken.go_on():
                    break

    def said(self, row: int, start: int, stop: int) -> tuple[Tensor, Tensor]:
        spoken = self._rows[row]
        if spoken.error is not None:
            raise spoken.error
        codes, states = spoken.codes[start:stop], spoken.states[start:stop]
        if not codes:
            return torch.zeros(0, dtype=torch.long), torch.zeros(0, self.gpt.config.width)
        return torch.stack(codes).cpu(), torch.stack(states)
