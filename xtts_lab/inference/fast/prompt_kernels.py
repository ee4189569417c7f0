"""Triton kernels that read one prompt in float32: products of few rows, each weight read once.

S rows (positions), D width, K inputs and N outputs of a product, H heads, W width of a head, L
capacity of the cache.

A tensor core has no float32, but three products of its TF32 make one of about float32's accuracy
(`tf32x3`). K is cut into shares, so that there are programs enough to wait for memory; the last
share to arrive at a tile adds them up, always in the same order.
"""

from __future__ import annotations

import triton
import triton.language as tl

from xtts_lab.inference.fast.kernels import await_inputs, gelu, normalised


@triton.jit
def norm_kernel(
    x, gamma, beta, normed, count, D, eps,
    BLOCK_D: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Layer norm of the first `count` rows of x [S, D] -> `normed`."""
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    row = tl.program_id(0)
    columns = tl.arange(0, BLOCK_D)
    await_inputs(PDL, EARLY)
    inside = (columns < D) & (row < tl.load(count))
    value = tl.load(x + row * D + columns, mask=inside, other=0.0)
    result = normalised(value, gamma, beta, columns, inside, D, eps)
    tl.store(normed + row * D + columns, result, mask=inside)


@triton.jit
def share_product(
    x, weight, rows, outputs, some, known, K, begin, end,
    BLOCK_S: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Rows x [S, K] by weights [N, K] over the inputs `begin` to `end` -> [BLOCK_S, BLOCK_N]."""
    acc = tl.zeros([BLOCK_S, BLOCK_N], dtype=tl.float32)
    for start in range(begin, end, BLOCK_K):
        inputs = start + tl.arange(0, BLOCK_K)
        inside = inputs < K
        tile = tl.load(
            weight + outputs[None, :] * K + inputs[:, None],
            mask=known[None, :] & inside[:, None],
            other=0.0,
        )
        value = tl.load(
            x + rows[:, None] * K + inputs[None, :],
            mask=some[:, None] & inside[None, :],
            other=0.0,
        )
        acc = tl.dot(value, tile, acc, input_precision=PRECISION)
    return acc


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
    KIND: tl.constexpr, SPLITS: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr, PRECISION: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """The first `count` rows of x [S, K] by weights [N, K], plus bias.

    KIND "qkv": to `out` [S, D] and one layer's cache [H, L, W] behind its first `before` slots;
    "up": GELU, to `out` [S, N]; "back": added to `out` [S, N]. A program takes `share` inputs;
    `partial` [SPLITS, S, N] and `arrived` int32 [tiles], 0 before and after, are between shares.
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
    made = share_product(
        x, weight, rows, outputs, some, known, K, begin, end, BLOCK_S, BLOCK_N, BLOCK_K, PRECISION
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
            tl.store(out + cells, gelu(made), mask=both)
        else:
            residual = tl.load(out + cells, mask=both, other=0.0)
            tl.store(out + cells, residual + made, mask=both)


@triton.jit
def prompt_attention_kernel(
    query, keys, values, attended, count, before, D, L, scale,
    W: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_L: tl.constexpr,
    PRECISION: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Queries [S, D] at slots `before` and on of one layer's cache [H, L, W] -> `attended` [S, D].

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
        score = tl.where(seen, tl.dot(q, tl.trans(k), input_precision=PRECISION), -1e30)
        top = tl.maximum(peak, tl.max(score, axis=1))
        weight = tl.where(seen, tl.exp(score - top[:, None]), 0.0)
        fade = tl.exp(peak - top)
        acc = acc * fade[:, None] + tl.dot(weight, v, input_precision=PRECISION)
        total = total * fade + tl.sum(weight, axis=1)
        peak = top
    tl.store(attended + own, acc / total[:, None], mask=both)
