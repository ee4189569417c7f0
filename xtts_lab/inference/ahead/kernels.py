"""What stands between products of 8 bits, each in one pass, compiled at its first call.

K rows, D width, O outputs, H heads, W width of a head. Between products torch takes some twenty
operations, which together cost as much as the products: their code has left the processor's caches
each time, for the weights have gone through them.

`numbers` int8 [2 K, D]: rows in steps of each row, whole (of 127), and what that leaves over (of
127 either way of half a step). `steps` [K]: how large a row's are. `made` [2 K, O]: the product of
`numbers` by weights, and `finer` [K, O]: of the whole ones by what the weights leave over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.int8]
Whole: TypeAlias = NDArray[np.int32]

STEPS, FINER = np.float32(127), np.float32(254)
_NEAREST, _BEHIND = np.float32(128.5), np.int32(128)  # truncation of what is positive rounds
_LEAST, _ONE = np.float32(1e-30), np.float32(1)
_INNER = np.float32(-2 / math.log(2) * math.sqrt(2 / math.pi))
_CUBIC, _MOST = np.float32(0.044715 * _INNER), np.float32(125)
_S0, _S1, _S2, _S3, _S4, _S5, _S6 = (
    np.float32(math.log(2) ** k / math.factorial(k)) for k in range(7)
)
_FLAGS: dict[str, Any] = {"fastmath": {"nnan", "nsz", "reassoc", "contract"}, "nogil": True}


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Kept on disk beside this file, or where the system keeps such things, if that can be."""
    made: Callable[..., None]
    try:
        made = njit(cache=True, **_FLAGS)(function)
    except RuntimeError:
        made = njit(**_FLAGS)(function)
    return made


_Given = TypeVar("_Given", bound=Callable[..., Any])


def _inlined(function: _Given) -> _Given:
    made: _Given = njit(inline="always", **_FLAGS)(function)
    return made


@_inlined
def _write(row: Floats, numbers: Bytes, steps: Floats, k: int, count: int) -> None:
    """One row [D] as numbers of 8 bits."""
    most = _LEAST
    for d in range(row.shape[0]):
        most = max(most, abs(row[d]))
    step = most / STEPS
    steps[k] = step
    each = _ONE / step
    for d in range(row.shape[0]):
        scaled = row[d] * each
        whole = np.int32(scaled + _NEAREST) - _BEHIND
        left = (scaled - np.float32(whole)) * FINER
        numbers[k, d] = np.int8(whole)
        numbers[count + k, d] = np.int8(np.int32(left + _NEAREST) - _BEHIND)


@_inlined
def _read(made: Floats, finer: Floats, k: int, count: int, at: int) -> np.float32:
    """One number of a product, but for the row's steps."""
    whole: np.float32 = made[k, at] + (made[count + k, at] + finer[k, at]) / FINER
    return whole


@_inlined
def _norm(row: Floats, weight: Floats, bias: Floats, epsilon: float, normed: Floats) -> None:
    width = row.shape[0]
    total = np.float32(0)
    for d in range(width):
        total += row[d]
    mean = total / np.float32(width)
    squares = np.float32(0)
    for d in range(width):
        off = row[d] - mean
        squares += off * off
    scale = _ONE / np.sqrt(squares / np.float32(width) + np.float32(epsilon))
    for d in range(width):
        normed[d] = (row[d] - mean) * scale * weight[d] + bias[d]


@_inlined
def _gelu(row: Floats, series: Floats, bits: Whole) -> None:
    """GELU in its tanh form, x / (1 + 2 ^ z), to about 1e-7 of x, in place.

    2 ^ z is 2 ^ n, by its `bits`, times a `series` of what is left, at most half either way.
    """
    for d in range(row.shape[0]):
        z = row[d] * (_INNER + _CUBIC * row[d] * row[d])
        z = _MOST if z > _MOST else z
        z = -_MOST if z < -_MOST else z
        n = np.int32(z + _NEAREST) - _BEHIND
        f = z - np.float32(n)
        series[d] = _S0 + f * (_S1 + f * (_S2 + f * (_S3 + f * (_S4 + f * (_S5 + f * _S6)))))
        bits[d] = (n + np.int32(127)) << np.int32(23)
    powers = bits.view(np.float32)  # number by number the compiler would not see vectors
    for d in range(row.shape[0]):
        row[d] = row[d] / (_ONE + powers[d] * series[d])


@_compiled
def normed(
    x: Floats, weight: Floats, bias: Floats, epsilon: float, numbers: Bytes, steps: Floats
) -> None:
    """Rows `x` [K, D], normalised, as `numbers` and `steps`."""
    count, width = x.shape
    row = np.empty(width, np.float32)
    for k in range(count):
        _norm(x[k], weight, bias, epsilon, row)
        _write(row, numbers, steps, k, count)


@_compiled
def placed(
    made: Floats,
    finer: Floats,
    steps: Floats,
    bias: Floats,
    scale: float,
    query: Floats,
    keys: Floats,
    values: Floats,
    slot: int,
) -> None:
    """A product is query [H, K, W], times `scale`, and keys and values from `slot` on.

    `keys` and `values` [1, H, L, W].
    """
    heads, count, width = query.shape
    for k in range(count):
        for h in range(heads):
            for w in range(width):
                at = h * width + w
                query[h, k, w] = (_read(made, finer, k, count, at) * steps[k] + bias[at]) * scale
            for w in range(width):
                at = (heads + h) * width + w
                keys[0, h, slot + k, w] = _read(made, finer, k, count, at) * steps[k] + bias[at]
            for w in range(width):
                at = (2 * heads + h) * width + w
                values[0, h, slot + k, w] = _read(made, finer, k, count, at) * steps[k] + bias[at]


@_compiled
def joined(heads: Floats, numbers: Bytes, steps: Floats) -> None:
    """What heads found [H, K, W], side by side, as `numbers` and `steps`."""
    many, count, width = heads.shape
    row = np.empty(many * width, np.float32)
    for k in range(count):
        for h in range(many):
            for w in range(width):
                row[h * width + w] = heads[h, k, w]
        _write(row, numbers, steps, k, count)


@_compiled
def added(made: Floats, finer: Floats, steps: Floats, bias: Floats, x: Floats) -> None:
    """A product and its bias are added to `x` [K, O], in place."""
    count, width = x.shape
    for k in range(count):
        for o in range(width):
            x[k, o] += _read(made, finer, k, count, o) * steps[k] + bias[o]


@_compiled
def fed(
    made: Floats, finer: Floats, steps: Floats, bias: Floats, numbers: Bytes, found: Floats
) -> None:
    """What GELU makes of a product and its bias, as `numbers` and steps `found`."""
    count, width = found.shape[0], bias.shape[0]
    row, series, bits = (
        np.empty(width, np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.int32),
    )
    for k in range(count):
        for o in range(width):
            row[o] = _read(made, finer, k, count, o) * steps[k] + bias[o]
        _gelu(row, series, bits)
        _write(row, numbers, found, k, count)
