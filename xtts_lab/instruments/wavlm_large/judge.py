"""Speaker similarity as seed-tts-eval scores it: an embedding by fine-tuned WavLM-large."""

from __future__ import annotations

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
from xtts_lab.instruments.optional import package_folder
from xtts_lab.instruments.wavlm_large.weights import FILE, networks
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Failure, Json

if TYPE_CHECKING:
    from torch import Tensor

_VERSION = 1  # raise when the output for a clip can change


class WavLmLargeSv(BaseInstrument):
    """Embed the speaker of a clip as seed-tts-eval does (SIM-O is the cosine to the prompt).

    `model` is the path of `wavlm_large_finetune.pth` (microsoft/UniSpeech, speaker verification),
    or of its folder; it is on no hub. The network is transformers' WavLM under a head of our own
    writing; nobody here had the weights, so its figures are not checked against the original's.

    The whole clip at 16 kHz, brought to mean 0 and variance 1. Output: `embedding`, of unit length;
    `speech_s`, `bandwidth_hz`, `band_limited` (see `guards`). A clip without a second of speech is
    a `Failure`.
    """

    free_settings = frozenset({"model"})

    def __init__(self, *, model: str = FILE, device: str = "auto") -> None:
        self._model = Path(model).expanduser()
        self._device = device

    @property
    def identity(self) -> Mapping[str, Json]:
        package_folder("transformers", "speakers")
        return {
            "name": "wavlm_large_sv",
            "weights_sha256": audio.sha256(self._path),
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
        """Return the embedding [E] of samples [T] at 16 kHz, on the CPU."""
        import torch

        wavlm, head = self._networks
        levelled = torch.nn.functional.layer_norm(samples, samples.shape).to(self._target)
        with torch.inference_mode():
            states = wavlm(levelled[None], output_hidden_states=True).hidden_states
            embedding: Tensor = head(torch.stack(states))[0].float().cpu()
        return embedding

    @cached_property
    def _target(self) -> str:
        return resolve_device(self._device)

    @cached_property
    def _path(self) -> Path:
        path = self._model / FILE if self._model.is_dir() else self._model
        if not path.is_file():
            raise UsageError(
                f"wavlm_large_sv: no file '{path}'; fetch {FILE} (github.com/microsoft/UniSpeech, "
                "speaker verification) and give its path as model"
            )
        return path

    @cached_property
    def _networks(self) -> tuple[Any, Any]:
        import_torchaudio()  # transformers looks for it, and it fails beside CPU-only torch
        wavlm, head = networks(self._path)
        return wavlm.to(self._target), head.to(self._target)
