"""Speech as services send it: a file's bytes, raw PCM in pieces, or events that hold such pieces.

Raw PCM is 16 bits, little-endian, mono, at the rate that the experiment says. T samples.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from xtts_lab.systems.hosted.exchange import ServiceError

if TYPE_CHECKING:
    from torch import Tensor

SSE = "text/event-stream"
_NO_SOUND = ("text/", "application/json", "application/xml", "application/problem")


def refuse_words(content_type: str, pieces: Iterable[bytes]) -> None:
    """Raise `ServiceError` for an answer that says that it is no sound."""
    if content_type.startswith(_NO_SOUND):
        said = b"".join(pieces)[:200].decode("utf-8", "replace")
        raise ServiceError(f"answered {content_type} instead of sound: {said}", again=False)


def pcm_pieces(pieces: Iterable[bytes]) -> Iterator[Tensor]:
    """Yield float32 samples [T] as their bytes come; raises `ServiceError` for half a sample."""
    left = b""
    for piece in pieces:
        data = left + piece
        whole = len(data) - len(data) % 2
        left = data[whole:]
        if whole:
            yield _samples(data[:whole])
    if left:
        raise ServiceError("ended in the middle of a sample", again=True)


def _samples(data: bytes) -> Tensor:
    import numpy as np
    import torch

    values = np.frombuffer(data, dtype="<i2").astype(np.float32)
    return torch.from_numpy(values / np.float32(32768.0))


def sound_of_events(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the sound in server-sent events (`speech.audio.delta`), as its events come.

    Raises `ServiceError` for an event that says error or cannot be read, and for an end without
    the event that is the last.
    """
    for event in _events(pieces):
        if event == "[DONE]":
            return
        try:
            found = json.loads(event)
            kind = str(found.get("type") or "")
            if kind == "speech.audio.done":
                return
            sound = found.get("audio")
            if "error" in kind or (sound is None and found.get("error")):
                raise ServiceError(f"error in the stream: {str(found)[:120]}", again=False)
            if sound is not None:
                yield base64.b64decode(sound, validate=True)
        except (ValueError, AttributeError, TypeError, binascii.Error) as error:
            raise ServiceError("sent an event that cannot be read", again=False) from error
    raise ServiceError("ended before its last event", again=True)


def _events(pieces: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of events: lines `data: ...`, joined up to a blank line."""
    data: list[str] = []
    for line in _lines(pieces):
        if line.startswith("data:"):
            data.append(line[5:].strip())
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    left = b""
    for piece in pieces:
        *whole, left = (left + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
    if left:
        yield left.decode("utf-8", "replace").rstrip("\r")
