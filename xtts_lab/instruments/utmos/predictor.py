"""UTMOS22's strong learner as a judge of naturalness (Saeki et al. 2022), from the hub."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.frames import unusable
from xtts_lab.instruments.optional import package_folder
from xtts_lab.instruments.utmos import weights as utmos_weights
from xtts_lab.types import Failure, Json

_VERSION = 1  # raise when the output for a clip can change
_SAMPLE_RATE = 16_000
MIN_S = 0.5


class Utmos(BaseInstrument):
    """Predict a mean opinion score, 1 to 5, of the naturalness of synthetic speech.

    `model` is a published hub id (see `utmos_weights.PUBLISHED`), fetched at its pinned revision
    and checked against its SHA-256, or the path of such a checkpoint or of its folder. The XTTS
    paper's UTMOS (arXiv 2406.04904) is this predictor. One clip at a time and whole, at 16 kHz, not
    scaled: as the reference does it. It was trained on English and Chinese listeners' scores.

    Output: `mos`. Silence and clips under `MIN_S` are a `Failure`.
    """

    free_settings = frozenset({"model"})

    def __init__(self, *, model: str = "Blinorot/UTMOS-PyTorch", device: str = "auto") -> None:
        self._model = utmos_weights.check_model(model)
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        package_folder("transformers", "quality")
        return {
            "name": "utmos",
            "weights_sha256": self._weights.sha256,
            "min_s": MIN_S,
            "library": f"transformers {version('transformers')}",
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
    def _weights(self) -> utmos_weights.Weights:
        return utmos_weights.locate(self._model)

    @cached_property
    def _network(self) -> Any:
        from xtts_lab.instruments.utmos.network import UtmosNetwork

        weights = utmos_weights.read(self._weights.path)
        try:
            network = UtmosNetwork(weights)
        except ValueError as error:
            raise UsageError(f"UTMOS model '{self._model}': {str(error)[:300]}") from error
        return network.to(resolve_device(self._device))
