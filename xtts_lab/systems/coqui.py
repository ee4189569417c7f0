"""The reference implementation on the bench, where it is installed (`coqui-tts`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import LANGUAGES, Audio, Failure, Json, Request, Synthesis, Timings


class CoquiSystem:
    """coqui-tts' own XTTS with a published checkpoint folder, as its `synthesize` would speak.

    It takes one request at a time and seeds nothing; here the global generators are seeded with
    the request's seed before each. Cloning settings are those of the checkpoint's `config.json`.
    """

    languages = frozenset(LANGUAGES)
    sample_rate = 24_000

    def __init__(self, *, checkpoint: Path, device: str = "auto") -> None:
        try:
            self._version = version("coqui-tts")
        except PackageNotFoundError as error:
            raise UsageError(
                "the system coqui needs the reference implementation: pip install coqui-tts"
            ) from error
        from xtts_lab.checkpoint.inspecting import inspect

        self._source = inspect(checkpoint)
        self._device = device
        self._model: Any = None

    @property
    def weights_random(self) -> bool:
        """Whether the checkpoint says that its weights are random."""
        return self._source.random

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"version": 1, "coqui-tts": self._version, **self._source.hashes()}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            if not request.references:
                yield Failure("no reference to clone; give references")
            else:
                yield self._speak(request)

    def _speak(self, request: Request) -> Synthesis:
        import torch

        model, config = self._loaded(), self._loaded().config
        start = time.perf_counter()
        prefix, embedding = model.get_conditioning_latents(
            audio_path=[str(reference.audio) for reference in request.references],
            gpt_cond_len=config.gpt_cond_len,
            gpt_cond_chunk_len=config.gpt_cond_chunk_len,
            max_ref_length=config.max_ref_len,
            sound_norm_refs=config.sound_norm_refs,
        )
        conditioned = time.perf_counter()
        torch.manual_seed(request.seed)
        spoken = model.inference(
            request.text,
            request.language,
            prefix,
            embedding,
            temperature=config.temperature,
            length_penalty=config.length_penalty,
            repetition_penalty=float(config.repetition_penalty),
            top_k=config.top_k,
            top_p=config.top_p,
            enable_text_splitting=True,
        )
        end = time.perf_counter()
        samples = torch.as_tensor(spoken["wav"], dtype=torch.float32).flatten().cpu()
        timings = Timings(condition_ms=(conditioned - start) * 1e3, total_ms=(end - start) * 1e3)
        return Synthesis(Audio(samples, self.sample_rate), timings=timings)

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None

    def _loaded(self) -> Any:
        if self._model is None:
            import_torchaudio()  # first, so that coqui-tts finds it beside CPU-only torch
            from TTS.tts.configs.xtts_config import XttsConfig
            from TTS.tts.models.xtts import Xtts

            config = XttsConfig()
            config.load_json(str(self._source.folder / "config.json"))
            model = Xtts.init_from_config(config)
            model.load_checkpoint(config, checkpoint_dir=str(self._source.folder), eval=True)
            self._model = model.to(resolve_device(self._device))
        return self._model
