"""Run a program without a shell, with a time limit, keeping the end of what it complains about."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

TAIL_BYTES = 8192
TAIL_LINES, MAX_TAIL = 2, 240  # characters
GRACE_S = 1.0

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ADDRESSES = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_FOLDERS = re.compile(r"(?<![\w.~/])~?(?:/[^\s/:'\"`,;()<>\[\]]+)*/(?=[^\s/:'\"`,;()<>\[\]])")


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code, None where its time was up, and its last complaints."""

    code: int | None
    complaint: str


def run(arguments: Sequence[str], timeout_s: float, hide: str = "") -> Ended:
    """Run a program to its end, or until `timeout_s`; nothing that it started in its session stays.

    Its standard input is empty, its standard output discarded. `hide` is a random name (of a
    temporary folder) that the complaint must not hold. Raises `OSError` and `ValueError` where the
    program cannot be started.
    """
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    tail = _Tail(process.stderr)
    try:
        code: int | None = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        _end_group(process)
    return Ended(code, complaint(tail.end(), hide))


def complaint(raw: bytes, hide: str = "") -> str:
    """Return the last lines of an error stream on one line, without folders, colours or controls.

    Paths keep their last part alone, addresses nothing: they differ from run to run, and the
    message must not.
    """
    text = _ESCAPES.sub("", raw.decode("utf-8", "replace"))
    text = _ADDRESSES.sub("0x", text.replace(hide, "folder") if hide else text)
    lines = [line.rpartition("\r")[2].strip() for line in text.replace("\r\n", "\n").split("\n")]
    said = " | ".join([line for line in lines if line][-TAIL_LINES:])
    said = "".join(c if c.isprintable() else " " for c in _FOLDERS.sub("", said))
    return said if len(said) <= MAX_TAIL else f"...{said[-MAX_TAIL:]}"


class _Tail:
    """Read a stream to its end in a thread, so that the program never waits, and keep the end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            while block := os.read(self._stream.fileno(), 65_536):
                self._kept = (self._kept + block)[-TAIL_BYTES:]

    def end(self) -> bytes:
        # A child that left the session may hold the stream open for ever: it is not waited for.
        self._thread.join(GRACE_S)
        if not self._thread.is_alive():
            self._stream.close()
        return self._kept


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a program and of the children in its session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
