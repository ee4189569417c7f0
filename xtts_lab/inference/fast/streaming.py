"""Speech in pieces from the decoding engine, for one listener. D width, E embedding, T samples.

What can be done before a request is done before: kernels compiled, graphs captured, buffers laid
out (`warm`). A request is then a prefill, as many replays as the piece has codes, one look at the
codes (did it stop?), one replay of the vocoder, and the way to the host, during which the next
codes are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.rows import EngineRows, warmed_prefix
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.server import StreamServer
from xtts_lab.inference.serving.voicing import StreamVocoder
from xtts_lab.model import XttsModel


class FastStream:
    """Streams one request at a time on a vocoder that reads the GPT's states, in `dtype`."""

    def __init__(
        self, model: XttsModel, engine: DecodingEngine, dtype: torch.dtype | None = None
    ) -> None:
        self._rows, self._prefix = EngineRows(engine), warmed_prefix(model)
        self._server = StreamServer(self._rows, StreamVocoder(model, dtype), quantum=None)

    def warm(self, schedule: Schedule | None = None) -> None:
        """Capture the graphs of prompts and codes, and the vocoder's for a schedule."""
        self._rows.warm(prefix=self._prefix)
        self._server.vocoder.warm(schedule or Schedule())

    def stream(
        self,
        prompt: Prompt,
        embedding: Tensor,
        schedule: Schedule | None = None,
        speed: float = 1.0,
    ) -> Iterator[Tensor]:
        """Say one prompt with a speaker vector [E]: float32 [T] each, on the CPU.

        Joined, the pieces are what `inference.speak` makes of the same prompt.
        """
        rows, vocoder = self._server.rows, self._server.vocoder
        server = StreamServer(rows, vocoder, schedule or Schedule(), quantum=None)
        yield from server.stream(prompt, embedding, speed)
