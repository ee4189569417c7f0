"""Kokoro on the bench: a real neural TTS, offline, with voices of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.kokoro import front_end
from xtts_lab.kokoro.styles import named
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Audio, Failure, Json, Request, Synthesis, Timings

if TYPE_CHECKING:
    from xtts_lab.kokoro.speech import Kokoro

SLOWEST, FASTEST = 0.5, 2.0


class KokoroSystem(BaseSystem):
    """Kokoro-82M, which clones nobody: `voice` speaks, whoever is asked for.

    `voice`: one of `kokoro.wheels.VOICES`, or a mix in parts, as in {jf_alpha: 1, jm_kumo: 2};
    `speed`: 0.5 to 2. A request's references and seed change nothing.
    """

    languages = frozenset(front_end.LANGUAGES)

    def __init__(
        self,
        *,
        voice: str | dict[str, float] = "jm_kumo",
        speed: float = 1.0,
        device: str = "auto",
    ) -> None:
        if not (math.isfinite(speed) and SLOWEST <= speed <= FASTEST):
            raise UsageError(f"kokoro: speed must be {SLOWEST} to {FASTEST}, not {speed}")
        self._voice = named(voice)
        self._speed = speed
        self._device = device
        self._front_end = front_end.FrontEnd()
        self._model: Kokoro | None = None

    @property
    def identity(self) -> Mapping[str, Json]:
        from xtts_lab.kokoro import float_graph, speech, wheels

        return {
            **front_end.identity(),
            "weights": wheels.SHA256,
            "voices": wheels.STYLES_SHA256,
            "graph": float_graph.VERSION,
            "speech": speech.VERSION,
        }

    def close(self) -> None:
        """End espeak-ng's processes and let go of the weights."""
        self._front_end.close()
        self._model = None

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            try:
                yield self._synthesise(request)
            except (front_end.EspeakError, ValueError) as error:
                yield Failure(f"kokoro: {error}")

    def _synthesise(self, request: Request) -> Synthesis:
        import torch

        from xtts_lab.kokoro.speech import SAMPLE_RATE, Kokoro

        self._model = self._model or Kokoro(resolve_device(self._device))
        started = time.perf_counter()
        symbols = self._front_end(request.text, request.language)
        samples = self._model.speak(symbols, self._voice, self._speed)
        timings = Timings(total_ms=1e3 * (time.perf_counter() - started))
        return Synthesis(Audio(torch.from_numpy(samples), SAMPLE_RATE), timings=timings)
