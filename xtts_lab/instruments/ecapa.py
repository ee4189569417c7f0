"""ECAPA-TDNN as a judge of who speaks (Desplanques et al. 2020), from a SpeechBrain checkpoint.

SpeechBrain's own loader runs the Python that `hyperparams.yaml` names. Here that file is read as
data: the sizes that it declares go to the three modules below, and nothing else in it is followed.
The network is given weights with `weights_only=True`.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.instruments import guards, hub
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.instruments.optional import import_optional, package_folder
from xtts_lab.instruments.speechbrain_yaml import Declared, read
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Failure, Json

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED = ("speechbrain/spkrec-ecapa-voxceleb", "0f99f2d0ebe89ac095bcc5903c4dd8f72b367286")
"""Hub id and commit of the default model: VoxCeleb 1 and 2, 192 dimensions."""

_VERSION = 1  # raise when the output for a clip can change
_EXTRA = "speakers"
_FILES = (("hyperparams.yaml",), ("embedding_model.ckpt",))
# What a checkpoint may ask for, by its key in hyperparams.yaml.
_MODULES = {
    "compute_features": "speechbrain.lobes.features.Fbank",
    "mean_var_norm": "speechbrain.processing.features.InputNormalization",
    "embedding_model": "speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN",
}


class Ecapa(BaseInstrument):
    """Embed the speaker of a clip with SpeechBrain's ECAPA-TDNN.

    `model` is a hub id or a folder with `hyperparams.yaml` and `embedding_model.ckpt`; a hub id
    other than the default needs `revision`, a commit. The whole clip at 16 kHz goes in: mel filter
    banks, their mean over the clip removed, the network; as `EncoderClassifier.encode_batch`.

    Output: `embedding`, of unit length; `speech_s`, `bandwidth_hz`, `band_limited` (see `guards`).
    A clip without a second of speech is a `Failure`.
    """

    free_settings = frozenset({"model", "revision"})

    def __init__(
        self, *, model: str = PUBLISHED[0], revision: str | None = None, device: str = "auto"
    ) -> None:
        self._source = hub.source_of(model, revision, PUBLISHED)
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        package_folder("speechbrain", _EXTRA)
        settings, weights = self._files
        return {
            "name": "ecapa",
            "model": self._source.name,
            "settings_sha256": audio.sha256(settings),
            "weights_sha256": audio.sha256(weights),
            "min_speech_s": guards.MIN_SPEECH_S,
            "library": f"speechbrain {version('speechbrain')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the embedding; a clip without speech is a `Failure`."""
        speech = guards.load_speech(path)
        if isinstance(speech, Failure):
            return speech
        embedding = self.embed(speech.audio.samples)
        return guards.embedding_output(path, embedding, speech)

    def embed(self, samples: Tensor) -> Tensor:
        """Return the network's embedding [E] of samples [T] at 16 kHz, on the CPU."""
        import torch

        features, normalise, network = self._modules
        whole = torch.ones(1, device=self._target)
        with torch.inference_mode():
            frames = normalise(features(samples[None].to(self._target)), whole)
            return torch.as_tensor(network(frames, whole))[0, 0].cpu()

    @cached_property
    def _target(self) -> str:
        return resolve_device(self._device)

    @cached_property
    def _files(self) -> list[Path]:
        return hub.files(self._source, _FILES)

    @cached_property
    def _modules(self) -> tuple[Any, Any, Any]:
        """Filter banks, normalisation and network, with weights, on the device."""
        import_torchaudio()  # SpeechBrain imports it, which fails beside CPU-only torch
        settings, weights = self._files
        declared = read(settings, _MODULES)
        features, normalise, network = (_construct(settings, part) for part in declared)
        _load(network, weights)
        for module in (features, normalise, network):
            module.eval().to(self._target)
        return features, normalise, network


def _construct(settings: Path, part: Declared) -> Any:
    module, _, name = part.target.rpartition(".")
    try:
        return getattr(import_optional(module, _EXTRA), name)(**part.arguments)
    except (TypeError, ValueError, AssertionError, IndexError) as error:
        raise UsageError(f"{settings.name}: {part.key}: {error}") from error


def _load(network: Any, weights: Path) -> None:
    import torch

    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise UsageError(
            f"{weights.name}: not the weights of the network that hyperparams.yaml declares "
            f"({reason})"
        ) from error
