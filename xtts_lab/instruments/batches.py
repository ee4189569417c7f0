"""Clips judged together: read one by one, through the network in batches, answered in order.

On a GPU a network of a few million weights takes as long for one clip as for fifty. On a CPU
nothing is gained, and sums of rows that share a product may end in other last digits: there every
clip is judged alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

from xtts_lab.audio import AudioError
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments.threaded import in_order
from xtts_lab.types import Clip, Failure, Json

Read = TypeVar("Read")
Output = dict[str, Json] | Failure

ON_GPU = 64
"""Clips that are judged together on a GPU unless `batch_size` says otherwise."""


def checked_size(judge: str, batch_size: int | None) -> int | None:
    """Return a `batch_size` setting; `UsageError` where it is no number of clips."""
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"{judge}: batch_size is {batch_size}; use 1 or more, or null")
    return batch_size


def size_for(batch_size: int | None, device: str, on_cpu: int = 1, on_gpu: int = ON_GPU) -> int:
    """Return how many clips to judge together: what was asked for, else what the device likes."""
    if batch_size is not None:
        return batch_size
    return on_cpu if resolve_device(device) == "cpu" else on_gpu


def in_batches(
    clips: Sequence[Clip],
    size: int,
    read: Callable[[Clip], Read | Failure],
    judge: Callable[[Sequence[Read]], Sequence[Output]],
) -> Iterator[Output]:
    """Yield one output a clip, in order; one that cannot be read is a `Failure`.

    `judge` gives one output for each of what was `read`. Where it cannot take them all, for want
    of memory, it is given halves, so that a clip fails at most itself. While it judges, the clips
    of the next batch are read, unless each is judged alone.
    """
    reading = partial(_read, read=read)
    found = in_order(reading, clips, ahead=size) if size > 1 else map(reading, clips)
    while batch := list(islice(found, size)):
        judged = iter(_judge([one for one in batch if not isinstance(one, Failure)], judge))
        yield from [one if isinstance(one, Failure) else next(judged) for one in batch]


def _read(clip: Clip, read: Callable[[Clip], Read | Failure]) -> Read | Failure:
    try:
        return read(clip)
    except AudioError as error:
        return Failure(str(error))


def _judge(
    heard: Sequence[Read], judge: Callable[[Sequence[Read]], Sequence[Output]]
) -> Sequence[Output]:
    if not heard:
        return []
    try:
        return judge(heard)
    except RuntimeError:  # torch's, out of memory among them
        if len(heard) == 1:
            raise
    middle = len(heard) // 2
    return [*_judge(heard[:middle], judge), *_judge(heard[middle:], judge)]
