"""DNSMOS P.835 as a judge of quality (Reddy et al. 2022), with the weights of `speechmos`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import unusable
from xtts_lab.instruments.optional import import_optional, package_folder
from xtts_lab.types import Failure, Json

_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
MIN_S = 0.5
"""The network sees 9.01 s; a shorter clip is repeated, and under this it is mostly one syllable."""


class Dnsmos(BaseInstrument):
    """Predict how people rate speech (`sig`), background (`bak`) and the whole (`ovrl`), 1 to 5.

    The package's own computation: 16 kHz, windows of 9.01 s every second, their mean; a clip that
    is shorter is doubled until it fills one. Its networks were trained on noisy and denoised
    speech: it hears noise well, hardly notices a low-pass at 1.5 kHz, and is no judge of prosody.

    Output: `ovrl`, `sig`, `bak` (P.835), `p808` (the older single score). Samples that resampling
    lifts above full scale are clipped. Silence and clips under `MIN_S` are a `Failure`.
    """

    def __init__(self) -> None:
        """No settings: the personalised variant judges enhancement, not synthesis."""

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

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the scores."""
        samples = audio.load(path, _SAMPLE_RATE).samples.clamp(-1.0, 1.0).numpy()
        problem = unusable(samples, _SAMPLE_RATE, min_s=MIN_S)
        if problem is not None:
            return Failure(f"{path.name}: {problem}")
        found = self._network(samples, _SAMPLE_RATE, False)
        names = {"ovrl": "ovrl_mos", "sig": "sig_mos", "bak": "bak_mos", "p808": "p808_mos"}
        return {ours: round(float(found[theirs]), 4) for ours, theirs in names.items()}

    @cached_property
    def _network(self) -> Any:
        # The class itself, since the package's `run` keeps one of them in a global variable; and
        # sessions of one thread, so that the sums do not depend on the machine's cores.
        library = import_optional("speechmos.dnsmos", "quality")
        network = library.DNSMOS.__new__(library.DNSMOS)
        network.onnx_sess, network.p808_onnx_sess = map(_session, _weights())
        return network


def _session(weights: Path) -> Any:
    onnxruntime = import_optional("onnxruntime", "quality")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def _weights() -> tuple[Path, Path]:
    folder = package_folder("speechmos", "quality") / "dnsmos_models"
    return folder / "sig_bak_ovr.onnx", folder / "model_v8.onnx"
