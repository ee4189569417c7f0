"""Many listeners at once: requests come when they come, pieces leave as they are ready.

E embedding, T samples.

One thread, no waiting but for the device: whoever drives a server submits and polls in turn. A poll
sends the pieces that are due on their way (first pieces alone), lets waiting requests into free
rows, starts the next codes of all rows, and only then waits for the pieces, so that decoding goes
on meanwhile.
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
from xtts_lab.inference.serving.rows import Rows, Said
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.voicing import Leaving, StreamVocoder
from xtts_lab.vocoders.streaming import Mark, VocoderStream

_NO_CODES = torch.zeros(0, dtype=torch.long)

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


@dataclass(frozen=True, eq=False)
class _Guess:
    """A piece `made` of what was `said` as if nothing had ended; `mark`: the stream before it."""

    one: _Speaking
    said: Said
    mark: Mark
    made: Leaving
    last: bool
    over: bool


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
        leaving = [self._say(row) for row in self._due()]
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

    def _due(self) -> list[int]:
        """Rows whose piece is made now: all first pieces there are, else one, the least ahead."""
        due = [row for row, one in self._at_work.items() if one.taken >= one.asked]
        first = [row for row in due if self._at_work[row].told == 0]
        return first or sorted(due, key=lambda row: self._at_work[row].told)[:1]

    def _say(self, row: int) -> Callable[[], Piece]:
        """Send the piece that is due of a row on its way; call what is returned to wait for it.

        Whether the row has ended is not waited for where the vocoder need not know: the piece is
        made as if it had not, and made again if it had.
        """
        one = self._at_work[row]
        try:
            said = self.rows.said(row, one.told, one.asked)
        except UsageError as error:
            del self._at_work[row]
            return partial(_failed, one.request.ticket, error)
        last = one.asked >= one.limit
        if said.known or self.vocoder.reads != "states":
            codes = said.codes()
            last = last or self._stops(codes)
            made = self._push(one, codes, said.states[: codes.shape[0]], last=last)
            return partial(_arrived, one.request.ticket, made, self._go_on(row, one, last=last))
        mark = one.stream.mark()
        made = self._push(one, _NO_CODES, said.states, last=last)
        over = self._go_on(row, one, last=last)
        return partial(self._settled, row, _Guess(one, said, mark, made, last, over))

    def _settled(self, row: int, guess: _Guess) -> Piece:
        """The piece that was made before it was known whether its row had ended."""
        one, made, over = guess.one, guess.made, guess.over
        codes = guess.said.codes()
        if self._stops(codes):
            one.stream.go_back(guess.mark)
            made = self._push(one, codes, guess.said.states[: codes.shape[0]], last=True)
            over = over if guess.last else self._go_on(row, one, last=True)
        return _arrived(one.request.ticket, made, over)

    def _push(self, one: _Speaking, codes: Tensor, states: Tensor, *, last: bool) -> Leaving:
        return self.vocoder.push(one.stream, codes, states, one.request.embedding, last=last)

    def _stops(self, codes: Tensor) -> bool:
        stop = self.vocoder.model.gpt.config.stop_audio
        return bool(codes.numel() and int(codes[-1]) == stop)

    def _go_on(self, row: int, one: _Speaking, *, last: bool) -> bool:
        """Ask for a row's next piece; or free it, its request's next prompt first in line.

        Returns whether its request is over.
        """
        if not last:
            one.told = one.asked
            one.ask()
            return False
        if self._at_work.get(row) is one:
            del self._at_work[row]
        if one.request.prompts:
            self._line.appendleft(one.request)
        return not one.request.prompts

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
        limit = self.rows.admit(row, prompt)
        stream = self.vocoder.begin(request.speed, prompt.sampling.coqui_compat)
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


def _arrived(ticket: int, made: Leaving, over: bool) -> Piece:
    try:
        return Piece(ticket, made.arrived(), over)
    except UsageError as error:  # samples that are not finite
        return _failed(ticket, error)


def _failed(ticket: int, error: UsageError) -> Piece:
    return Piece(ticket, torch.zeros(0), True, str(error))
