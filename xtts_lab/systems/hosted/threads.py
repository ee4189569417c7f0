"""Several streams of a hosted system at once, a thread each: what it does with load is its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xtts_lab.notices import describe
from xtts_lab.types import Audio, Delivery, Request

Stream = Callable[[Request, Any], Iterator[Audio]]


class ThreadedServer:
    """Serves at most `streams` at a time, the others wait in line."""

    def __init__(self, stream: Stream, sample_rate: int, streams: int) -> None:
        self._stream, self._sample_rate = stream, sample_rate
        self._free = threading.Semaphore(max(1, streams))
        self._said: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._count = self._open = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is left to say."""
        return self._open == 0

    def submit(self, request: Request, voice: Any) -> int:
        """Take a request with a voice that is ready; return its ticket."""
        ticket = self._count
        self._count += 1
        self._open += 1
        threading.Thread(target=self._serve, args=(ticket, request, voice), daemon=True).start()
        return ticket

    def poll(self) -> Sequence[Delivery]:
        """Return what has come; wait a moment where nothing has."""
        found: list[Delivery] = []
        try:
            found.append(self._said.get(timeout=1e-3))
            while True:
                found.append(self._said.get_nowait())
        except queue.Empty:
            pass
        self._open -= sum(delivery.last for delivery in found)
        return found

    def _serve(self, ticket: int, request: Request, voice: Any) -> None:
        import torch

        nothing = Audio(torch.zeros(0), self._sample_rate)
        error = None
        with self._free:
            try:
                for chunk in self._stream(request, voice):
                    self._said.put(Delivery(ticket, chunk, False))
            except BaseException as raised:  # it ends this request, and not the thread's neighbours
                error = describe(raised)
        self._said.put(Delivery(ticket, nothing, True, error))
