"""XTTS on the bench: a checkpoint, ours to take apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtts_lab.errors import UsageError
from xtts_lab.types import (
    LANGUAGES,
    Audio,
    Failure,
    Json,
    Reference,
    Request,
    Synthesis,
    Voice,
)

if TYPE_CHECKING:
    from xtts_lab.api import XTTS
    from xtts_lab.inference.sampling import SamplingOptions

ENGINE_VERSION = 1
"""Enters every audio key: raise it when the same weights and seed begin to sound different."""

SAMPLING_KEYS = ("temperature", "top_k", "top_p", "repetition_penalty")


class XttsSystem:
    """Our XTTS with a checkpoint: a folder, a hub id with its commit, or a built-in name.

    Sampling settings left out are the checkpoint's own, and stand in the resolved experiment.
    `max_codes` caps an utterance (one code: 46 ms). `voice` names a studio voice of the checkpoint
    to speak with instead of cloning the references. `coqui_compat` restores the reference
    implementation's text front end, truncation of references and penalty. fp32.
    """

    languages = frozenset(LANGUAGES)

    def __init__(
        self,
        *,
        checkpoint: str,
        device: str = "auto",
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float | None = None,
        max_codes: int | None = None,
        voice: str | None = None,
        batch_size: int = 1,
        coqui_compat: bool = False,
    ) -> None:
        from xtts_lab.checkpoint.inspecting import inspect
        from xtts_lab.inference.sampling import SamplingOptions

        if batch_size < 1:
            raise UsageError(f"batch_size: must be at least 1, not {batch_size}")
        if max_codes is not None and max_codes < 1:
            raise UsageError(f"max_codes: must be at least 1, not {max_codes}")
        self._source = inspect(checkpoint)
        self._device = device
        own = asdict(self._source.config.sampling)
        chosen = dict(
            zip(SAMPLING_KEYS, (temperature, top_k, top_p, repetition_penalty), strict=True)
        )
        merged: dict[str, Any] = {
            key: own[key] if value is None else value for key, value in chosen.items()
        }
        self._sampling: SamplingOptions = SamplingOptions(**merged, coqui_compat=coqui_compat)
        self._max_codes = max_codes
        self._voice_name = voice
        self._batch_size = batch_size
        self._compat = coqui_compat
        self._model: XTTS | None = None

    @staticmethod
    def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in what a checkpoint's `config.json` decides: its own sampling settings."""
        from xtts_lab.checkpoint.inspecting import inspect

        own = asdict(inspect(str(settings["checkpoint"])).config.sampling)
        filled = {key: own[key] for key in SAMPLING_KEYS if settings[key] is None}
        return {**settings, **filled}

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self._source.config.sample_rate

    @property
    def weights_random(self) -> bool:
        """Whether the checkpoint says that its weights are random."""
        return self._source.random

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"version": ENGINE_VERSION, **self._source.hashes()}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for start in range(0, len(requests), self._batch_size):
            batch = requests[start : start + self._batch_size]
            if self._voice_name is None and not all(r.references for r in batch):
                yield from map(self._one, batch)
            else:
                yield from self._speak(batch)

    def _one(self, request: Request) -> Synthesis | Failure:
        if not request.references and self._voice_name is None:
            return Failure("no reference to clone; give references, or name a studio voice")
        return self._speak([request])[0]

    def _speak(self, batch: Sequence[Request]) -> list[Synthesis]:
        return self._loaded().synthesise_batch(
            batch, sampling=self._sampling, max_codes=self._max_codes, voice=self._voice_name
        )

    def prepare(self, references: Sequence[Reference]) -> Voice:
        """Clone the references, or return the studio voice."""
        model = self._loaded()
        if self._voice_name is not None:
            return model.voice(self._voice_name)
        return model.clone_voice([reference.audio for reference in references])

    def stream(self, request: Request, voice: Voice) -> Iterator[Audio]:
        yield from self._loaded().stream(
            request.text,
            language=request.language,
            voice=voice,
            seed=request.seed,
            sampling=self._sampling,
            max_codes=self._max_codes,
        )

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None

    def _loaded(self) -> XTTS:
        if self._model is None:
            from xtts_lab.api import XTTS

            self._model = XTTS.from_pretrained(
                self._source.folder, device=self._device, coqui_compat=self._compat
            )
        return self._model
