"""A server for systems that speak one stream at a time: the others wait in line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from xtts_lab.notices import describe
from xtts_lab.types import Audio, Delivery, Request, Server, StreamingSystem


class OneByOne:
    """Serves requests in the order in which they came; a poll brings one chunk."""

    def __init__(self, system: StreamingSystem) -> None:
        self._system = system
        self._line: deque[tuple[int, Request, Any]] = deque()
        self._current: tuple[int, Iterator[Audio]] | None = None
        self._count = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is left to say."""
        return self._current is None and not self._line

    def submit(self, request: Request, voice: Any) -> int:
        """Take a request with a voice that is ready; return its ticket."""
        self._line.append((self._count, request, voice))
        self._count += 1
        return self._count - 1

    def poll(self) -> Sequence[Delivery]:
        """Return the next chunk of whoever speaks; what the system raises ends that request."""
        if self._current is None:
            if not self._line:
                return []
            ticket, request, voice = self._line.popleft()
            self._current = ticket, iter(self._system.stream(request, voice))
        ticket, chunks = self._current
        try:
            chunk = next(chunks, None)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._current = None
            return [Delivery(ticket, self._nothing(), True, describe(error))]
        if chunk is None:
            self._current = None
            return [Delivery(ticket, self._nothing(), True)]
        samples = chunk.samples.detach().to("cpu")
        return [Delivery(ticket, Audio(samples, chunk.sample_rate), False)]

    def _nothing(self) -> Audio:
        import torch

        return Audio(torch.zeros(0), self._system.sample_rate)


def server_of(system: StreamingSystem, streams: int) -> Server:
    """Return what serves a system's streams: its own server where it has one (`serve`)."""
    serve = getattr(system, "serve", None)
    if serve is None:
        return OneByOne(system)
    server: Server = serve(streams)
    return server
