"""The reference implementation on the bench, where it is installed (`coqui-tts`)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.inference.limits import check_count
from xtts_lab.systems.base import BaseSystem
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Audio, Failure, Json, Request, Synthesis, Timings

CONDITIONING_RATE = 22_050
"""Hz: what the reference loads references at."""


class CoquiSystem(BaseSystem):
    """coqui-tts' own XTTS with a published checkpoint folder, as its `synthesize` would speak.

    It takes one request at a time and seeds nothing; here the global generators are seeded with
    the request's seed before each. Cloning settings are those of the checkpoint's `config.json`.
    Files are read by us, for its own reader needs torchcodec and ffmpeg. `max_codes` caps a
    sentence, for weights that never stop.
    """

    sample_rate = 24_000

    free_settings = frozenset({"checkpoint"})

    def __init__(
        self, *, checkpoint: Path, device: str = "auto", max_codes: int | None = None
    ) -> None:
        try:
            self._version = version("coqui-tts")
        except PackageNotFoundError as error:
            raise UsageError(
                "the system coqui needs the reference implementation: pip install coqui-tts"
            ) from error
        from xtts_lab.checkpoint.inspecting import check_weights_text, inspect

        self._source = inspect(checkpoint)
        check_weights_text(self._source)
        self.languages = self._source.languages
        self._device = device
        if max_codes is not None:
            check_count("max_codes", max_codes)
        self._limits = {} if max_codes is None else {"max_new_tokens": max_codes}
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
                continue
            try:
                yield self._speak(request)
            except (UsageError, audio.AudioError) as error:
                yield Failure(str(error))

    def _speak(self, request: Request) -> Synthesis:
        import torch

        model, config = self._loaded(), self._loaded().config
        start = time.perf_counter()
        prefix, embedding = self._condition(model, config, request)
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
            **self._limits,
        )
        end = time.perf_counter()
        samples = torch.as_tensor(spoken["wav"], dtype=torch.float32).flatten().cpu()
        timings = Timings(condition_ms=(conditioned - start) * 1e3, total_ms=(end - start) * 1e3)
        return Synthesis(Audio(samples, self.sample_rate), timings=timings)

    def _condition(self, model: Any, config: Any, request: Request) -> tuple[Any, Any]:
        """Do what `get_conditioning_latents` does, with files read by us, no further than it does.

        Raises `UsageError` where all is silent, which the reference does not mind.
        """
        import torch

        from xtts_lab.conditioners.references import Source
        from xtts_lab.conditioners.silence import sound_s

        clips, embeddings = [], []
        heard_s = 0.0
        for reference in request.references:
            source = Source(reference.audio, CONDITIONING_RATE, limit_s=config.max_ref_len)
            samples = source.whole()
            heard_s += sound_s(samples, CONDITIONING_RATE)
            clip = samples[None].to(model.device)
            if config.sound_norm_refs:
                clip = clip / clip.abs().max() * 0.75
            clips.append(clip)
            embeddings.append(model.get_speaker_embedding(clip, CONDITIONING_RATE))
        if heard_s == 0.0:
            raise UsageError("references: all are silent; give recordings of speech")
        prefix = model.get_gpt_cond_latents(
            torch.cat(clips, dim=-1),
            CONDITIONING_RATE,
            length=config.gpt_cond_len,
            chunk_length=config.gpt_cond_chunk_len,
        )
        return prefix, torch.stack(embeddings).mean(dim=0)

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
            model = Xtts(config)
            model.load_checkpoint(config, checkpoint_dir=str(self._source.folder), eval=True)
            self._model = model.to(resolve_device(self._device))
        return self._model
