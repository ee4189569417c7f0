"""Weights in large pages: what reads all of them for every code waits less for addresses."""

from __future__ import annotations

import ctypes
import mmap
import sys

import torch
from torch import nn

PAGE = 1 << 21
"""Of x86 and most of ARM, in bytes."""

WORTH_BYTES = 200_000_000
"""What fits the processor's caches is not bound by the memory."""

COLLAPSE = 25
"""Linux's advice (6.1 and later) to make large pages of what is there already."""

ALIGNED = 64
"""Bytes; what vector instructions like."""


def move(module: nn.Module, by_rows: bool = False) -> bool:
    """Move a large module's parameters on the CPU into large pages, in place; whether it did.

    Nothing where the system has none to give (Linux has, if transparent huge pages are not off),
    and nothing for a small module. Values stay, and strides, but `by_rows` lays matrices by rows.
    """
    parameters = [p for p in module.parameters() if p.device.type == "cpu" and _is_dense(p)]
    size = sum(_room(p) for p in parameters)
    if size < WORTH_BYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return False
    # Private: shared memory has other rules for large pages, and would be shared after a fork.
    pages = mmap.mmap(-1, size + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        pages.madvise(mmap.MADV_HUGEPAGE)
    except OSError:
        return False
    memory = torch.frombuffer(pages, dtype=torch.uint8)
    at = -memory.data_ptr() % PAGE
    for parameter in parameters:
        place = memory[at : at + parameter.nbytes].view(parameter.dtype)
        stays = place.as_strided(parameter.shape, parameter.stride())
        moved = place.view(parameter.shape) if by_rows else stays
        moved.copy_(parameter.detach())
        parameter.data = moved
        at += _room(parameter)
    return True


def ask(address: int, size: int) -> None:
    """Ask for large pages under memory that a library holds, `size` bytes from `address` on.

    What lies beside it on the same pages goes along. Where they cannot be had nothing happens.
    """
    if size < PAGE // 2 or not sys.platform.startswith("linux"):
        return
    begin = address // PAGE * PAGE
    end = -(-(address + size) // PAGE) * PAGE
    advise = ctypes.CDLL(None).madvise
    advise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), COLLAPSE)


def _room(parameter: torch.Tensor) -> int:
    return -(-parameter.nbytes // ALIGNED) * ALIGNED


def _is_dense(parameter: torch.Tensor) -> bool:
    """Whether its elements lie side by side, in whatever order."""
    return bool(torch.ops.aten.is_non_overlapping_and_dense(parameter))
