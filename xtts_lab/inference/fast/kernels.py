"""Triton kernels of one decoding step: five launches a layer, each weight read once.

B rows (a handful), D width, K inputs and M outputs of a projection, H heads, W width of a head,
L capacity of the cache, S splits of the keys.

The residual stream is float32 whatever the weights are. A product with one vector is bound by the
memory that its weights come from, so what surrounds it (norms, biases, GELU, the residual, the
cache's writes) is computed beside it, again in every program where that is cheaper than a launch.
`PDL` starts a kernel while its predecessor ends: weights are fetched first, and `gdc_wait` stands
before anything that the predecessor wrote.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def await_inputs(PDL: tl.constexpr, EARLY: tl.constexpr):
    """Wait for what the predecessor writes; then, at the latest, the next kernel may start."""
    if PDL:
        tl.extra.cuda.gdc_wait()
        if not EARLY:
            tl.extra.cuda.gdc_launch_dependents()


@triton.jit
def norm_product(x, gamma, tile, sums, K, eps):
    """Weights `tile` [R, K] on the layer norm of a row `x` [K] (0 where masked), but for its beta.

    `sums` [R] are the weights on gamma [K]. The three sums do not wait for each other.
    """
    product = tl.sum(tile * (x * gamma)[None, :], axis=1)
    mean = tl.sum(x, axis=0) / K
    square = tl.sum(x * x, axis=0) / K
    scale = 1.0 / tl.sqrt(tl.maximum(square - mean * mean, 0.0) + eps)
    return (product - mean * sums) * scale


@triton.jit
def normalised(x, gamma, beta, columns, mask, K, eps):
    """Layer norm of one row in registers; `x` is 0 where masked."""
    mean = tl.sum(x, axis=0) / K
    centred = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=0) / K
    scaled = centred * (1.0 / tl.sqrt(variance + eps))
    weight = tl.load(gamma + columns, mask=mask, other=0.0).to(tl.float32)
    shift = tl.load(beta + columns, mask=mask, other=0.0).to(tl.float32)
    return scaled * weight + shift


@triton.jit
def gelu(x):
    """GELU in its tanh form."""
    inner = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    # tanh by the exponential, which every back end has; the argument is clamped to what matters.
    clamped = tl.minimum(tl.maximum(inner, -15.0), 15.0)
    e = tl.exp(2.0 * clamped)
    return 0.5 * x * (1.0 + (e - 1.0) / (e + 1.0))


@triton.jit
def qkv_kernel(
    x, weight, gamma, bias, sums, query, keys, values, slots, rows, D, W, L, eps,
    BLOCK_K: tl.constexpr, ROWS: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Norm, then query, key and value: x [B, D] -> query [B, D], and slot `slots[b]` of the cache.

    `keys` and `values` are one layer's [B, H, L, W].
    """
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    outputs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK_K)
    inside = columns < D
    known = outputs < 3 * D
    tile = tl.load(
        weight + outputs[:, None] * D + columns[None, :],
        mask=known[:, None] & inside[None, :],
        other=0.0,
    )
    shift = tl.load(bias + outputs, mask=known, other=0.0).to(tl.float32)
    total = tl.load(sums + outputs, mask=known, other=0.0)
    scale = tl.load(gamma + columns, mask=inside, other=0.0)
    await_inputs(PDL, EARLY)
    part, unit = outputs // D, outputs % D
    head, lane = unit // W, unit % W
    for row in range(rows):
        raw = tl.load(x + row * D + columns, mask=inside, other=0.0)
        made = norm_product(raw, scale, tile.to(tl.float32), total, D, eps) + shift
        slot = tl.load(slots + row)
        cell = ((row * (D // W) + head) * L + slot) * W + lane
        tl.store(query + row * D + unit, made, mask=known & (part == 0))
        kept = made.to(keys.dtype.element_ty)
        tl.store(keys + cell, kept, mask=known & (part == 1))
        tl.store(values + cell, kept, mask=known & (part == 2))


@triton.jit
def attend_block(q, k, v, inside, peak, total, acc):
    """One block of keys and values [L, W] more: running maximum, sum and weighted sum."""
    score = tl.where(inside, tl.sum(k * q[None, :], axis=1), -1e30)
    top = tl.maximum(peak, tl.max(score, axis=0))
    weight = tl.where(inside, tl.exp(score - top), 0.0)
    fade = tl.exp(peak - top)
    acc = acc * fade + tl.sum(v * weight[:, None], axis=0)
    return top, total * fade + tl.sum(weight, axis=0), acc


@triton.jit
def refreshed(newest, tile, place, wide):
    """A tile [L, W] with the row at `place` [L] read only now, from `newest` [W]."""
    row = tl.load(newest, mask=wide, other=0.0).to(tl.float32)
    return tl.where(place[:, None], row[None, :], tile.to(tl.float32))


@triton.jit
def join_shares(
    partial, peaks, sums, arrived, attended, pair, lanes, wide, W: tl.constexpr, S: tl.constexpr
):
    """Make one of a head's shares, if this one is the last to arrive."""
    tl.debug_barrier()  # every thread's share is written before it counts as arrived
    if tl.atomic_add(arrived + pair, 1) == S - 1:
        shares = pair * S + tl.arange(0, S)
        tops = tl.load(peaks + shares, volatile=True)
        fade = tl.exp(tops - tl.max(tops, axis=0))
        whole = tl.sum(tl.load(sums + shares, volatile=True) * fade, axis=0)
        cells = shares[:, None] * W + lanes[None, :]
        parts = tl.load(partial + cells, mask=wide[None, :], other=0.0, volatile=True)
        joined = tl.sum(parts * fade[:, None], axis=0) / whole
        tl.store(attended + pair * W + lanes, joined, mask=wide)
        tl.store(arrived + pair, 0)


@triton.jit
def attention_kernel(
    query, keys, values, slots, partial, peaks, sums, arrived, attended, H, L, scale,
    W: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_L: tl.constexpr, S: tl.constexpr,
    AHEAD: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Attention of a head over one of S shares of the keys; the last share to arrive joins them.

    Shares leave unnormalised sums [B, H, S, W]; the result is `attended` [B, D]. `arrived` int32
    [B, H] counts the shares and is 0 again at the end. `AHEAD`: a share's first block is fetched
    before `gdc_wait`, but for the newest slot: every other one was written before the predecessor,
    which must let this kernel start only after it has itself waited (no EARLY there).
    """
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    pair, split = tl.program_id(0), tl.program_id(1)
    row = pair // H
    lanes = tl.arange(0, BLOCK_W)
    wide = lanes < W
    if not AHEAD:
        await_inputs(PDL, EARLY)
    length = tl.load(slots + row) + 1
    share = tl.cdiv(tl.cdiv(length, S), BLOCK_L) * BLOCK_L
    begin = split * share
    end = tl.minimum(begin + share, length)
    peak = -1e30
    total = 0.0
    acc = tl.zeros([BLOCK_W], dtype=tl.float32)
    if AHEAD:
        places = begin + tl.arange(0, BLOCK_L)
        cells = (pair * L + places[:, None]) * W + lanes[None, :]
        old = (places < tl.minimum(end, length - 1))[:, None] & wide[None, :]
        k = tl.load(keys + cells, mask=old, other=0.0)
        v = tl.load(values + cells, mask=old, other=0.0)
        await_inputs(PDL, EARLY)
        q = tl.load(query + pair * W + lanes, mask=wide, other=0.0) * scale
        newest = (pair * L + length - 1) * W + lanes
        k = refreshed(keys + newest, k, places == length - 1, wide)
        v = refreshed(values + newest, v, places == length - 1, wide)
        peak, total, acc = attend_block(q, k, v, places < end, peak, total, acc)
        begin += BLOCK_L
    q = tl.load(query + pair * W + lanes, mask=wide, other=0.0) * scale
    for start in range(begin, end, BLOCK_L):
        places = start + tl.arange(0, BLOCK_L)
        inside = places < end
        cells = (pair * L + places[:, None]) * W + lanes[None, :]
        both = inside[:, None] & wide[None, :]
        k = tl.load(keys + cells, mask=both, other=0.0).to(tl.float32)
        v = tl.load(values + cells, mask=both, other=0.0).to(tl.float32)
        peak, total, acc = attend_block(q, k, v, inside, peak, total, acc)
    if S == 1:
        tl.store(attended + pair * W + lanes, acc / total, mask=wide)
    else:
        place = pair * S + split
        tl.store(partial + place * W + lanes, acc, mask=wide)
        tl.store(peaks + place, peak)
        tl.store(sums + place, total)
        join_shares(partial, peaks, sums, arrived, attended, pair, lanes, wide, W, S)


@triton.jit
def up_kernel(
    x, weight, gamma, bias, sums, out, rows, K, M, eps,
    BLOCK_K: tl.constexpr, ROWS: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Norm, project and GELU: x [B, K] -> out [B, M]."""
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    outputs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK_K)
    inside = columns < K
    known = outputs < M
    tile = tl.load(
        weight + outputs[:, None] * K + columns[None, :],
        mask=known[:, None] & inside[None, :],
        other=0.0,
    )
    shift = tl.load(bias + outputs, mask=known, other=0.0).to(tl.float32)
    total = tl.load(sums + outputs, mask=known, other=0.0)
    scale = tl.load(gamma + columns, mask=inside, other=0.0)
    await_inputs(PDL, EARLY)
    for row in range(rows):
        raw = tl.load(x + row * K + columns, mask=inside, other=0.0)
        made = norm_product(raw, scale, tile.to(tl.float32), total, K, eps) + shift
        tl.store(out + row * M + outputs, gelu(made), mask=known)


@triton.jit
def back_kernel(
    inner, weight, bias, x, rows, K, M,
    BLOCK_K: tl.constexpr, ROWS: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Project inner [B, K] and add to the residual stream x [B, M] in place: both ways back."""
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    outputs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK_K)
    inside = columns < K
    known = outputs < M
    tile = tl.load(
        weight + outputs[:, None] * K + columns[None, :],
        mask=known[:, None] & inside[None, :],
        other=0.0,
    )
    shift = tl.load(bias + outputs, mask=known, other=0.0).to(tl.float32)
    await_inputs(PDL, EARLY)
    for row in range(rows):
        place = x + row * M + outputs
        before = tl.load(place, mask=known, other=0.0)
        value = tl.load(inner + row * K + columns, mask=inside, other=0.0)
        made = tl.sum(tile.to(tl.float32) * value[None, :], axis=1) + shift
        tl.store(place, before + made, mask=known)


@triton.jit
def head_kernel(
    x, gamma, beta, last_gamma, last_beta, weight, bias, logits, states, taken,
    rows, D, V, steps, eps,
    BLOCK_K: tl.constexpr, ROWS: tl.constexpr, PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """Both last norms, then the audio head: x [B, D] -> logits [B, V].

    The states that the vocoder reads go to `states[b, taken[b]]` of [B, steps, D].
    """
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    outputs = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK_K)
    inside = columns < D
    known = outputs < V
    tile = tl.load(
        weight + outputs[:, None] * D + columns[None, :],
        mask=known[:, None] & inside[None, :],
        other=0.0,
    )
    shift = tl.load(bias + outputs, mask=known, other=0.0).to(tl.float32)
    await_inputs(PDL, EARLY)
    for row in range(rows):
        raw = tl.load(x + row * D + columns, mask=inside, other=0.0)
        once = tl.where(inside, normalised(raw, gamma, beta, columns, inside, D, eps), 0.0)
        state = normalised(once, last_gamma, last_beta, columns, inside, D, eps)
        made = tl.sum(tile.to(tl.float32) * state[None, :], axis=1) + shift
        tl.store(logits + row * V + outputs, made, mask=known)
        step = tl.load(taken + row)
        first = tl.program_id(0) == 0
        target = states + (row * steps + step) * D + columns
        tl.store(target, state, mask=inside & first & (step < steps))
