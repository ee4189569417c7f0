"""Triton kernels that read one prompt in float32: products of few rows, each weight read once.

S rows (positions), D width, K inputs and N outputs of a product, H heads, W width of a head, L
capacity of the cache.

A tensor core has no float32, but three products of halves make one of about float32's accuracy:
what is multiplied by weights is kept as a pair of float16 (see `hifigan.paired_kernels`), a weight
is taken apart where it is read. K is cut into shares, so that there are programs enough to wait for
memory; the last share to arrive at a tile adds them up, always in the same order. Attention takes
three products of TF32 instead, which the compiler writes (`tf32x3`).
"""

from __future__ import annotations

import triton
import triton.language as tl

from xtts_lab.inference.fast.hifigan.paired_kernels import FINE, SCALE, store_pair
from xtts_lab.inference.fast.kernels import await_inputs, gelu, normalised


@triton.jit
def norm_kernel(
    x, gamma, beta, normed, count, S, D, eps,
    BLOCK_D: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Layer norm of the first `count` rows of x [S, D] -> the pair `normed` [2, S, D]."""
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK_D)
    await_inputs(PDL, EARLY)
    inside = (columns < D) & (row < tl.load(count))
    value = tl.load(x + row * D + columns, mask=inside, other=0.0)
    result = normalised(value, gamma, beta, columns, inside, D, eps)
    store_pair(result, normed, normed + S * D, row * D + columns, inside, 1.0)


@triton.jit
def split(tile):
    """Weights as a pair: [..] float32 -> two of float16."""
    high = tile.to(tl.float16)
    return high, ((tile - high.to(tl.float32)) * FINE).to(tl.float16)


@triton.jit
def share_product(
    x, weight, rows, outputs, some, known, S, K, begin, end,
    BLOCK_S: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """Rows x [2, S, K] by weights [N, K] over the inputs `begin` to `end` -> [BLOCK_S, BLOCK_N]."""
    large = tl.zeros([BLOCK_S, BLOCK_N], dtype=tl.float32)
    small = tl.zeros([BLOCK_S, BLOCK_N], dtype=tl.float32)
    for start in range(begin, end, BLOCK_K):
        inputs = start + tl.arange(0, BLOCK_K)
        inside = inputs < K
        places = outputs[None, :] * K + inputs[:, None]
        tile = tl.load(weight + places, mask=known[None, :] & inside[:, None], other=0.0)
        cells = rows[:, None] * K + inputs[None, :]
        both = some[:, None] & inside[None, :]
        value = tl.load(x + cells, mask=both, other=0.0)
        fine = tl.load(x + S * K + cells, mask=both, other=0.0)
        high, low = split(tile)
        large = tl.dot(value, high, large)
        small = tl.dot(value, low, small)
        small = tl.dot(fine, high, small)
    return (large + small * (1.0 / FINE)) * SCALE


@triton.jit
def turned_product(
    x, weight, rows, outputs, some, known, S, K, begin, end,
    BLOCK_S: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """The same, weights as the left factor."""
    large = tl.zeros([BLOCK_N, BLOCK_S], dtype=tl.float32)
    small = tl.zeros([BLOCK_N, BLOCK_S], dtype=tl.float32)
    for start in range(begin, end, BLOCK_K):
        inputs = start + tl.arange(0, BLOCK_K)
        inside = inputs < K
        places = outputs[:, None] * K + inputs[None, :]
        tile = tl.load(weight + places, mask=known[:, None] & inside[None, :], other=0.0)
        cells = rows[None, :] * K + inputs[:, None]
        both = some[None, :] & inside[:, None]
        value = tl.load(x + cells, mask=both, other=0.0)
        fine = tl.load(x + S * K + cells, mask=both, other=0.0)
        high, low = split(tile)
        large = tl.dot(high, value, large)
        small = tl.dot(low, value, small)
        small = tl.dot(high, fine, small)
    return tl.trans((large + small * (1.0 / FINE)) * SCALE)


@triton.jit
def store_qkv(made, rows, outputs, both, query, keys, values, first, D, W, L):
    """Outputs of the packed projection: queries [S, D]; keys and values from slot `first` on."""
    part, unit = outputs // D, outputs % D
    head, lane = unit // W, unit % W
    cell = (head[None, :] * L + first + rows[:, None]) * W + lane[None, :]
    tl.store(query + rows[:, None] * D + unit[None, :], made, mask=both & (part == 0)[None, :])
    tl.store(keys + cell, made, mask=both & (part == 1)[None, :])
    tl.store(values + cell, made, mask=both & (part == 2)[None, :])


@triton.jit
def rows_product_kernel(
    x, weight, bias, out, keys, values, count, before, partial, arrived, S, K, N, W, L, share,
    KIND: tl.constexpr, TURNED: tl.constexpr, SPLITS: tl.constexpr, BLOCK_S: tl.constexpr,
    BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """The first `count` rows of a pair x [2, S, K] by weights [N, K], plus bias.

    KIND "qkv": to `out` [S, D] and one layer's cache [H, L, W] behind its first `before` slots;
    "up": GELU, to the pair `out` [2, S, N]; "back": added to `out` [S, N]. A program takes
    `share` inputs; `partial` [SPLITS, S, N] and `arrived` int32 [tiles], 0 before and after, are
    between shares.
    """
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    number, split = tl.program_id(0), tl.program_id(1)
    rows = tl.arange(0, BLOCK_S)
    outputs = number * BLOCK_N + tl.arange(0, BLOCK_N)
    known = outputs < N
    shift = tl.load(bias + outputs, mask=known, other=0.0)
    await_inputs(PDL, EARLY)
    some = rows < tl.load(count)
    both = some[:, None] & known[None, :]
    begin = split * share
    end = tl.minimum(begin + share, K)
    if TURNED:
        made = turned_product(
            x, weight, rows, outputs, some, known, S, K, begin, end, BLOCK_S, BLOCK_N, BLOCK_K
        )
    else:
        made = share_product(
            x, weight, rows, outputs, some, known, S, K, begin, end, BLOCK_S, BLOCK_N, BLOCK_K
        )
    cells = rows[:, None] * N + outputs[None, :]
    complete = True
    if SPLITS > 1:
        tl.store(partial + split * S * N + cells, made, mask=both)
        tl.debug_barrier()  # every thread's part is written before the share counts as arrived
        complete = tl.atomic_add(arrived + number, 1) == SPLITS - 1
    if complete:
        if SPLITS > 1:
            made = tl.zeros([BLOCK_S, BLOCK_N], dtype=tl.float32)
            for one in range(SPLITS):
                made += tl.load(partial + one * S * N + cells, mask=both, other=0.0, volatile=True)
            tl.store(arrived + number, 0)
        made += shift[None, :]
        if KIND == "qkv":
            first = tl.load(before)
            store_qkv(made, rows, outputs, both, out, keys, values, first, N // 3, W, L)
        elif KIND == "up":
            store_pair(gelu(made), out, out + S * N, cells, both, 1.0)
        else:
            residual = tl.load(out + cells, mask=both, other=0.0)
            tl.store(out + cells, residual + made, mask=both)


@triton.jit
def prompt_attention_kernel(
    query, keys, values, attended, count, before, S, D, L, scale,
    W: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_L: tl.constexpr,
    PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Queries [S, D] at slots `before` and on of one layer's cache [H, L, W] -> the pair
    `attended` [2, S, D].

    One program a head and BLOCK_Q queries; each sees its own slot and those before it.
    """
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    head, block = tl.program_id(0), tl.program_id(1)
    rows = block * BLOCK_Q + tl.arange(0, BLOCK_Q)
    lanes = tl.arange(0, BLOCK_W)
    wide = lanes < W
    await_inputs(PDL, EARLY)
    some, first = rows < tl.load(count), tl.load(before)
    own = rows[:, None] * D + head * W + lanes[None, :]
    both = some[:, None] & wide[None, :]
    q = tl.load(query + own, mask=both, other=0.0) * scale
    peak = tl.full([BLOCK_Q], -1e30, dtype=tl.float32)
    total = tl.zeros([BLOCK_Q], dtype=tl.float32)
    acc = tl.zeros([BLOCK_Q, BLOCK_W], dtype=tl.float32)
    for start in range(0, tl.minimum(first + (block + 1) * BLOCK_Q, L), BLOCK_L):
        places = start + tl.arange(0, BLOCK_L)
        cells = (head * L + places[:, None]) * W + lanes[None, :]
        there = (places < L)[:, None] & wide[None, :]
        k = tl.load(keys + cells, mask=there, other=0.0)
        v = tl.load(values + cells, mask=there, other=0.0)
        seen = places[None, :] <= first + rows[:, None]
        score = tl.where(seen, tl.dot(q, tl.trans(k), input_precision="tf32x3"), -1e30)
        top = tl.maximum(peak, tl.max(score, axis=1))
        weight = tl.where(seen, tl.exp(score - top[:, None]), 0.0)
        fade = tl.exp(peak - top)
        acc = acc * fade[:, None] + tl.dot(weight, v, input_precision="tf32x3")
        total = total * fade + tl.sum(weight, axis=1)
        peak = top
    store_pair(acc / total[:, None], attended, attended + S * D, own, both, 1.0)
