"""Symbols to speech: style, tokens, pieces of at most the model's length, silence trimmed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from xtts_lab.kokoro import wheels
from xtts_lab.kokoro.float_graph import float_graph
from xtts_lab.kokoro.styles import Mixture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 24000
VERSION = 1
"""Raised whenever the same symbols, voice and speed come to mean other samples."""

MOST_SYMBOLS = 400
"""Of a piece; the model reads 510, and long pieces are hurried."""

QUIET = 0.01
MARGIN_S = 0.05
PAUSE_S = 0.15
_AFTER_MARK = re.compile(r"(?<=[;:,.!?—…])\s+")


class Runner(Protocol):
    """Tokens int64 [N], a style float32 [256] and a speed to float32 [T] at 24 kHz."""

    def __call__(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float
    ) -> NDArray[np.float32]: ...


class Kokoro:
    """The model, loaded on a device; the same arguments give the same samples there."""

    def __init__(self, device: str = "cpu") -> None:
        import numpy as np

        self._styles = np.stack(list(wheels.styles().values()))
        self._alphabet = wheels.alphabet()
        self._runner = _runner(device)

    def speak(self, symbols: str, voice: Mixture, speed: float = 1.0) -> NDArray[np.float32]:
        """Return float32 [T] at 24 kHz, 50 ms of silence around it; `voice.warp` is not applied.

        Raises `ValueError` for symbols among which there is nothing to say.
        """
        import numpy as np

        parts: list[NDArray[np.float32]] = []
        for piece in pieces(symbols):
            if parts:
                parts.append(np.zeros(int(PAUSE_S * SAMPLE_RATE), np.float32))
            parts.append(self._piece(piece, voice, speed))
        if not parts:
            raise ValueError("there is nothing to say")
        return np.concatenate(parts)

    def _piece(self, symbols: str, voice: Mixture, speed: float) -> NDArray[np.float32]:
        import numpy as np

        tokens = [self._alphabet[symbol] for symbol in symbols]
        style = voice.style(self._styles, len(tokens))
        return trimmed(self._runner(np.array([0, *tokens, 0], np.int64), style, speed))


def pieces(symbols: str) -> list[str]:
    """Split symbols after punctuation, or between words, into pieces of `MOST_SYMBOLS`."""
    done: list[str] = []
    for part in _AFTER_MARK.split(symbols.strip()):
        for word in [part] if len(part) <= MOST_SYMBOLS else part.split(" "):
            fits = done and len(done[-1]) + 1 + len(word) <= MOST_SYMBOLS
            done[-1:] = [f"{done[-1]} {word}"] if fits else [*done[-1:], word]
    return [p[i : i + MOST_SYMBOLS] for p in done if p for i in range(0, len(p), MOST_SYMBOLS)]


def trimmed(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut silence at both ends down to `MARGIN_S`; what is silent throughout stays whole."""
    import numpy as np

    loud = np.flatnonzero(np.abs(audio) > QUIET)
    if len(loud) == 0:
        return audio
    margin = int(MARGIN_S * SAMPLE_RATE)
    return audio[max(0, int(loud[0]) - margin) : int(loud[-1]) + 1 + margin]


def _runner(device: str) -> Runner:
    if device == "cpu":
        from xtts_lab.kokoro.onnx_runner import OnnxRunner

        return OnnxRunner(float_graph())
    from xtts_lab.kokoro.torch_runner import TorchRunner

    return TorchRunner(float_graph(), device)
