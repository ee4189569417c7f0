"""A hosted or served voice that speaks OpenAI's speech endpoint: POST {base_url}/audio/speech.

So do vLLM-Omni, SGLang-Omni, Kokoro's servers and many hosts. Fields that only some know go in
`extra` (docs of vLLM-Omni: docs.vllm.ai/projects/vllm-omni, "Speech API").
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from xtts_lab import registry
from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.systems.hosted import fields
from xtts_lab.systems.hosted.exchange import Service, ServiceError
from xtts_lab.systems.hosted.pace import Pace, Patience
from xtts_lab.systems.hosted.secrets import Key
from xtts_lab.systems.hosted.speech_bytes import SSE, pcm_pieces, refuse_words, sound_of_events
from xtts_lab.types import (
    LANGUAGES,
    Audio,
    Failure,
    Json,
    Reference,
    Request,
    Synthesis,
    Timings,
)

if TYPE_CHECKING:
    from torch import Tensor

    from xtts_lab.systems.hosted.threads import ThreadedServer

MAX_DURATION_S = 600.0
MOST_BYTES_A_SECOND = 200_000  # stereo 16-bit at 48 kHz
PATH = "/audio/speech"
_FREE = (
    "key_env", "timeout_s", "retries", "back_off_s", "longest_wait_s", "requests_per_minute",
    "at_once", "stream", "stream_extra", "usd_per_million_characters", "usd_per_minute",
)  # fmt: skip


class OpenAiSpeechSystem(BaseSystem):
    """Asks a speech endpoint for each utterance.

    `key_env` names the environment variable with the key (none: no key is sent); its value is never
    written. `format` is what is asked for offline; raw `pcm` is 16-bit mono at `sample_rate`, and
    other formats must come at that rate too. `extra` are further fields of the request, of which a
    value `{language}`, `{language_name}`, `{seed}`, `{reference}` (the first, as a data URL) or
    `{reference_text}` is filled in; `stream_extra` those of streams alone. Streams are PCM, as they
    come (`chunked`) or in server-sent events (`sse`).

    At most `requests_per_minute` are sent (0: no limit; of each worker), `at_once` in parallel.
    What may pass (429, 5xx, a broken connection, `timeout_s` without a byte) is tried again
    `retries` times, after `back_off_s` doubled each time or what the service asks for, up to
    `longest_wait_s`; a stream is not. `usd_per_million_characters` of text and `usd_per_minute` of
    speech give a trial's `cost_usd`. Raise `version` when the service changed what it says.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        voice: str = "",
        key_env: str = "",
        sample_rate: int = 24_000,
        format: Literal["wav", "pcm", "flac", "mp3", "opus"] = "wav",
        languages: Literal["all"] | tuple[str, ...] = "all",
        instructions: str = "",
        speed: float = 1.0,
        extra: dict[str, Any] | None = None,
        stream: Literal["chunked", "sse", "none"] = "chunked",
        stream_extra: dict[str, Any] | None = None,
        requests_per_minute: float = 0.0,
        at_once: int = 1,
        retries: int = 5,
        back_off_s: float = 1.0,
        longest_wait_s: float = 60.0,
        timeout_s: float = 60.0,
        usd_per_million_characters: float = 0.0,
        usd_per_minute: float = 0.0,
        version: str = "",
    ) -> None:
        for code in () if languages == "all" else languages:
            if code not in LANGUAGES:
                raise UsageError(f"openai_speech: {registry.unknown('language', code, LANGUAGES)}")
        self.languages = frozenset(LANGUAGES if languages == "all" else languages)
        self.sample_rate = sample_rate
        self.streams = stream != "none"
        self.free_settings = frozenset(_FREE)
        self._sse, self._format, self._version = stream == "sse", format, version
        self._extra, self._stream_extra = dict(extra or {}), dict(stream_extra or {})
        _check_numbers(sample_rate, speed, requests_per_minute, at_once, retries, timeout_s)
        self._prices = _prices(usd_per_million_characters, usd_per_minute)
        try:
            self._key = Key(key_env)
            self._service = Service(base_url, self._key, timeout_s)
            fields.check(self._extra, "extra")
            fields.check(self._stream_extra, "stream_extra")
        except UsageError as error:
            raise UsageError(f"openai_speech: {error}") from error
        self._said: dict[str, Any] = {
            "model": model, "voice": voice, "instructions": instructions, "speed": speed,
        }  # fmt: skip
        self._written = {"base_url": base_url, **self._said, "extra": self._extra, "v": version}
        names = {*fields.named(self._extra), *fields.named(self._stream_extra)}
        self._clones = "reference" in names
        self.needs_reference_text = "reference_text" in names
        self._pace = Pace(requests_per_minute)
        self._patience = Patience(retries, max(0.0, back_off_s), longest_wait_s)
        self._at_once = at_once
        self._team: ThreadPoolExecutor | None = None

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"protocol": 1}

    def check(self) -> None:
        """Raise `UsageError` where the key is not there, or stands in what is written down."""
        try:
            self._key.refuse_in(self._written | {"stream": self._stream_extra})
        except UsageError as error:
            raise UsageError(f"openai_speech: {error}") from error

    def close(self) -> None:
        """End the threads; requests that have not begun are dropped."""
        if self._team is not None:
            self._team.shutdown(wait=False, cancel_futures=True)
        self._team = None

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield results in order, while up to `at_once` requests are under way."""
        if self._at_once == 1:
            yield from map(self._synthesise, requests)
            return
        self._team = self._team or ThreadPoolExecutor(self._at_once)
        under_way: deque[Future[Synthesis | Failure]] = deque()
        for request in requests:
            under_way.append(self._team.submit(self._synthesise, request))
            if len(under_way) >= self._at_once:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    def _synthesise(self, request: Request) -> Synthesis | Failure:
        attempt = 0
        while True:
            self._pace.wait()
            try:
                return self._asked(request)
            except ServiceError as error:
                wait = self._patience.wait_s(attempt, request.seed, error.headers)
                if not error.again or wait is None:
                    tries = f" (tried {attempt + 1} times)" if attempt else ""
                    return Failure(f"openai_speech: {self._key.hide(str(error))}{tries}")
            except (OSError, ValueError) as error:  # of a reference; AudioError is a ValueError
                return Failure(f"openai_speech: {self._key.hide(str(error))}")
            attempt += 1
            time.sleep(wait)

    def _asked(self, request: Request) -> Synthesis:
        from xtts_lab.systems.sound_files import read_bounded_bytes

        voice = self.prepare(request.references)
        started = time.perf_counter()
        first_s = None
        came: list[bytes] = []
        content = self._content(request, voice, self._format, self._extra)
        with self._service.post(PATH, content, self._most_bytes) as answer:
            refuse_words(answer.content_type, answer.pieces)
            for piece in answer.pieces:
                first_s = first_s or time.perf_counter() - started
                came.append(piece)
        total_s = time.perf_counter() - started
        if not came:
            raise ServiceError("sent no sound", again=True)
        if self._format == "pcm":
            audio = Audio(_joined(pcm_pieces(came)), self.sample_rate)
        else:
            name = f"sound of {self._said['model']}"
            audio = read_bounded_bytes(name, b"".join(came), MAX_DURATION_S)
        if audio.sample_rate != self.sample_rate:
            raise ValueError(
                f"sent sound at {audio.sample_rate} Hz; set sample_rate, which says "
                f"{self.sample_rate}"
            )
        timings = Timings(
            first_audio_ms=None if first_s is None else 1e3 * first_s, total_ms=1e3 * total_s
        )
        return Synthesis(audio, timings=timings, details=self._cost(request, audio))

    def prepare(self, references: Sequence[Reference]) -> dict[str, str]:
        """Return what is sent of the first reference; empty where nothing is.

        Raises `OSError` for audio that cannot be read, `ValueError` for a very long file.
        """
        return fields.voice_of(list(references), self._clones)

    def rest(self) -> None:
        """Return when the next request may be sent: for drivers of the clock, before it starts."""
        self._pace.wait()

    def stream(self, request: Request, voice: dict[str, str]) -> Iterator[Audio]:
        """Yield float32 chunks as they come. Raises `ServiceError`; nothing is tried again."""
        try:
            yield from self._streamed(request, voice)
        except ServiceError as error:
            raise ServiceError(self._key.hide(str(error)), again=error.again) from None

    def _streamed(self, request: Request, voice: dict[str, str]) -> Iterator[Audio]:
        more = {**self._extra, **self._stream_extra}
        content = self._content(request, voice, "pcm", more)
        if self._sse:
            content["stream_format"] = "sse"
        with self._service.post(PATH, content, self._most_bytes) as answer:
            pieces = answer.pieces
            if self._sse and answer.content_type == SSE:
                pieces = sound_of_events(pieces)
            else:
                refuse_words(answer.content_type, pieces)
            came = False
            for samples in pcm_pieces(pieces):
                came = True
                yield Audio(samples, self.sample_rate)
        if not came:
            raise ServiceError("sent no sound", again=False)

    def serve(self, streams: int) -> ThreadedServer:
        """Return a server of up to `streams` streams at once, each a request of its own."""
        from xtts_lab.systems.hosted.threads import ThreadedServer

        return ThreadedServer(self.stream, self.sample_rate, streams)

    @property
    def _most_bytes(self) -> int:
        return int(MAX_DURATION_S * MOST_BYTES_A_SECOND)

    def _content(
        self, request: Request, voice: Mapping[str, str], form: str, extra: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the fields of a request; those that are empty are left to the service."""
        own = {key: value for key, value in self._said.items() if value not in ("", 1.0)}
        more = fields.filled(extra, fields.values_of(request, voice))
        return {**own, "input": request.text, "response_format": form, **more}

    def _cost(self, request: Request, audio: Audio) -> dict[str, Json]:
        if not any(self._prices):
            return {}
        of_text, of_speech = self._prices
        spent = of_text * len(request.text) / 1e6 + of_speech * audio.duration_s / 60.0
        return {"cost_usd": round(spent, 9)}


def _joined(pieces: Iterator[Tensor]) -> Tensor:
    import torch

    return torch.cat(list(pieces))


def _prices(of_text: float, of_speech: float) -> tuple[float, float]:
    if not (0 <= of_text < 1e9 and 0 <= of_speech < 1e9):
        raise UsageError("openai_speech: usd_per_...: prices must be 0 or more")
    return of_text, of_speech


def _check_numbers(
    rate: int, speed: float, per_minute: float, at_once: int, retries: int, timeout_s: float
) -> None:
    if not 4_000 <= rate <= 384_000 or not 0 < speed <= 10:
        raise UsageError("openai_speech: sample_rate (4000 to 384000) or speed (to 10): impossible")
    if not 0 <= per_minute < 1e9 or not 1 <= at_once <= 256 or not 0 <= retries <= 100:
        raise UsageError(
            "openai_speech: requests_per_minute must be 0 (no limit) or more, at_once 1 to 256, "
            "retries 0 to 100"
        )
    if not 0 < timeout_s <= 86_400:
        raise UsageError("openai_speech: timeout_s must be above 0, and at most a day")
