"""One request to a service and its answer, over HTTP; nothing here knows of speech.

Redirects are not followed, as they would take the key to another host; proxies are not used.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from xtts_lab.errors import UsageError
from xtts_lab.notices import one_line
from xtts_lab.systems.hosted.secrets import Key

_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Answers that another try may change."""
_REFUSED = frozenset({401, 403})
_PIECE = 65_536
_MOST_SAID = 2_000
"""Bytes of an error's body that are read."""


class ServiceError(Exception):
    """A request without an answer that can be used: one line, and whether to try again."""

    def __init__(self, said: str, *, again: bool, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(said)
        self.again = again
        self.headers = headers or {}


@dataclass(frozen=True)
class Answer:
    """The body as it comes, and what the service said before it."""

    content_type: str
    pieces: Iterator[bytes] = field(repr=False)


class Service:
    """Where requests go. Raises `UsageError` for an address that cannot be one."""

    def __init__(self, base_url: str, key: Key, timeout_s: float) -> None:
        self._key, self._timeout_s = key, timeout_s
        try:
            parts = urlsplit(base_url)
            self._port = parts.port
        except ValueError as error:
            raise UsageError(f"base_url: is no address ({error})") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("base_url: must begin http:// or https://, and name a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError(
                "base_url: must hold no name, password or query: they are written down"
            )
        self._https, self._host = parts.scheme == "https", parts.hostname
        self._path = parts.path.rstrip("/")

    @contextmanager
    def post(self, path: str, content: Mapping[str, Any], most_bytes: int) -> Iterator[Answer]:
        """Hold the answer to JSON open.

        Raises `ServiceError` for whatever goes wrong before the body or in it, also for one of more
        than `most_bytes`.
        """
        connection = self._connection()
        try:
            connection.request("POST", f"{self._path}{path}", self._body(content), self._headers())
            response = connection.getresponse()
            if response.status != 200:
                raise self._refused(response)
            kind = str(response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
            yield Answer(kind, self._pieces(response, most_bytes))
        except ServiceError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(self._said(error), again=True) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._https:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout_s, context=context
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)

    def _body(self, content: Mapping[str, Any]) -> bytes:
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")

    def _headers(self) -> dict[str, str]:
        key = self._key.value()
        sent = {"Content-Type": "application/json", "User-Agent": "xtts_lab"}
        return {**sent, "Authorization": f"Bearer {key}"} if key else sent

    def _pieces(self, response: http.client.HTTPResponse, most_bytes: int) -> Iterator[bytes]:
        """Yield what has come, as soon as it has."""
        came = 0
        while True:
            try:
                piece = response.read1(_PIECE)
            except (OSError, http.client.HTTPException) as error:
                raise ServiceError(f"broke off: {self._said(error)}", again=True) from error
            if not piece:
                break
            came += len(piece)
            if came > most_bytes:
                raise ServiceError(f"sent more than {most_bytes:,} bytes", again=False)
            yield piece
        if response.length:  # of a Content-Length
            raise ServiceError(f"broke off {response.length:,} bytes before the end", again=True)

    def _refused(self, response: http.client.HTTPResponse) -> ServiceError:
        status = response.status
        if status in _REFUSED:  # such answers may quote the key
            return ServiceError(f"HTTP {status}: it refuses the key, or wants one", again=False)
        said = ""
        with suppress(OSError, http.client.HTTPException):
            said = _message(response.read(_MOST_SAID))
        text = one_line(self._key.hide(said))[:200]
        line = f"HTTP {status}{f': {text}' if text else ''}"
        return ServiceError(line, again=status in _AGAIN, headers=dict(response.headers.items()))

    def _said(self, error: BaseException) -> str:
        words = str(error) or type(error).__name__
        return one_line(self._key.hide(f"{type(error).__name__}: {words}"))[:200]


def _message(body: bytes) -> str:
    """Return what an error's body says: the message of the usual JSON, or its text."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    while isinstance(found, dict):
        found = next((found[k] for k in ("error", "message", "detail") if k in found), "")
    return str(found)
