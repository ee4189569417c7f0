"""Batches made ahead of their use, in order: in threads, or in processes."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from xtts_lab.training.stage import Batch, Shard, Stage

AHEAD = 3
"""Batches a worker has in hand or ready."""

SHARED, ROOM = Path("/dev/shm"), 8e9
"""Where processes hand batches over, and the bytes that must be free there: a full one kills."""


@dataclass(frozen=True)
class Workers:
    """How many make batches, and whether they are `processes`.

    Threads hold the interpreter as they work, and the thread that launches kernels waits for it
    again and again, up to 5 ms each time: for a small model, longer than a step takes.
    """

    count: int
    processes: bool = False


def batches(
    stage: Stage, first: int, last: int, shard: Shard, workers: Workers, device: torch.device
) -> Iterator[Batch]:
    """Yield the training batches `first` to `last` (exclusive) on the device."""
    apart = workers.processes and _is_roomy()
    made = (_in_processes if apart else _in_threads)(
        stage, range(first, last), shard, workers.count, device.type == "cuda"
    )
    for batch in made:
        yield {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def _is_roomy() -> bool:
    return SHARED.is_dir() and shutil.disk_usage(SHARED).free >= ROOM


def _in_threads(
    stage: Stage, indices: range, shard: Shard, workers: int, pinned: bool
) -> Iterator[Batch]:
    def make(index: int) -> Batch:
        made = stage.batch("train", index, shard)
        return {name: tensor.pin_memory() for name, tensor in made.items()} if pinned else made

    waiting: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        following = iter(indices)
        for _ in indices:
            for index in following:
                waiting.append(pool.submit(make, index))
                if len(waiting) >= AHEAD * workers:
                    break
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Numbered(Dataset[Batch]):
    """Training batches by their number."""

    def __init__(self, stage: Stage, shard: Shard) -> None:
        self.stage, self.shard = stage, shard

    def __getitem__(self, index: int) -> Batch:
        return self.stage.batch("train", index, self.shard)


def _in_processes(
    stage: Stage, indices: range, shard: Shard, workers: int, pinned: bool
) -> Iterator[Batch]:
    """Forked, so that what the stage holds in memory is there; they touch no GPU."""
    loader: DataLoader[Any] = DataLoader(
        _Numbered(stage, shard),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        prefetch_factor=AHEAD,
        pin_memory=pinned,
        multiprocessing_context="fork",
    )
    yield from loader
