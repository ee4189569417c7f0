"""What the client and the server of espeak-ng say to each other over pipes.

A request is a length-prefixed JSON object. A response is any number of frames, the last of kind
`END`. No frame exceeds PIPE_BUF, so that POSIX writes each whole or not at all: a child that dies
while speaking can never leave half a frame behind. Standard library only.
"""

from __future__ import annotations

import json
import os
import select
import struct
from typing import Any

AUDIO, PHONEMES, ERROR, END = b"A", b"P", b"E", b"."
"""PCM int16; a piece of UTF-8; one line on what went wrong; the end (its payload: a crash)."""

_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<cH")
HEADER_BYTES = _HEADER.size
PAYLOAD_BYTES = (select.PIPE_BUF - HEADER_BYTES) & ~1
"""The longest payload of a frame; even, so that no sample is split."""


def encode_request(request: dict[str, Any]) -> bytes:
    body = json.dumps(request).encode()
    return _LENGTH.pack(len(body)) + body


def read_request(descriptor: int) -> dict[str, Any] | None:
    """Return the next request, or None when the other side has closed the pipe."""
    head = _read_exactly(descriptor, _LENGTH.size)
    body = head and _read_exactly(descriptor, _LENGTH.unpack(head)[0])
    if not body:
        return None
    request: dict[str, Any] = json.loads(body)
    return request


def decode_header(header: bytes) -> tuple[bytes, int]:
    """Return a frame's kind and the length of its payload in bytes."""
    kind, length = _HEADER.unpack(header)
    return kind, length


def write_frames(descriptor: int, kind: bytes, payload: bytes) -> None:
    """Write a payload of any length as frames of one kind; an empty one as a single frame."""
    for start in range(0, len(payload) or 1, PAYLOAD_BYTES):
        part = payload[start : start + PAYLOAD_BYTES]
        os.write(descriptor, _HEADER.pack(kind, len(part)) + part)


def _read_exactly(descriptor: int, count: int) -> bytes:
    parts = []
    while count and (part := os.read(descriptor, min(count, 1 << 20))):
        parts.append(part)
        count -= len(part)
    return b"" if count else b"".join(parts)
