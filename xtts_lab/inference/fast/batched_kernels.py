"""Triton kernels between the matrix products of a decoding step of many rows.

B rows, D width, H heads, W width of a head, L capacity of the cache.
"""

from __future__ import annotations

import triton
import triton.language as tl

from xtts_lab.inference.fast.kernels import normalised


@triton.jit
def settle_norm_kernel(
    x, made, gamma, beta, normed, D, eps, ADDS: tl.constexpr, BLOCK_D: tl.constexpr
):
    """x [B, D] += made [B, D], then its layer norm -> `normed` [B, D] in its own dtype."""
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK_D)
    inside = columns < D
    value = tl.load(x + row * D + columns, mask=inside, other=0.0)
    if ADDS:
        value += tl.load(made + row * D + columns, mask=inside, other=0.0).to(tl.float32)
        tl.store(x + row * D + columns, value, mask=inside)
    result = normalised(value, gamma, beta, columns, inside, D, eps)
    tl.store(normed + row * D + columns, result.to(normed.dtype.element_ty), mask=inside)


@triton.jit
def row_attention_kernel(
    qkv, keys, values, slots, attended, D, H, L, scale,
    W: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_L: tl.constexpr,
):  # fmt: skip
    """Projected rows qkv [B, 3 D]: a slot of the cache [B, H, L, W] more, and `attended` [B, D].

    One program a row and head.
    """
    pair = tl.program_id(0)
    row, head = pair // H, pair % H
    lanes = tl.arange(0, BLOCK_W)
    wide = lanes < W
    base = qkv + row * 3 * D + head * W + lanes
    slot = tl.load(slots + row)
    q = tl.load(base, mask=wide, other=0.0).to(tl.float32) * scale
    key = tl.load(base + D, mask=wide, other=0.0).to(keys.dtype.element_ty)
    value = tl.load(base + 2 * D, mask=wide, other=0.0).to(values.dtype.element_ty)
    own = (pair.to(tl.int64) * L + slot) * W + lanes
    tl.store(keys + own, key, mask=wide)
    tl.store(values + own, value, mask=wide)
    peak = tl.sum(key.to(tl.float32) * q, axis=0)
    total = 1.0
    acc = value.to(tl.float32)
    for start in range(0, slot, BLOCK_L):
        places = start + tl.arange(0, BLOCK_L)
        inside = places < slot
        cells = (pair.to(tl.int64) * L + places[:, None]) * W + lanes[None, :]
        both = inside[:, None] & wide[None, :]
        k = tl.load(keys + cells, mask=both, other=0.0).to(tl.float32)
        v = tl.load(values + cells, mask=both, other=0.0).to(tl.float32)
        score = tl.where(inside, tl.sum(k * q[None, :], axis=1), -1e30)
        top = tl.maximum(peak, tl.max(score, axis=0))
        weight = tl.where(inside, tl.exp(score - top), 0.0)
        fade = tl.exp(peak - top)
        acc = acc * fade + tl.sum(v * weight[:, None], axis=0)
        total = total * fade + tl.sum(weight, axis=0)
        peak = top
    made = (acc / total).to(attended.dtype.element_ty)
    tl.store(attended + row * D + head * W + lanes, made, mask=wide)
