"""espeak-ng, deterministic: the samples depend on text, language, variant and rate alone."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Self

from xtts_lab.espeak.client import EspeakError, Server, ServerGoneError
from xtts_lab.espeak.text import readable
from xtts_lab.espeak.variants import Variant
from xtts_lab.languages import BY_CODE
from xtts_lab.registry import unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 22050
RATE_WPM = 165
CODE_VERSION = 2
"""Raised whenever this package changes what is said for the same input."""


def identity() -> dict[str, str | int]:
    """Return what determines the samples beside the request; reads package metadata only."""
    packages = ("espeakng-loader", "fugashi", "unidic-lite")
    return {**{name: _version(name) for name in packages}, "xtts_lab.espeak": CODE_VERSION}


class Engine:
    """Speaks through server processes of its own, started when first needed.

    Each request in flight has a server to itself, so that threads and interleaved streams do not
    wait for each other. After a fork, a child process starts its own. Servers end with `close`,
    with the engine, or with the process.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._idle: list[Server] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._finalizer = weakref.finalize(self, _close_all, self._idle, self._pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the idle servers; a later request starts a fresh one."""
        with self._lock:
            _close_all(self._idle, self._pid)

    def speak(
        self, text: str, language: str, variant: Variant | None = None, *, rate_wpm: int = RATE_WPM
    ) -> NDArray[np.int16]:
        """Return int16 [T] at 22 050 Hz.

        Raises `EspeakError` for an unknown language, for text in which there is nothing to say,
        and when espeak-ng crashes.
        """
        import numpy as np

        return np.concatenate(list(self.stream(text, language, variant, rate_wpm=rate_wpm)))

    def stream(
        self, text: str, language: str, variant: Variant | None = None, *, rate_wpm: int = RATE_WPM
    ) -> Iterator[NDArray[np.int16]]:
        """Yield int16 [T] chunks of about 90 ms, which join to the samples of `speak`.

        Nothing is asked before the first `next`. Raises as `speak` does; that there is nothing to
        say shows only after the last chunk.
        """
        import numpy as np

        request = self._request(text, language, variant, rate_wpm)
        heard = False
        for payload in self._ask(request):
            chunk = np.frombuffer(payload, dtype="<i2")
            heard = heard or bool(chunk.any())
            yield chunk
        if not heard:
            raise EspeakError(_nothing(text))

    def phonemes(self, text: str, language: str, *, punctuation: bool = False) -> str:
        """Return the IPA of a text, one line a clause; `(en)` and the like mark foreign words.

        With `punctuation`, a clause ends with its own mark, if any: one of , ; : . ! ? — …
        """
        return self.phonemes_of([text], language, punctuation=punctuation)[0]

    def phonemes_of(
        self, texts: Sequence[str], language: str, *, punctuation: bool = False
    ) -> list[str]:
        """Return `phonemes` of each text, in one round: thousands a second instead of hundreds."""
        voice = voice_file(language)
        plain = [readable(text, language) for text in texts]
        if not plain:
            return []
        if "" in plain:
            raise EspeakError(_nothing(texts[plain.index("")]))
        request = {"mode": "phonemes", "texts": plain, "punctuation": punctuation}
        answer = b"".join(self._ask({**request, "voice": voice, "variant": ""}))
        return answer.decode().split("\0")

    def _request(
        self,
        text: str,
        language: str,
        variant: Variant | None,
        rate_wpm: int,
    ) -> dict[str, Any]:
        voice = voice_file(language)
        plain = readable(text, language)
        if not plain:
            raise EspeakError(_nothing(text))
        lines = variant.to_text() if variant else ""
        return {"mode": "audio", "text": plain, "voice": voice, "variant": lines, "rate": rate_wpm}

    def _ask(self, request: dict[str, Any]) -> Iterator[bytes]:
        """Yield the payloads of an answer; a server that died meanwhile is replaced once."""
        answered = False
        try:
            for payload in self._ask_once(request):
                answered = True
                yield payload
        except ServerGoneError:
            if answered:
                raise
            self.close()
            yield from self._ask_once(request)

    def _ask_once(self, request: dict[str, Any]) -> Iterator[bytes]:
        server = self._take()
        reusable = False
        try:
            for _kind, payload in server.ask(request):
                yield payload
            reusable = True
        except ServerGoneError:
            raise
        except EspeakError:
            reusable = True  # the child failed; its server goes on
            raise
        finally:
            # A listener who leaves early makes the server's child stop, and the server with it.
            if reusable:
                self._give(server)
            else:
                server.close()

    def _take(self) -> Server:
        if self._pid != os.getpid():
            # After a fork: let go of the parent's servers, and of its lock, which may be held.
            self._finalizer()
            self._start()
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Server()

    def _give(self, server: Server) -> None:
        with self._lock:
            self._idle.append(server)


def _close_all(servers: list[Server], owner: int) -> None:
    while servers:
        server = servers.pop()
        if owner == os.getpid():
            server.close()
        else:
            server.abandon()


def _nothing(text: str) -> str:
    return f"there is nothing to say in {text[:40]!r}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def voice_file(language: str) -> str:
    """Return a language's voice below `espeak-ng-data/lang`; `EspeakError` for one not ours."""
    if language not in BY_CODE:
        raise EspeakError(unknown("language", language, BY_CODE))
    return BY_CODE[language].espeak
