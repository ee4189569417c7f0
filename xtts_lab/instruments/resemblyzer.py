"""Resemblyzer's d-vectors as a judge of who speaks (GE2E, Wan et al. 2018)."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments import guards
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.compiled import keep_apart
from xtts_lab.types import Audio, Failure, Json

if TYPE_CHECKING:
    from torch import Tensor

_VERSION = 2  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
MIN_SPEECH_S = 0.4
"""A quarter of the encoder's 1.6 s window; with less speech the embedding is mostly padding."""


class Resemblyzer(BaseInstrument):
    """Embed the speaker of a clip; the weights come with the `resemblyzer` package.

    The library's own preprocessing (16 kHz, quiet clips raised to -30 dBFS, long silences cut by
    WebRTC's VAD) and `embed_utterance` (mean over 1.6 s windows, 1.3 a second, L2-normalised).

    Output: `embedding`, 256 floats of unit length; `speech_s`, what the VAD left, in seconds;
    `bandwidth_hz` and `band_limited` (see `guards`).
    A clip without `MIN_SPEECH_S` of speech is a `Failure`.
    """

    def __init__(self, *, device: str = "auto") -> None:
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "resemblyzer",
            "weights_sha256": audio.sha256(_weights()),
            "min_speech_s": MIN_SPEECH_S,
            "library": f"resemblyzer {version('resemblyzer')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the embedding; a clip without speech is a `Failure`."""
        import numpy as np

        keep_apart()  # resemblyzer imports librosa
        import resemblyzer

        loaded = audio.load(path)
        # The volume of digital silence is minus infinity, which the library's gain cannot take.
        if loaded.duration_s < MIN_SPEECH_S or not bool(loaded.samples.any()):
            return Failure(f"{path.name}: silent, or under {MIN_SPEECH_S} s, which holds no voice")
        speech = resemblyzer.preprocess_wav(loaded.samples.numpy(), source_sr=loaded.sample_rate)
        speech_s = len(speech) / _SAMPLE_RATE
        if speech_s < MIN_SPEECH_S:
            return Failure(f"{path.name}: {speech_s:.2f} s of speech, {MIN_SPEECH_S} s are needed")
        embedding = self._network.embed_utterance(speech)
        if not np.isfinite(embedding).all():  # all units off: the library divides by zero
            return Failure(f"{path.name}: Resemblyzer finds no voice in it")
        return {
            "embedding": [round(float(value), 7) for value in embedding],
            **guards.shared_outputs(speech_s, guards.bandwidth_hz(_at_16_khz(loaded))),
        }

    @cached_property
    def _network(self) -> Any:
        import resemblyzer

        # The library reads its checkpoint with torch.load, which refuses code since torch 2.6.
        return resemblyzer.VoiceEncoder(resolve_device(self._device), verbose=False).eval()


def _at_16_khz(loaded: Audio) -> Tensor:
    return audio.resample(loaded, guards.SAMPLE_RATE).samples


def _weights() -> Path:
    spec = importlib.util.find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        raise UsageError(
            "the package resemblyzer is absent; run `pip install --no-deps resemblyzer==0.1.4`"
        )
    return Path(spec.origin).parent / "pretrained.pt"
