"""The float graph run by torch: for GPUs.

Twelve processes or so keep a GPU busy: one alone spends its time in launching kernels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from xtts_lab.nn.onnx_graphs.runner import GraphRunner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TorchRunner:
    """Call it with tokens int64 [N], a style float32 [256] and a speed; it returns float32 [T]."""

    def __init__(self, graph: Path, device: str) -> None:
        self._graph = GraphRunner(graph, device, "kokoro")

    def __call__(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float
    ) -> NDArray[np.float32]:
        made = self._graph(
            tokens=torch.from_numpy(tokens)[None],
            style=torch.from_numpy(style)[None],
            speed=torch.tensor([speed]),
        )
        audio: NDArray[np.float32] = made.float().cpu().numpy().reshape(-1)
        return audio
