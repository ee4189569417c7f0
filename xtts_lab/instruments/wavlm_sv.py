"""WavLM with an x-vector head as a judge of who speaks (Chen et al. 2022), from transformers."""

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
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Failure, Json

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED = ("microsoft/wavlm-base-plus-sv", "feb593a6c23c1cc3d9510425c29b0a14d2b07b1e")
"""Hub id and commit of the default model: WavLM Base+ fine-tuned on VoxCeleb 1, 512 dimensions."""

_VERSION = 1  # raise when the output for a clip can change
_EXTRA = "speakers"
_FILES = (
    ("config.json",),
    ("preprocessor_config.json",),
    ("model.safetensors", "pytorch_model.bin"),
)
# Weights of training that a checkpoint for inference may lack.
_UNUSED = ("objective.", "wavlm.masked_spec_embed")


class WavLmSv(BaseInstrument):
    """Embed the speaker of a clip with `transformers.WavLMForXVector`.

    `model` is a hub id or a folder (`config.json`, `preprocessor_config.json`, and
    `model.safetensors` or `pytorch_model.bin`); a hub id other than the default needs `revision`, a
    commit. The whole clip at 16 kHz goes in, prepared as the model's own configuration says.

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
        package_folder("transformers", _EXTRA)
        config, preparation, weights = self._files
        return {
            "name": "wavlm_sv",
            "model": self._source.name,
            "config_sha256": audio.sha256(config),
            "preparation_sha256": audio.sha256(preparation),
            "weights_sha256": audio.sha256(weights),
            "min_speech_s": guards.MIN_SPEECH_S,
            "library": f"transformers {version('transformers')}",
            "version": _VERSION,
        }

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the embedding; a clip without speech is a `Failure`."""
        speech = guards.load_speech(path)
        if isinstance(speech, Failure):
            return speech
        return guards.embedding_output(path, self.embed(speech.audio.samples), speech)

    def embed(self, samples: Tensor) -> Tensor:
        """Return the network's embedding [E] of samples [T] at 16 kHz, on the CPU."""
        import torch

        prepared = self._prepare(
            samples.numpy(), sampling_rate=guards.SAMPLE_RATE, return_tensors="pt"
        ).to(self._target)
        with torch.inference_mode():
            return torch.as_tensor(self._network(**prepared).embeddings)[0].float().cpu()

    @cached_property
    def _target(self) -> str:
        return resolve_device(self._device)

    @cached_property
    def _files(self) -> list[Path]:
        return hub.files(self._source, _FILES)

    @cached_property
    def _prepare(self) -> Any:
        import_torchaudio()  # transformers looks for it, and it fails beside CPU-only torch
        transformers = import_optional("transformers", _EXTRA)
        return transformers.Wav2Vec2FeatureExtractor.from_pretrained(
            str(self._files[1].parent), local_files_only=True
        )

    @cached_property
    def _network(self) -> Any:
        import_torchaudio()
        transformers = import_optional("transformers", _EXTRA)
        weights = self._files[2]
        try:
            # From a folder and with tensors alone: nothing is downloaded, and no pickled code runs.
            network, report = transformers.WavLMForXVector.from_pretrained(
                str(weights.parent),
                local_files_only=True,
                weights_only=True,
                use_safetensors=weights.suffix == ".safetensors",
                output_loading_info=True,
            )
        except (OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
            reason = str(error).strip().partition("\n")[0][:200].replace(str(weights.parent), "")
            raise UsageError(
                f"model '{self._source.name}': not a WavLM x-vector checkpoint ({reason})"
            ) from error
        lacking = sorted(k for k in report["missing_keys"] if not k.startswith(_UNUSED))
        if lacking:
            raise UsageError(
                f"model '{self._source.name}': {weights.name} lacks {lacking[0]} "
                f"({len(lacking)} tensors absent)"
            )
        return network.eval().to(self._target)
