"""The float graph run by ONNX Runtime, for CPUs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THREADS = 1
"""Samples depend on the order of sums, and that on the number of threads: it is fixed."""


class OnnxRunner:
    """Call it with tokens int64 [N], a style float32 [256] and a speed; it returns float32 [T]."""

    def __init__(self, graph: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise UsageError(
                "Kokoro needs onnxruntime; remedy: pip install xtts_lab[kokoro]"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = THREADS
        # The graph was optimised before it was published; what ORT says of that is noise.
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )

    def __call__(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float
    ) -> NDArray[np.float32]:
        import numpy as np

        inputs = {
            "tokens": tokens[None],
            "style": style[None],
            "speed": np.array([speed], np.float32),
        }
        (audio,) = self._session.run(None, inputs)
        return np.asarray(audio, np.float32).reshape(-1)
