"""Layers in float32 as oneDNN lays them out, for few rows at a time. O outputs, D inputs, K rows.

MKL, which torch takes for products in float32, is slow on CPUs of AMD: on an EPYC of 2024 it reads
weights at a quarter of the memory's speed for one row and at a tenth for three.
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor, nn

from xtts_lab.inference import large_pages

ROWS = 4
"""For which the layout is chosen; it serves any number."""

_CPUS = Path("/proc/cpuinfo")


@functools.cache
def pays() -> bool:
    """Whether products of weights laid out anew are faster than torch's own here.

    Told from the maker of the CPU, not from a clock: what is said must not depend on the hour.
    """
    libraries = torch.backends.mkl, torch.backends.mkldnn
    if not all(library.is_available() for library in libraries):
        return False
    try:
        return "AuthenticAMD" in _CPUS.read_text()
    except OSError:  # not Linux
        return False


class PackedLinear(nn.Module):
    """A layer in float32; it holds its weights once more."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.bias = linear.bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        large_pages.ask(
            torch.ops.mkldnn.data_ptr(self.packed), torch.ops.mkldnn._nbytes(self.packed)
        )

    def forward(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Rows [K, D] -> [K, O] and `bias` [O] or [K, O], in place of the layer's own."""
        made: Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.packed, None, "none", [], "")
        return made.add_(bias)
