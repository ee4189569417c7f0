"""Which device `auto` means here."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xtts_lab.errors import UsageError


def resolve_device(name: str) -> str:
    """Return `cpu`, `cuda`, `cuda:N` or `mps`; `auto` takes CUDA where there is one, else the CPU.

    Raises `UsageError` for a device that this machine or build of torch does not have.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(name)
        if kind.type != "cuda":
            torch.empty(0, device=name)
        # Not by allocating: a run with workers only names the devices, on which they alone compute.
        elif not torch.cuda.is_available() or (kind.index or 0) >= torch.cuda.device_count():
            raise RuntimeError(f"there is no {name}")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"device '{name}' is not available here; use cpu, or install a build of torch for it"
        ) from error
    return name


def begin_cuda(name: str) -> None:
    """Begin what CUDA's driver starts with, a second with four GPUs, beside imports.

    torch keeps all of Python waiting in it; here it has a thread to itself. No GPU is taken yet.
    """
    if name != "auto" and not name.startswith("cuda"):
        return
    with contextlib.suppress(OSError):  # there is none: `resolve_device` says so, if it matters
        driver = ctypes.CDLL("libcuda.so.1")
        threading.Thread(target=driver.cuInit, args=(0,), daemon=True).start()


def device_class(name: str) -> str:
    """Return the part of a device's name that results may depend on: `cuda:1` -> `cuda`."""
    return resolve_device(name).partition(":")[0]


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute float32 as float32 on CUDA, too: without TF32, which convolutions use by default.

    TF32 keeps ten bits of a factor: a judge's score on a GPU would differ from the CPU's in the
    third digit.
    """
    import torch

    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    try:
        yield
    finally:
        for switch, was in zip(switches, before, strict=True):
            switch.allow_tf32 = was


def free_memory() -> None:
    """Give back the memory of GPUs that nothing in this process holds any more."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        gc.collect()  # what only refers to itself
        torch.cuda.empty_cache()


def shared_gpus(devices: Sequence[str]) -> tuple[str, ...]:
    """Return the GPUs that worker processes can take turns on, as CUDA_VISIBLE_DEVICES names them.

    None where there are fewer than two, or where one of the `devices` asked for is a certain one.
    """
    if not devices or any(name not in ("auto", "cuda") for name in devices):
        return ()
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    known = named if len(named) >= count > 0 and named != [""] else [str(i) for i in range(count)]
    return tuple(known[:count]) if count > 1 else ()
