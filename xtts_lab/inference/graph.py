"""CUDA graphs with an off switch."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

WARM_UPS = 3


class Graphed:
    """A function of no arguments that works on fixed buffers: captured once, then replayed.

    `XTTS_LAB_NO_CUDA_GRAPH=1`, or a device that has no graphs, calls the function itself. Warm-ups
    run it first, so the caller resets what it changed.
    """

    def __init__(self, function: Callable[[], None], device: torch.device) -> None:
        self._function = function
        off = os.environ.get("XTTS_LAB_NO_CUDA_GRAPH", "") not in ("", "0")
        self._graph = None if off or device.type != "cuda" else self._capture(device)

    def _capture(self, device: torch.device) -> torch.cuda.CUDAGraph:
        side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                self._function()
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # Only this thread's calls count: others may be at work on the device meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._function()
        return graph

    def __call__(self) -> None:
        if self._graph is None:
            self._function()
        else:
            self._graph.replay()


class Beside:
    """A device's second stream: what is done there does not hold up what the first goes on with.

    Without a GPU all is done in order.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._open = False

    def fork(self) -> None:
        """What follows there begins once the first stream has come to here."""
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))

    def work(self) -> AbstractContextManager[Any]:
        """For work there, after earlier work there; the first stream waits for it at `join`."""
        if self._stream is None:
            return nullcontext()
        self._open = True
        return torch.cuda.stream(self._stream)

    def join(self) -> None:
        """Let the first stream wait for what is done there."""
        if self._stream is not None and self._open:
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)
        self._open = False


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on a device, without waiting for what the device is at."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
