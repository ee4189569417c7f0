"""The client's side of one espeak-ng server process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.espeak import protocol


class EspeakError(RuntimeError):
    """Something that espeak-ng could not say; one line."""


class ServerGoneError(EspeakError):
    """The server process ended before its answer did."""


class Server:
    """One server process; one request at a time. `responses` must be consumed to the end."""

    def __init__(self) -> None:
        library, data = _packaged()
        root = str(Path(__file__).resolve().parents[2])
        # -S -P: nothing but this package and the standard library is importable, which makes the
        # start fast and keeps a stray `json.py` in the user's folder out.
        command = [sys.executable, "-S", "-P", "-m", "xtts_lab.espeak.server", library, data]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": root},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the frames (kind, payload) of the answer, `END` left out.

        Raises `EspeakError` after the last frame if the request failed, `ServerGoneError` if the
        process ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(protocol.encode_request(request))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ServerGoneError("espeak-ng's server process has ended") from None
        failure = b""
        while True:
            kind, payload = self._frame()
            if kind == protocol.END:
                break
            if kind == protocol.ERROR:
                failure += payload
            else:
                yield kind, payload
        if failure or payload:
            raise EspeakError((failure or payload).decode("utf-8", "replace"))

    def _frame(self) -> tuple[bytes, bytes]:
        assert self._process.stdout is not None
        header = self._process.stdout.read(protocol.HEADER_BYTES)
        if len(header) < protocol.HEADER_BYTES:
            raise ServerGoneError("espeak-ng's server process has ended")
        kind, length = protocol.decode_header(header)
        return kind, self._process.stdout.read(length)

    def close(self) -> None:
        """Close the pipes and wait for the process, which ends by itself."""
        self.abandon()
        self._process.wait()

    def abandon(self) -> None:
        """Close this process's ends of the pipes only: after a fork, the server is the parent's."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _packaged() -> tuple[str, str]:
    try:
        import espeakng_loader
    except ImportError:
        raise UsageError("espeak-ng is absent; remedy: pip install espeakng-loader") from None
    return str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path())
