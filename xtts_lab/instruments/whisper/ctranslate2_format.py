"""Read the variables of a CTranslate2 `model.bin`, file version 6, without CTranslate2.

The layout, little-endian: u32 file version, string name of the specification, u32 its revision,
u32 number of variables; each variable is a string name, u8 rank, rank x u32 dimensions, u8 type,
u32 number of bytes, data; then u32 number of aliases, each a string alias and a string variable.
A string is u16 length, with its closing NUL counted, and the bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FILE_VERSION = 6
_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


class FormatError(ValueError):
    """Bytes that are not a CTranslate2 model of the version read here; one line."""


@dataclass(frozen=True)
class Model:
    """A specification's name and revision, and its variables by name, aliases included."""

    specification: str
    revision: int
    variables: Mapping[str, NDArray[np.generic]]


def parse(data: bytes) -> Model:
    """Parse a whole file; arrays are read-only views of `data`. Raises `FormatError`."""
    reader = _Reader(data)
    version = reader.integer("I")
    if version != FILE_VERSION:
        raise FormatError(f"file version {version} where {FILE_VERSION} is read: no CTranslate2 v6")
    specification, revision = reader.string(), reader.integer("I")
    variables = dict(reader.variable() for _ in range(reader.integer("I")))
    for _ in range(reader.integer("I")):
        alias, name = reader.string(), reader.string()
        if name not in variables:
            raise FormatError(f"alias '{alias}' of '{name}', which is not there")
        variables[alias] = variables[name]
    if reader.position != len(data):
        raise FormatError(f"{len(data) - reader.position} bytes after the last alias")
    return Model(specification, revision, variables)


class _Reader:
    """A position in a file's bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.position = 0

    def _take(self, count: int) -> memoryview:
        start, self.position = self.position, self.position + count
        if self.position > len(self._data):
            raise FormatError(f"truncated: {self.position} bytes wanted, {len(self._data)} there")
        return self._data[start : self.position]

    def integer(self, code: str) -> int:
        value: int = struct.unpack(f"<{code}", self._take(struct.calcsize(code)))[0]
        return value

    def string(self) -> str:
        raw = bytes(self._take(self.integer("H")))
        try:
            return raw.removesuffix(b"\0").decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"a name that is not UTF-8 before byte {self.position}") from error

    def variable(self) -> tuple[str, NDArray[np.generic]]:
        name = self.string()
        shape = [self.integer("I") for _ in range(self.integer("B"))]
        code, size = self.integer("B"), self.integer("I")
        if code not in _TYPES:
            raise FormatError(f"variable '{name}' has type {code}, known are 0 to {max(_TYPES)}")
        dtype = np.dtype(_TYPES[code])
        if math.prod(shape) * dtype.itemsize != size:
            raise FormatError(f"variable '{name}' of shape {shape} cannot hold {size} bytes")
        return name, np.frombuffer(self._take(size), dtype).reshape(shape)
