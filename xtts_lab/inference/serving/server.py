"""Many listeners at once: requests come when they come, pieces leave as they are ready.

E embedding, T samples.

One thread, no waiting but for the device: whoever drives a server submits and polls in turn. A poll
makes the pieces that are due (first pieces first), lets waiting requests into free rows, starts the
next codes of all rows, and only then waits for the pieces, so that decoding goes on meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.serving.rows import Rows
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.voicing import Leaving, StreamVocoder
from xtts_lab.vocoders.streaming import VocoderStream

QUANTUM = 2
"""Codes that are started at a time where a request may come at any moment."""


@dataclass(frozen=True, eq=False)
class Piece:
    """What a request has got: `samples` float32 [T] on the CPU; nothing follows the `last`.

    `error`: why the request ended before its end.
    """

    ticket: int
    samples: Tensor
    last: bool
    error: str | None = None


@dataclass(eq=False)
class _Waiting:
    ticket: int
    prompts: deque[Prompt]
    embedding: Tensor
    speed: float


@dataclass(eq=False)
class _Speaking:
    """A row at work: of the prompt's codes `asked` are due next, and `told` have been heard."""

    request: _Waiting
    sizes: Iterator[int]
    stream: VocoderStream
    limit: int
    told: int = 0
    asked: int = 0
    taken: int = 0

    def ask(self) -> None:
        self.asked = min(self.told + next(self.sizes), self.limit)


@dataclass(eq=False)
class StreamServer:
    """Serves as many streams at a time as there are `rows`; others wait in line.

    Each request's pieces joined are what the plain path says, whatever the company. `quantum` is
    how many codes are started at a time; without one, as many as the next piece needs.
    """

    rows: Rows
    vocoder: StreamVocoder
    schedule: Schedule = field(default_factory=Schedule)
    quantum: int | None = QUANTUM
    _line: deque[_Waiting] = field(default_factory=deque)
    _at_work: dict[int, _Speaking] = field(default_factory=dict)
    _count: int = 0

    def submit(self, prompts: Sequence[Prompt], embedding: Tensor, speed: float = 1.0) -> int:
        """Take a request: prompts to say one after the other by a speaker [E]. Its ticket."""
        vector = embedding.to(self.vocoder.model.device, non_blocking=True)
        self._line.append(_Waiting(self._count, deque(prompts), vector, speed))
        self._count += 1
        return self._count - 1

    @property
    def idle(self) -> bool:
        """Whether nothing is left to say."""
        return not self._line and not self._at_work

    @property
    def load(self) -> tuple[int, int]:
        """How many requests speak, and how many wait."""
        return len(self._at_work), len(self._line)

    @torch.inference_mode()
    def poll(self) -> list[Piece]:
        """Do the next bit of work; return the pieces that it brought."""
        due = [row for row, one in self._at_work.items() if one.taken >= one.asked]
        due.sort(key=lambda row: self._at_work[row].told > 0)
        leaving = [self._say(row) for row in due]
        pieces = self._admit()
        self._advance()
        pieces += [arrive() for arrive in leaving]
        self._drop({piece.ticket for piece in pieces if piece.error is not None})
        return pieces

    def stream(self, prompt: Prompt, embedding: Tensor, speed: float = 1.0) -> Iterator[Tensor]:
        """Say one prompt on a server that has nothing else to do: float32 [T] each, on the CPU.

        A stream that is left before its end is not said any further.
        """
        if not self.idle:
            raise UsageError("stream: the server is at work; submit and poll")
        self.submit([prompt], embedding, speed)
        try:
            while self._line or self._at_work:
                for piece in self.poll():
                    if piece.error is not None:
                        raise UsageError(piece.error)
                    if piece.samples.shape[0]:
                        yield piece.samples
        finally:
            self._line.clear()
            self._at_work.clear()

    def _say(self, row: int) -> Callable[[], Piece]:
        """Send the piece that is due of a row on its way; call what is returned to wait for it."""
        one = self._at_work[row]
        ticket = one.request.ticket
        try:
            codes, states = self.rows.said(row, one.told, one.asked)
        except UsageError as error:
            del self._at_work[row]
            return partial(_failed, ticket, error)
        stop = self.vocoder.model.gpt.config.stop_audio
        ended = one.asked >= one.limit or bool(codes.numel() and int(codes[-1]) == stop)
        made = self.vocoder.push(one.stream, codes, states, one.request.embedding, last=ended)
        one.told = one.asked
        if not ended:
            one.ask()
            return partial(_arrived, ticket, made, last=False)
        del self._at_work[row]
        if one.request.prompts:
            self._line.appendleft(one.request)
        return partial(_arrived, ticket, made, last=not one.request.prompts)

    def _admit(self) -> list[Piece]:
        """Let waiting requests into free rows; those that cannot be said have failed."""
        failed: list[Piece] = []
        free = [row for row in range(self.rows.count) if row not in self._at_work]
        while self._line and free:
            request = self._line.popleft()
            try:
                self._begin(free[0], request)
            except UsageError as error:
                failed.append(_failed(request.ticket, error))
            else:
                free.pop(0)
        return failed

    def _begin(self, row: int, request: _Waiting) -> None:
        prompt = request.prompts.popleft()
        stream = self.vocoder.begin(request.speed, prompt.sampling.coqui_compat)
        limit = self.rows.admit(row, prompt)
        one = _Speaking(request, self.schedule.sizes(), stream, limit)
        one.ask()
        self._at_work[row] = one

    def _drop(self, failed: set[int]) -> None:
        at_work = self._at_work.items()
        self._at_work = {row: one for row, one in at_work if one.request.ticket not in failed}

    def _advance(self) -> None:
        lacking = [one.asked - one.taken for one in self._at_work.values()]
        codes = min((n for n in lacking if n > 0), default=0)
        if self.quantum is not None:
            codes = min(codes, self.quantum)
        if codes:
            self.rows.advance(codes)
            for one in self._at_work.values():
                one.taken += codes


def _arrived(ticket: int, made: Leaving, *, last: bool) -> Piece:
    try:
        return Piece(ticket, made.arrived(), last)
    except UsageError as error:  # samples that are not finite
        return _failed(ticket, error)


def _failed(ticket: int, error: UsageError) -> Piece:
    return Piece(ticket, torch.zeros(0), True, str(error))
