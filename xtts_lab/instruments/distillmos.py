"""DistillMOS as a judge of quality (Stahl and Gamper 2025): a distilled XLS-R predictor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import unusable
from xtts_lab.instruments.optional import import_optional, package_folder
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Failure, Json

_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
MIN_S = 0.5
"""The network sees 7.68 s; what a shorter clip lacks is zeros, which under this are nearly all."""


class DistillMos(BaseInstrument):
    """Predict a mean opinion score, 1 to 5; the weights come with the `distillmos` package.

    The package's own computation: 16 kHz, windows of 7.68 s at most 1 s apart, each scaled to peak
    1, so that the gain of a clip does not count; their mean. White noise lowers it on human speech;
    on espeak-ng's, a little noise raised it (2.50 clean, 2.73 at 20 dB).

    Output: `mos`. Silence and clips under `MIN_S` are a `Failure`.
    """

    def __init__(self, *, device: str = "auto") -> None:
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        return {
            "name": "distillmos",
            "weights_sha256": audio.sha256(_weights()),
            "min_s": MIN_S,
            "library": f"distillmos {version('distillmos')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the score."""
        import torch

        samples = audio.load(path, _SAMPLE_RATE).samples
        problem = unusable(samples.numpy(), _SAMPLE_RATE, min_s=MIN_S)
        if problem is not None:
            return Failure(f"{path.name}: {problem}")
        with torch.inference_mode():
            score = self._network(samples[None].to(resolve_device(self._device)))
        return {"mos": round(float(score), 4)}

    @cached_property
    def _network(self) -> Any:
        import torch

        import_torchaudio()  # the package imports it, which fails beside CPU-only torch
        library = import_optional("distillmos", "quality")
        from xtts_lab.nn.weightless import undrawn

        # Loaded here, since the package prints where it loads from.
        with undrawn():
            network = library.ConvTransformerSQAModel(load_weights=False)
        stored = torch.load(_weights(), map_location="cpu", weights_only=True)
        network.load_state_dict(stored["model"])
        return network.eval().to(resolve_device(self._device))


def _weights() -> Path:
    return package_folder("distillmos", "quality") / "weights" / "distill_mos_v7.pt"
