"""How often and how stubbornly a service is asked."""

from __future__ import annotations

import email.utils
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Clock = Callable[[], float]
"""Returns seconds."""
Sleep = Callable[[float], None]


class Pace:
    """Lets requests through at most `per_minute` times a minute, evenly; 0 is no limit."""

    def __init__(
        self, per_minute: float, clock: Clock = time.monotonic, sleep: Sleep = time.sleep
    ) -> None:
        self._gap = 60.0 / per_minute if per_minute > 0 else 0.0
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next request may be sent."""
        if self._gap == 0.0:
            return
        with self._lock:
            now = self._clock()
            due = max(now, self._next)
            self._next = due + self._gap
        if due > now:
            self._sleep(due - now)


@dataclass(frozen=True)
class Patience:
    """Tries again `retries` times, after `back_off_s` at first and twice as long each time.

    A service that says how long to wait is believed, up to `longest_wait_s`.
    """

    retries: int
    back_off_s: float
    longest_wait_s: float

    def wait_s(self, attempt: int, seed: int, headers: Mapping[str, str]) -> float | None:
        """Return seconds before the next try; None where there shall be none.

        `attempt` counts from 0. Up to a quarter is added by the seed, so that many do not come
        back at once.
        """
        if attempt >= self.retries:
            return None
        asked = asked_wait_s(headers)
        if asked is not None:
            return asked if asked <= self.longest_wait_s else None
        drawn = hashlib.sha256(f"{seed} {attempt}".encode()).digest()[0] / 255.0
        wait: float = self.back_off_s * 2.0**attempt * (1.0 + 0.25 * drawn)
        return min(wait, self.longest_wait_s)


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a service asks to wait (`Retry-After`, or in ms), or None.

    What is no number and no date counts as nothing asked.
    """
    known = {name.lower(): value.strip() for name, value in headers.items()}
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            found = float(known.get(name, "")) * scale
        except ValueError:
            continue
        if 0.0 <= found < float("inf"):
            return found
    try:
        date = email.utils.parsedate_to_datetime(known.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())
