"""Batches made ahead of their use, in worker threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from xtts_lab.training.stage import Batch, Shard, Stage

AHEAD = 3
"""Batches a worker thread has in hand or ready."""


def batches(
    stage: Stage, first: int, last: int, shard: Shard, workers: int, device: torch.device
) -> Iterator[Batch]:
    """Yield the training batches `first` to `last` (exclusive) on the device."""
    pinned = device.type == "cuda"

    def make(index: int) -> Batch:
        made = stage.batch("train", index, shard)
        return {name: tensor.pin_memory() for name, tensor in made.items()} if pinned else made

    waiting: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    try:
        following = first
        for _ in range(first, last):
            while following < last and len(waiting) < AHEAD * workers:
                waiting.append(pool.submit(make, following))
                following += 1
            yield to_device(waiting.popleft().result(), device)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move a batch, without waiting where it lies in pinned memory."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
