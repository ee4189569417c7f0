"""Open loop: requests come when they come, whether or not the system is done with those before.

Their times are drawn beforehand (Poisson: gaps are exponential), from a seed. A request's clock
starts when it was due to come, not when the driver found time to hand it over: a system that holds
up the driver is not made to look better by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xtts_lab.notices import describe
from xtts_lab.types import Audio, Delivery, Request, Server

Clock = Callable[[], float]
"""Returns seconds."""
NAP_S = 2e-4
"""How long an idle driver sleeps at a time."""


def arrivals_s(rate: float, count: int, seed: int) -> list[float]:
    """Return when `count` requests come at `rate` a second on average, from 0 on, in s."""
    import numpy as np

    gaps = np.random.default_rng(seed).exponential(1.0 / rate, count)
    return [float(at) for at in gaps.cumsum() - gaps[0]]


@dataclass(eq=False)
class Served:
    """A request's pieces that can be played, and when each was there, in s after it came."""

    chunks: list[Audio] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    end: float | None = None
    error: str | None = None


def serve(
    server: Server,
    requests: Sequence[tuple[Request, object]],
    due: Sequence[float],
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Served]:
    """Hand requests with their voices to a server as they come; return what became of each.

    Returns when all have ended. What a server raises when a request is submitted is that request's
    error; what it raises when polled ends all that are under way.
    """
    served = [Served() for _ in requests]
    of_ticket: dict[int, int] = {}
    start, handed = clock(), 0
    while handed < len(requests) or not server.idle:
        while handed < len(requests) and clock() - start >= due[handed]:
            request, voice = requests[handed]
            try:
                of_ticket[server.submit(request, voice)] = handed
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                served[handed].error = describe(error)
            handed += 1
        if server.idle:
            if handed < len(requests):
                sleep(min(max(due[handed] - (clock() - start), 0.0), NAP_S))
            continue
        for piece in server.poll():
            index = of_ticket[piece.ticket]
            _note(served[index], piece, clock() - start - due[index])
    return served


def _note(one: Served, piece: Delivery, at: float) -> None:
    if piece.audio.samples.shape[-1]:
        one.chunks.append(piece.audio)
        one.arrivals.append(at)
    if piece.last:
        one.end, one.error = at, piece.error
