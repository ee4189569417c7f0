"""Which device `auto` means here."""

from __future__ import annotations

from xtts_lab.errors import UsageError


def resolve_device(name: str) -> str:
    """Return `cpu`, `cuda`, `cuda:N` or `mps`; `auto` takes CUDA where there is one, else the CPU.

    Raises `UsageError` for a device that this machine or build of torch does not have.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"device '{name}' is not available here; use cpu, or install a build of torch for it"
        ) from error
    return name


def device_class(name: str) -> str:
    """Return the part of a device's name that results may depend on: `cuda:1` -> `cuda`."""
    return resolve_device(name).partition(":")[0]
