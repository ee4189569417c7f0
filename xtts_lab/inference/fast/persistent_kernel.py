"""All layers of a decoding step for one row in one launch, its programs meeting between parts.

D width, H heads, W width of a head, L capacity of the cache, P programs of a head, one row.

A launch costs about what it takes to read the weights that follow it. Here every program stays, has
its share of the next weights under way before it waits for the others, and the memory is never
idle. Five parts a layer: query, key and value; attention, a share of the keys each; the way back,
which joins the shares; the wide projection; the way back from it. The programs of one head need
only each other between the first two. All must be resident at once: the launch is cooperative.

`PART` 0 to 4 runs one part alone, with nobody to wait for, `ALL` the whole.
"""

from __future__ import annotations

import triton
import triton.language as tl

from xtts_lab.inference.fast.kernels import gelu, norm_product

ALL = tl.constexpr(-1)
MATRICES = tl.constexpr(4)
"""Of a layer: qkv, out, up, down."""

VECTORS = tl.constexpr(18)
"""Widths of a layer's float32 vectors: see `PersistentWeights`."""


@triton.jit
def _arrive(counter, PART: tl.constexpr):
    """Tell the others that all is written that they wait for."""
    if PART == ALL:
        tl.debug_barrier()
        tl.atomic_add(counter, 1, sem="release")


@triton.jit
def _await(counter, target, PART: tl.constexpr):
    """Leave when `target` have arrived; what they wrote before is then seen."""
    if PART == ALL:
        while tl.atomic_add(counter, 0, sem="acquire") < target:
            pass
        tl.debug_barrier()


@triton.jit
def _tile(table, layer, index, like, outputs, known, K: tl.constexpr, BLOCK_K: tl.constexpr):
    """Rows `outputs` [R] of a layer's matrix `index`, [R, K] in their own dtype."""
    address = tl.load(table + layer * MATRICES + index)
    weight = address.to(tl.pointer_type(like.dtype.element_ty))
    columns = tl.arange(0, BLOCK_K)
    places = weight + outputs[:, None] * K + columns[None, :]
    mask = known[:, None]
    if BLOCK_K != K:
        mask = mask & (columns < K)[None, :]
    places = tl.multiple_of(places, (1, 16))
    return tl.load(places, mask=mask, other=0.0, eviction_policy="evict_first")


@triton.jit
def _row(values, K: tl.constexpr, BLOCK_K: tl.constexpr):
    """A row [K] that other programs may have written."""
    columns = tl.arange(0, BLOCK_K)
    if BLOCK_K == K:
        return tl.load(values + columns, cache_modifier=".cg")
    return tl.load(values + columns, mask=columns < K, other=0.0, cache_modifier=".cg")


@triton.jit
def _attend(query, keys, values, partial, peaks, slot, head, share, scale,
    D: tl.constexpr, H: tl.constexpr, W: tl.constexpr, P: tl.constexpr,
    BLOCK_W: tl.constexpr, BLOCK_L: tl.constexpr,
):  # fmt: skip
    """Attention of a head over one share of its keys [L, W]: `partial` [P, D], `peaks` [P, H]."""
    lanes = tl.arange(0, BLOCK_W)
    wide = lanes < W
    length = slot + 1
    size = tl.cdiv(length, P)
    begin = share * size
    end = tl.minimum(begin + size, length)
    q = tl.load(query + head * W + lanes, mask=wide, other=0.0, cache_modifier=".cg") * scale
    peak = -1e30
    total = 0.0
    acc = tl.zeros([BLOCK_W], dtype=tl.float32)
    for start in range(begin, end, BLOCK_L):
        places = start + tl.arange(0, BLOCK_L)
        inside = places < end
        cells = places[:, None] * W + lanes[None, :]
        both = inside[:, None] & wide[None, :]
        k = tl.load(keys + cells, mask=both, other=0.0, cache_modifier=".cg").to(tl.float32)
        v = tl.load(values + cells, mask=both, other=0.0, cache_modifier=".cg").to(tl.float32)
        score = tl.where(inside, tl.sum(k * q[None, :], axis=1), -1e30)
        top = tl.maximum(peak, tl.max(score, axis=0))
        weight = tl.where(inside, tl.exp(score - top), 0.0)
        fade = tl.exp(peak - top)
        acc = acc * fade + tl.sum(v * weight[:, None], axis=0)
        total = total * fade + tl.sum(weight, axis=0)
        peak = top
    some = tl.maximum(total, 1e-30)
    tl.store(partial + share * D + head * W + lanes, acc / some, mask=wide)
    tl.store(peaks + share * H + head, tl.where(total > 0.0, peak + tl.log(some), -1e30))


