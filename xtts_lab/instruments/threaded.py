"""Several clips at once in one process, where a judge computes on one core or waits for a GPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from xtts_lab.threads import THREADS

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(
    function: Callable[[Given], Made], items: Iterable[Given], *, ahead: int = THREADS
) -> Iterator[Made]:
    """Yield what a function makes of each item, in their order, by `THREADS` threads.

    So many are made `ahead` of what is asked for. The first one is made alone, with what it
    imports and loads. What is raised for an item is raised in its turn, and no other is begun.
    """
    rest = iter(items)
    yield from map(function, islice(rest, 1))
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for item in rest:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
