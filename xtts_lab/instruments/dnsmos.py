"""DNSMOS P.835 as a judge of quality (Reddy et al. 2022), with the weights of `speechmos`.

n windows of 9.01 s. ONNX Runtime runs its two graphs on a CPU, torch on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.instruments import batches
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import unusable
from xtts_lab.instruments.optional import import_optional, package_folder
from xtts_lab.types import Clip, Failure, Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
MIN_S = 0.5
"""The network sees 9.01 s; a shorter clip is repeated, and under this it is mostly one syllable."""
TOGETHER = 16
"""Windows that a GPU is given at once, each of which takes 150 MB there; and clips of a batch."""
_NAMES = ("ovrl", "sig", "bak", "p808")
_INPUT = "input_1"


@dataclass(frozen=True, eq=False)
class _Heard:
    """A clip's windows as the networks take them: [n, 144160] samples and [n, 900, 120] mel."""

    samples: NDArray[np.float32]
    mel: NDArray[np.float32]


class Dnsmos(BaseInstrument):
    """Predict how people rate speech (`sig`), background (`bak`) and the whole (`ovrl`), 1 to 5.

    The package's own computation: 16 kHz, windows of 9.01 s every second, their mean; a clip that
    is shorter is doubled until it fills one. Its networks were trained on noisy and denoised
    speech: it hears noise well, hardly notices a low-pass at 1.5 kHz, and is no judge of prosody.

    Output: `ovrl`, `sig`, `bak` (P.835), `p808` (the older single score). Samples that resampling
    lifts above full scale are clipped. Silence and clips under `MIN_S` are a `Failure`. There is no
    choice of networks: the personalised variant judges enhancement, not synthesis. The windows of
    `batch_size` clips go through the networks together; null: one on a CPU, `TOGETHER` on a GPU,
    where those of the next are read meanwhile: a long clip has a window of 1 MB for each second.
    """

    side_by_side = True  # one by one on a CPU, where a graph computes on one core
    batch_settings = frozenset({"batch_size"})

    def __init__(self, *, batch_size: int | None = None, device: str = "auto") -> None:
        self._batch_size = batches.checked_size("dnsmos", batch_size)
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        primary, p808 = _weights()
        return {
            "name": "dnsmos",
            "weights_sha256": audio.sha256(primary),
            "p808_sha256": audio.sha256(p808),
            "min_s": MIN_S,
            "library": f"speechmos {version('speechmos')}",
            "version": _VERSION,
        }

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield the scores of each clip, in order."""
        size = batches.size_for(self._batch_size, self._device, on_gpu=TOGETHER)
        if size == 1 and resolve_device(self._device) == "cpu":
            return super().measure(clips)
        return batches.in_batches(clips, size, lambda clip: self._read(clip.path), self._score)

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the scores of a clip; one that cannot be judged is a `Failure`."""
        heard = self._read(path)
        return heard if isinstance(heard, Failure) else self._score([heard])[0]

    def _read(self, path: Path) -> _Heard | Failure:
        import numpy as np

        samples = audio.load(path, _SAMPLE_RATE).samples.clamp(-1.0, 1.0).numpy()
        problem = unusable(samples, _SAMPLE_RATE, min_s=MIN_S)
        if problem is not None:
            return Failure(f"{path.name}: {problem}")
        windows = _windows(samples, self._package.INPUT_LENGTH)
        mel = [self._network.audio_melspec(audio=window[:-160]) for window in windows]
        return _Heard(np.stack(windows), np.stack(mel).astype(np.float32))

    def _score(self, clips: Sequence[_Heard]) -> list[dict[str, Json] | Failure]:
        import numpy as np

        primary, p808 = self._graphs
        raw = _answers(primary, [clip.samples for clip in clips])
        older = _answers(p808, [clip.mel for clip in clips])[:, 0]
        sig, bak, ovrl = self._network.get_polyfit_val(raw[:, 0], raw[:, 1], raw[:, 2], False)
        ends = np.cumsum([len(clip.samples) for clip in clips])[:-1]
        of_clips = zip(*(np.split(each, ends) for each in (ovrl, sig, bak, older)), strict=True)
        return [
            {name: round(float(each.mean()), 4) for name, each in zip(_NAMES, clip, strict=True)}
            for clip in of_clips
        ]

    @cached_property
    def _package(self) -> Any:
        return import_optional("speechmos.dnsmos", "quality")

    @cached_property
    def _network(self) -> Any:
        # Its arithmetic without its sessions, which the package keeps in a global variable.
        return self._package.DNSMOS.__new__(self._package.DNSMOS)

    @cached_property
    def _graphs(self) -> tuple[_OnHost | _OnDevice, _OnHost | _OnDevice]:
        device = resolve_device(self._device)
        primary, p808 = (
            _OnHost(weights) if device == "cpu" else _OnDevice(weights, device)
            for weights in _weights()
        )
        return primary, p808


class _OnHost:
    """A graph run by ONNX Runtime, one window at a time."""

    together = 1

    def __init__(self, weights: Path) -> None:
        onnxruntime = import_optional("onnxruntime", "quality")
        # One thread, so that the sums do not depend on the machine's cores.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=providers)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        made: NDArray[np.float32] = self._session.run(None, {_INPUT: windows})[0]
        return made


class _OnDevice:
    """A graph run by torch, `TOGETHER` windows at a time."""

    together = TOGETHER

    def __init__(self, weights: Path, device: str) -> None:
        from xtts_lab.nn.onnx_graphs.runner import GraphRunner

        self._graph = GraphRunner(weights, device, "quality")

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        made: NDArray[np.float32] = self._graph(**{_INPUT: torch.from_numpy(windows)}).cpu().numpy()
        return made


def _windows(samples: NDArray[np.float32], length_s: float) -> list[NDArray[np.float32]]:
    """Cut [T] as the package does: windows of `length_s` every second."""
    import numpy as np

    length = int(length_s * _SAMPLE_RATE)
    while len(samples) < length:
        samples = np.append(samples, samples)
    count = int(np.floor(len(samples) / _SAMPLE_RATE) - length_s) + 1
    # Its very sums: a window whose end rounding moves by a sample is dropped there, too.
    ends = (int((hop + length_s) * _SAMPLE_RATE) for hop in range(count))
    found = [samples[hop * _SAMPLE_RATE : end] for hop, end in enumerate(ends)]
    return [window for window in found if len(window) >= length]


def _answers(
    graph: _OnHost | _OnDevice, parts: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What a graph says of all windows: [n, ...] -> [n, O]."""
    import numpy as np

    windows, size = np.concatenate(parts), graph.together
    return np.concatenate([graph(windows[at : at + size]) for at in range(0, len(windows), size)])


def _weights() -> tuple[Path, Path]:
    folder = package_folder("speechmos", "quality") / "dnsmos_models"
    return folder / "sig_bak_ovr.onnx", folder / "model_v8.onnx"
