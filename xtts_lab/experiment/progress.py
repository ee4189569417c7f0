"""Progress of what lasts: a bar on a terminal, plain lines elsewhere. All on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from xtts_lab.notices import say

T = TypeVar("T")


def track(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """Yield `items` while showing how many of `total` are done."""
    if total == 0:
        yield from items
    elif sys.stderr.isatty():
        yield from _bar(items, label, total)
    else:
        yield from _lines(items, label, total)


def _bar(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total)
        for item in items:
            yield item
            progress.advance(task)


def _lines(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    say(f"{label}: 0/{total}")
    shown = 0
    for done, item in enumerate(items, 1):
        yield item
        tenths = done * 10 // total
        if tenths > shown:
            shown = tenths
            say(f"{label}: {done}/{total}")
