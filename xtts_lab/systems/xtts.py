"""XTTS on the bench: a checkpoint, ours to take apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from xtts_lab.audio import AudioError
from xtts_lab.device import free_memory
from xtts_lab.errors import UsageError
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import (
    Audio,
    Failure,
    Json,
    Reference,
    Request,
    Synthesis,
    Voice,
)
from xtts_lab.yaml_file import Document, Where

if TYPE_CHECKING:
    from xtts_lab.api import XTTS
    from xtts_lab.inference.sampling import SamplingOptions
    from xtts_lab.inference.serving.requests import RequestServer

ENGINE_VERSION = 13
"""Enters every audio key: raise it when the same weights and seed begin to sound different."""

WINDOW = 512
"""Requests that the fast engine is given at a time: what is done of them is kept at the end."""


class XttsSystem(BaseSystem):
    """Our XTTS with a checkpoint: a folder, a hub id with its commit, or a built-in name.

    `conditioner`, `decoder` and `vocoder` (`name`, its settings, `weights`) replace the
    checkpoint's own, and `sampling` (temperature, top_k, top_p, repetition_penalty) its way to draw
    codes; what is left out is the checkpoint's, and stands in the resolved experiment. A part that
    was not trained
    together with the GPT marks the arm `untrained`. `max_codes` caps an utterance (one code
    of XTTS-v2: 46 ms). `voice` names a studio voice of the checkpoint to speak with instead of
    cloning the references. `coqui_compat` restores the reference implementation's text front end,
    truncation of references and penalty.

    `engine` (auto, fast, plain), `dtype` (float32, bfloat16, float16), `tf32` and `memory_gb` are
    those of `xtts_lab.XTTS`. `batch_size` is of the plain engine: the fast one takes as many
    requests at a time as its memory holds, or `at_once` of them: 1 answers each as a lone listener
    is answered, so that `speed` has its time. Where one does not suffice, a batch is halved.
    `chunks` is the codes a streamed chunk waits for: `20`, or `6:2:40` (first, growth, most).
    """

    free_settings = frozenset(
        {"checkpoint", "conditioner.weights", "decoder.weights", "vocoder.weights"}
    )
    batch_settings = frozenset({"at_once", "batch_size", "memory_gb"})

    def __init__(
        self,
        *,
        checkpoint: str,
        device: str = "auto",
        conditioner: dict[str, Any] | None = None,
        decoder: dict[str, Any] | None = None,
        vocoder: dict[str, Any] | None = None,
        sampling: dict[str, Any] | None = None,
        max_codes: int | None = None,
        voice: str | None = None,
        batch_size: int = 1,
        at_once: int | None = None,
        coqui_compat: bool = False,
        engine: Literal["auto", "fast", "plain"] = "auto",
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
        tf32: bool = False,
        memory_gb: float | None = None,
        chunks: str = str(Schedule()),
    ) -> None:
        from xtts_lab.systems.xtts_parts import XttsParts

        if batch_size < 1:
            raise UsageError(f"batch_size: must be at least 1, not {batch_size}")
        if at_once is not None and not 1 <= at_once <= WINDOW:
            raise UsageError(f"at_once: must be 1 to {WINDOW}, not {at_once}")
        if max_codes is not None and max_codes < 1:
            raise UsageError(f"max_codes: must be at least 1, not {max_codes}")
        if memory_gb is not None and not 0.0 < memory_gb < 1e6:
            raise UsageError(f"memory_gb: must be over 0, not {memory_gb}")
        parts = {"conditioner": conditioner, "decoder": decoder, "vocoder": vocoder}
        written = {**parts, "sampling": sampling}
        self._parts = XttsParts.resolve(checkpoint, written, Where(Document("xtts")))
        self.languages = self._parts.source.languages
        if voice is not None and not self._parts.conditioner.own:
            raise UsageError("voice: studio voices were made by the checkpoint's own conditioner")
        self._device = device
        self._sampling: SamplingOptions = self._parts.options(coqui_compat)
        self._max_codes = max_codes
        self._voice_name = voice
        self._batch_size, self._together = batch_size, at_once
        self._compat = coqui_compat
        self._chunks = Schedule.parse(chunks)
        self.dtype = dtype
        self._speed: dict[str, Any] = {
            "engine": engine, "dtype": dtype, "tf32": tf32, "memory_gb": memory_gb,
        }  # fmt: skip
        self._model: XTTS | None = None
        self._unusable: str | None = None

    @staticmethod
    def complete(settings: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Fill in what the checkpoint decides: its own parts and sampling settings."""
        from xtts_lab.systems.xtts_parts import XttsParts

        resolved = XttsParts.resolve(str(settings["checkpoint"]), settings, where)
        return {**settings, **resolved.spec}

    @staticmethod
    def at_a_time(settings: Mapping[str, Any], device: str | None) -> int:
        """A step of the fast engine takes as long for one request as for a hundred."""
        if device == "cuda" and settings.get("engine") != "plain":
            return int(settings.get("at_once") or WINDOW)
        return BaseSystem.at_a_time(settings, device)

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self._parts.sample_rate

    @property
    def streams(self) -> bool:
        """Whether decoder and vocoder can speak while codes are still to come."""
        return self._parts.streams

    @property
    def needs_reference_text(self) -> bool:
        """Whether the conditioner reads what the references say."""
        return self._voice_name is None and self._parts.needs_text

    @property
    def weights_random(self) -> bool:
        """Whether the checkpoint says that its weights are random, or a part has none."""
        return self._parts.random

    @property
    def untrained(self) -> tuple[str, ...]:
        """Why parts were not trained together with what is beside them; empty where all were."""
        return self._parts.untrained

    @property
    def facts(self) -> Mapping[str, Mapping[str, Json]]:
        """What each part costs: parameters, operations, prefix length."""
        return self._parts.facts

    @property
    def identity(self) -> Mapping[str, Json]:
        voices: dict[str, Json] = {}
        if self._voice_name is not None:
            voices["voices_sha256"] = self._parts.source.voices_sha256()
        return {"version": ENGINE_VERSION, **self._parts.hashes(), **voices}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        size, ahead = self._at_once() if requests else (1, 0)
        batches = [requests[start : start + size] for start in range(0, len(requests), size)]
        if not ahead or len(batches) < 2:
            for batch in batches:
                yield from self._speak(batch)
            return
        pool = ThreadPoolExecutor(1 + ahead)  # one speaks, the others read the texts that follow
        try:
            under_way: deque[Future[list[Synthesis | Failure]]] = deque()
            for batch in batches:
                under_way.append(pool.submit(self._speak, batch))
                if len(under_way) > ahead:
                    yield from under_way.popleft().result()
            for made in under_way:
                yield from made.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _at_once(self) -> tuple[int, int]:
        """How many requests are said together, and how many batches are read ahead meanwhile."""
        try:
            fast = self._loaded().speech.name == "fast"
        except Exception:
            fast = False
        if not fast:
            return self._batch_size, 0
        return self._together or WINDOW, int(self._together != 1)  # read ahead, it is not alone

    def _speak(self, batch: Sequence[Request]) -> list[Synthesis | Failure]:
        """Speak a batch; where it fails, its halves, so that a request fails at most itself."""
        model = self._loaded()
        try:
            return [
                *model.synthesise_batch(
                    batch,
                    sampling=self._sampling,
                    max_codes=self._max_codes,
                    voice=self._voice_name,
                )
            ]
        except Exception as error:  # out of memory, say: whatever it is, it is one request's
            if len(batch) == 1:
                return [Failure(_in_a_line(error))]
        free_memory()  # of the failed batch, so that half of it fits
        middle = len(batch) // 2
        return [*self._speak(batch[:middle]), *self._speak(batch[middle:])]

    def speak_as(self, request: Request, voice: Voice) -> Synthesis | Failure:
        """Say a request with a voice in place of its references."""
        try:
            (made,) = self._loaded().synthesise_batch(
                [request], sampling=self._sampling, max_codes=self._max_codes, voice=voice
            )
        except Exception as error:
            return Failure(_in_a_line(error))
        return made

    def prepare(self, references: Sequence[Reference]) -> Voice:
        """Clone the references, or return the studio voice."""
        model = self._loaded()
        if self._voice_name is not None:
            return model.voice(self._voice_name)
        return model.clone_voice(references)

    def stream(self, request: Request, voice: Voice) -> Iterator[Audio]:
        yield from self._loaded().stream(
            request.text,
            language=request.language,
            voice=voice,
            seed=request.seed,
            sampling=self._sampling,
            max_codes=self._max_codes,
            chunk_codes=self._chunks,
        )

    def serve(self, streams: int) -> RequestServer:
        """Return a server of up to `streams` streams at once."""
        return self._loaded().serve(
            streams,
            sampling=self._sampling,
            max_codes=self._max_codes,
            chunk_codes=self._chunks,
        )

    def warm_up(self) -> None:
        """Load the weights, for which a GPU is started."""
        self._loaded()

    def check(self) -> None:
        """Raise `UsageError` for settings of parts whose pieces do not fit each other."""
        self._parts.check_fit()

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None

    def _loaded(self) -> XTTS:
        """Return the model. One that cannot be used is not read again for every trial."""
        if self._unusable is not None:
            raise UsageError(self._unusable)
        if self._model is None:
            from xtts_lab.api import XTTS

            try:
                self._model = XTTS.from_pretrained(
                    self._parts.source.folder,
                    device=self._device,
                    coqui_compat=self._compat,
                    conditioner=self._parts.conditioner.spec,
                    decoder=self._parts.decoder.spec,
                    vocoder=self._parts.vocoder.spec,
                    **self._speed,
                )
            except UsageError as error:
                self._unusable = str(error)
                raise
        return self._model


def _in_a_line(error: Exception) -> str:
    if isinstance(error, UsageError | AudioError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
