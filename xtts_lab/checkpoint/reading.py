"""Tensors from files, executing nothing.

A pickle can name any function. Reading with `weights_only=True` refuses all but tensors and plain
containers; the published `model.pth` also holds the reference implementation's configuration
objects, for which an inert stand-in is read, so that the package need not be installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xtts_lab.errors import UsageError

# Configuration classes of the reference implementation and its trainer, by where they have lived.
HARMLESS = ("TTS.", "trainer.", "coqpit.")


class _Ignored:
    """Stands for an object whose content is of no interest: takes and keeps nothing."""

    def __new__(cls, *_args: object, **_kwargs: object) -> _Ignored:
        return object.__new__(cls)

    def __setstate__(self, _state: object) -> None: ...

    def __setitem__(self, _key: object, _value: object) -> None: ...


def read_pickle(path: Path) -> Any:
    """Return what a `.pth` file holds, its tensors mapped from disk rather than copied.

    Raises `UsageError` for a file that is absent, truncated, no checkpoint, or that names anything
    but tensors, plain containers and the reference's configuration classes.
    """
    try:
        stand_ins = _stand_ins(path)
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise UsageError(f"{path.name}: no such file in {path.parent.name}") from error
    except UsageError:
        raise
    except Exception as error:  # the reader raises a dozen kinds, none of them documented
        raise UsageError(
            f"{path.name}: cannot be read as a checkpoint ({_reason(error)}); is it complete?"
        ) from error


def _stand_ins(path: Path) -> list[Any]:
    # The unpickler looks classes up by full name; this call lists the names without loading.
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    refused = sorted(name for name in names if not name.startswith(HARMLESS))
    if refused:
        raise UsageError(
            f"{path.name}: refused, for its pickle would run {', '.join(refused)}; "
            "a checkpoint holds tensors only"
        )
    return [(_Ignored, name) for name in names]


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, mapped from disk."""
    from safetensors import safe_open

    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise UsageError(f"{path.name}: no such file in {path.parent.name}") from error
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(
            f"{path.name}: cannot be read as safetensors ({_reason(error)}); is it complete?"
        ) from error


def tensors_of(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict of a published or fine-tuned checkpoint, its names without `xtts.`"""
    state = content.get("model", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise UsageError(f"{path.name}: holds no state dict (expected one under 'model')")
    tensors = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not tensors:
        raise UsageError(f"{path.name}: its state dict holds no tensors")
    return {name.removeprefix("xtts."): tensor for name, tensor in tensors.items()}


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".")[:160] if lines else type(error).__name__
