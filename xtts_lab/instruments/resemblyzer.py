"""Resemblyzer's d-vectors as a judge of who speaks (GE2E, Wan et al. 2018)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments import batches, guards
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.compiled import keep_apart
from xtts_lab.types import Audio, Clip, Failure, Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_VERSION = 3  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
MIN_SPEECH_S = 0.4
"""A quarter of the encoder's 1.6 s window; with less speech the embedding is mostly padding."""


@dataclass(frozen=True, eq=False)
class _Heard:
    """A clip as the network takes it: windows [n, 160, 40] of its mel spectrogram."""

    name: str
    windows: NDArray[np.float32]
    outputs: Mapping[str, Json]


class Resemblyzer(BaseInstrument):
    """Embed the speaker of a clip; the weights come with the `resemblyzer` package.

    The library's own preprocessing (16 kHz, quiet clips raised to -30 dBFS, long silences cut by
    WebRTC's VAD) and `embed_utterance` (mean over 1.6 s windows, 1.3 a second, L2-normalised).

    Output: `embedding`, 256 floats of unit length; `speech_s`, what the VAD left, in seconds;
    `bandwidth_hz` and `band_limited` (see `guards`).
    A clip without `MIN_SPEECH_S` of speech is a `Failure`. The windows of `batch_size` clips go
    through the network together (null: see `batches`).
    """

    batch_settings = frozenset({"batch_size"})

    def __init__(self, *, batch_size: int | None = None, device: str = "auto") -> None:
        self._batch_size = batches.checked_size("resemblyzer", batch_size)
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

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield one embedding a clip, in order; a clip without speech is a `Failure`."""
        size = batches.size_for(self._batch_size, self._device)
        return batches.in_batches(clips, size, self._read, self._embed)

    def _read(self, clip: Clip) -> _Heard | Failure:
        keep_apart()  # resemblyzer imports librosa
        import resemblyzer

        path = clip.path
        loaded = audio.load(path)
        # The volume of digital silence is minus infinity, which the library's gain cannot take.
        if loaded.duration_s < MIN_SPEECH_S or not bool(loaded.samples.any()):
            return Failure(f"{path.name}: silent, or under {MIN_SPEECH_S} s, which holds no voice")
        speech = resemblyzer.preprocess_wav(loaded.samples.numpy(), source_sr=loaded.sample_rate)
        speech_s = len(speech) / _SAMPLE_RATE
        if speech_s < MIN_SPEECH_S:
            return Failure(f"{path.name}: {speech_s:.2f} s of speech, {MIN_SPEECH_S} s are needed")
        bandwidth = guards.bandwidth_hz(_at_16_khz(loaded))
        return _Heard(path.name, _windows(speech), guards.shared_outputs(speech_s, bandwidth))

    def _embed(self, clips: Sequence[_Heard]) -> list[dict[str, Json] | Failure]:
        """Mean over a clip's windows, L2-normalised, as the library's `embed_utterance`."""
        import numpy as np
        import torch

        together = torch.from_numpy(np.concatenate([clip.windows for clip in clips]))
        with torch.inference_mode():
            embedded = self._network(together.to(self._network.device)).cpu().numpy()
        ends = np.cumsum([len(clip.windows) for clip in clips])[:-1]
        return [
            _output(clip, part.mean(axis=0))
            for clip, part in zip(clips, np.split(embedded, ends), strict=True)
        ]

    @staticmethod
    def warm_up() -> None:
        """Prepare a second of noise: librosa imports when it is used."""
        import numpy as np

        keep_apart()
        import resemblyzer

        noise = np.random.default_rng(0).normal(0.0, 0.1, _SAMPLE_RATE).astype(np.float32)
        resemblyzer.preprocess_wav(noise, source_sr=24_000)
        _windows(noise)

    @cached_property
    def _network(self) -> Any:
        import resemblyzer

        # The library reads its checkpoint with torch.load, which refuses code since torch 2.6.
        return resemblyzer.VoiceEncoder(resolve_device(self._device), verbose=False).eval()


def _windows(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut preprocessed speech [T] as the library's `embed_utterance` does: mel [n, 160, 40]."""
    import numpy as np
    from resemblyzer import VoiceEncoder, wav_to_mel_spectrogram

    in_samples, in_frames = VoiceEncoder.compute_partial_slices(len(speech), 1.3, 0.75)
    lacking = max(0, in_samples[-1].stop - len(speech))
    mel = wav_to_mel_spectrogram(np.pad(speech, (0, lacking)))
    return np.array([mel[part] for part in in_frames])


def _output(clip: _Heard, mean: NDArray[np.float32]) -> dict[str, Json] | Failure:
    import numpy as np

    norm = float(np.linalg.norm(mean, 2))
    if not np.isfinite(norm) or norm == 0.0:  # all units off: the library divides by zero
        return Failure(f"{clip.name}: Resemblyzer finds no voice in it")
    # Six digits: the seventh depends on what shared a product.
    return {"embedding": [round(float(value), 6) for value in mean / norm], **clip.outputs}


def _at_16_khz(loaded: Audio) -> Tensor:
    return audio.resample(loaded, guards.SAMPLE_RATE).samples


def _weights() -> Path:
    spec = importlib.util.find_spec("resemblyzer")
    if spec is None or spec.origin is None:
        raise UsageError(
            "the package resemblyzer is absent; run `pip install --no-deps resemblyzer==0.1.4`"
        )
    return Path(spec.origin).parent / "pretrained.pt"