@triton.jit
def _joined(
    partial, peaks, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr, P: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """What all heads attended to [D], of their shares."""
    shares = tl.arange(0, P)[:, None]
    columns = tl.arange(0, BLOCK_D)
    inside = (columns < D)[None, :]
    heads = (columns // W)[None, :]
    level = tl.load(peaks + shares * H + heads, mask=inside, other=0.0, cache_modifier=".cg")
    parts = tl.load(
        partial + shares * D + columns[None, :], mask=inside, other=0.0, cache_modifier=".cg"
    )
    weight = tl.exp(level - tl.max(level, axis=0)[None, :])
    return tl.sum(parts * weight, axis=0) / tl.sum(weight, axis=0)


@triton.jit
def layers_kernel(
    table, vectors, x, query, inner, partial, peaks, keys, values, slots, meetings,
    first, last, L, scale, eps, D: tl.constexpr, H: tl.constexpr,
    W: tl.constexpr, P: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_L: tl.constexpr,
    BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, QKV: tl.constexpr, OUT: tl.constexpr,
    UP: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """Layers `first` to `last`: the residual stream x [D], float32, in place.

    `table` int64 [layers, 4] holds the matrices' addresses, `meetings` int64 [H + 1] counts
    arrivals over all launches. `QKV`, `OUT` and `UP` are the rows of a program's tiles.
    """
    pid = tl.program_id(0)
    head, share = pid // P, pid % P
    programs = H * P
    slot = tl.load(slots)
    mine = tl.arange(0, QKV)  # of this head's rows of query, key and value
    part = tl.cdiv(3 * W, P)
    unit = share * part + mine
    known_qkv = (mine < part) & (unit < 3 * W)
    rows_qkv = unit // W * D + head * W + unit % W
    back = tl.cdiv(D, programs)
    rows_out = pid * back + tl.arange(0, OUT)
    known_out = (tl.arange(0, OUT) < back) & (rows_out < D)
    wide = tl.cdiv(4 * D, programs)
    rows_up = pid * wide + tl.arange(0, UP)
    known_up = (tl.arange(0, UP) < wide) & (rows_up < 4 * D)
    among = meetings + 1 + head
    rounds = last - first
    everyone = tl.load(meetings) // (programs * 4 * rounds) * (programs * 4 * rounds)
    family = tl.load(among) // (P * rounds) * (P * rounds)
    weight_qkv = _tile(table, first, 0, keys, rows_qkv, known_qkv, D, BLOCK_D)
    for layer in range(first, last):
        own = vectors + layer * VECTORS * D
        bias = tl.load(own + rows_qkv, mask=known_qkv, other=0.0)
        sums = tl.load(own + 3 * D + rows_qkv, mask=known_qkv, other=0.0)
        gamma = _row(own + 6 * D, D, BLOCK_D)
        layer_keys = keys + (layer * H + head) * L * W
        layer_values = values + (layer * H + head) * L * W
        if PART == ALL or PART == 0:
            raw = _row(x, D, BLOCK_D)
            made = norm_product(raw, gamma, weight_qkv.to(tl.float32), sums, D, eps) + bias
            lane = unit % W
            tl.store(query + head * W + lane, made, mask=known_qkv & (unit < W))
            kept = made.to(keys.dtype.element_ty)
            cell = slot * W + lane
            tl.store(layer_keys + cell, kept, mask=known_qkv & (unit >= W) & (unit < 2 * W))
            tl.store(layer_values + cell, kept, mask=known_qkv & (unit >= 2 * W))
        _arrive(among, PART)
        weight_out = _tile(table, layer, 1, keys, rows_out, known_out, D, BLOCK_D)
        bias_out = tl.load(own + 7 * D + rows_out, mask=known_out, other=0.0)
        family += P
        _await(among, family, PART)
        if PART == ALL or PART == 1:
            _attend(
                query, layer_keys, layer_values, partial, peaks, slot, head, share, scale,
                D, H, W, P, BLOCK_W, BLOCK_L,
            )  # fmt: skip
        _arrive(meetings, PART)
        weight_up = _tile(table, layer, 2, keys, rows_up, known_up, D, BLOCK_D)
        bias_up = tl.load(own + 8 * D + rows_up, mask=known_up, other=0.0)
        sums_up = tl.load(own + 12 * D + rows_up, mask=known_up, other=0.0)
        gamma = _row(own + 16 * D, D, BLOCK_D)
        everyone += programs
        _await(meetings, everyone, PART)
        if PART == ALL or PART == 2:
            attended = _joined(partial, peaks, D, H, W, P, BLOCK_D)
            made = tl.sum(weight_out.to(tl.float32) * attended[None, :], axis=1) + bias_out
            before = tl.load(x + rows_out, mask=known_out, other=0.0, cache_modifier=".cg")
            tl.store(x + rows_out, before + made, mask=known_out)
        _arrive(meetings, PART)
        weight_down = _tile(table, layer, 3, keys, rows_out, known_out, 4 * D, BLOCK_M)
        bias_down = tl.load(own + 17 * D + rows_out, mask=known_out, other=0.0)
        everyone += programs
        _await(meetings, everyone, PART)
        if PART == ALL or PART == 3:
            raw = _row(x, D, BLOCK_D)
            made = norm_product(raw, gamma, weight_up.to(tl.float32), sums_up, D, eps) + bias_up
            tl.store(inner + rows_up, gelu(made), mask=known_up)
        _arrive(meetings, PART)
        following = tl.minimum(layer + 1, last - 1)
        weight_qkv = _tile(table, following, 0, keys, rows_qkv, known_qkv, D, BLOCK_D)
        everyone += programs
        _await(meetings, everyone, PART)
        if PART == ALL or PART == 4:
            narrow = _row(inner, 4 * D, BLOCK_M)
            made = tl.sum(weight_down.to(tl.float32) * narrow[None, :], axis=1) + bias_down
            before = tl.load(x + rows_out, mask=known_out, other=0.0, cache_modifier=".cg")
            tl.store(x + rows_out, before + made, mask=known_out)
        _arrive(meetings, PART)
        everyone += programs
        _await(meetings, everyone, PART)
