"""CUDA graphs with an off switch."""

from __future__ import annotations

import os
from collections.abc import Callable

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


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on a device, without waiting for what the device is at."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
