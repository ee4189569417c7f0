"""Make torchaudio importable beside a CPU-only build of torch.

torchaudio's wheels carry an extension that is linked against CUDA libraries; beside CPU-only torch
its import fails. `torchaudio._extension` is replaced, before the first import, by a module that
says that the extension is absent. Nothing in site-packages changes, and with a CUDA build of torch
nothing happens at all. What we use of torchaudio (resampling, mel filter banks) is pure Python.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any


def import_torchaudio(submodule: str = "") -> Any:
    """Return `torchaudio`, or `torchaudio.<submodule>`, on any build of torch."""
    _stub_extension_on_cpu()
    return importlib.import_module("torchaudio" + (f".{submodule}" if submodule else ""))


def _stub_extension_on_cpu() -> None:
    import torch

    if torch.version.cuda is not None or "torchaudio" in sys.modules:
        return
    stub = types.ModuleType("torchaudio._extension")
    stub._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    stub._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
    stub._check_cuda_version = lambda: None  # type: ignore[attr-defined]
    stub.fail_if_no_align = _no_align  # type: ignore[attr-defined]
    sys.modules["torchaudio._extension"] = stub


def _no_align(function: Any) -> Any:
    def unavailable(*_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(
            "forced alignment needs torchaudio's extension, absent on CPU-only torch"
        )

    unavailable.__name__ = getattr(function, "__name__", "unavailable")
    return unavailable
