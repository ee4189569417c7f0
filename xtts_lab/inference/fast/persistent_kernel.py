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
def _await(counter, before, arrivals, PART: tl.constexpr):
    """Leave when `arrivals` more than `before` are there, of which all that was written is seen."""
    target = before + arrivals
    if PART == ALL:
        while tl.atomic_add(counter, 0, sem="acquire") < target:
            pass
        tl.debug_barrier()
    return target


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
def _project(
    x, gamma, weight, sums, bias, query, keys, values, head, unit, known, slot, eps,
    D: tl.constexpr, W: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Norm, then a head's rows `unit` of query, key and value; keys and values are [L, W]."""
    made = norm_product(_row(x, D, BLOCK_D), gamma, weight.to(tl.float32), sums, D, eps) + bias
    lane = unit % W
    tl.store(query + head * W + lane, made, mask=known & (unit < W))
    kept = made.to(keys.dtype.element_ty)
    cell = slot * W + lane
    tl.store(keys + cell, kept, mask=known & (unit >= W) & (unit < 2 * W))
    tl.store(values + cell, kept, mask=known & (unit >= 2 * W))


@triton.jit
def _widen(
    x, gamma, weight, sums, bias, inner, rows, known, eps, D: tl.constexpr, BLOCK_D: tl.constexpr
):
    """Norm, project and GELU: inner[rows]."""
    made = norm_product(_row(x, D, BLOCK_D), gamma, weight.to(tl.float32), sums, D, eps) + bias
    tl.store(inner + rows, gelu(made), mask=known)


@triton.jit
def _add_back(x, weight, bias, inner, rows, known):
    """x[rows] += weight [R, K] on inner [K] + bias [R]."""
    made = tl.sum(weight.to(tl.float32) * inner[None, :], axis=1) + bias
    before = tl.load(x + rows, mask=known, other=0.0, cache_modifier=".cg")
    tl.store(x + rows, before + made, mask=known)


@triton.jit
def _share(pid, total: tl.constexpr, programs: tl.constexpr, ROWS: tl.constexpr):
    """The rows of `total` that are this program's, [ROWS], and which of them there are."""
    size: tl.constexpr = (total + programs - 1) // programs
    mine = tl.arange(0, ROWS)
    rows = pid * size + mine
    return rows, (mine < size) & (rows < total)


@triton.jit
def _vector(values, rows, known):
    return tl.load(values + rows, mask=known, other=0.0)


@triton.jit
def _counted(counter, arrivals):
    """Arrivals before this launch, each of which brings as many."""
    return tl.load(counter) // arrivals * arrivals


@triton.jit
def layers_kernel(
    table, vectors, x, query, inner, partial, peaks, keys, values, slots, meetings,
    first, last, L, scale, eps, D: tl.constexpr, H: tl.constexpr, W: tl.constexpr, P: tl.constexpr,
    BLOCK_W: tl.constexpr, BLOCK_L: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr,
    QKV: tl.constexpr, OUT: tl.constexpr, UP: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """Layers `first` to `last`: the residual stream x [D], float32, in place.

    `table` int64 [layers, 4] holds the matrices' addresses, `meetings` int64 [H + 1] counts
    arrivals over all launches. `QKV`, `OUT` and `UP` are the rows of a program's tiles.
    """
    pid = tl.program_id(0)
    head, share = pid // P, pid % P
    slot = tl.load(slots)
    unit, some = _share(share, 3 * W, P, QKV)  # of this head's rows of query, key and value
    projected = unit // W * D + head * W + unit % W
    rows, known = _share(pid, D, H * P, OUT)
    wide, inside = _share(pid, 4 * D, H * P, UP)
    among = meetings + 1 + head
    everyone = _counted(meetings, H * P * 4 * (last - first))
    family = _counted(among, P * (last - first))
    weight = _tile(table, first, 0, keys, projected, some, D, BLOCK_D)
    for layer in range(first, last):
        own = vectors + layer * VECTORS * D
        place = (layer * H + head) * L * W
        gamma = _row(own + 6 * D, D, BLOCK_D)
        if PART == ALL or PART == 0:
            sums, bias = _vector(own + 3 * D, projected, some), _vector(own, projected, some)
            _project(x, gamma, weight, sums, bias, query, keys + place, values + place, head,
                     unit, some, slot, eps, D, W, BLOCK_D)  # fmt: skip
        _arrive(among, PART)
        weight = _tile(table, layer, 1, keys, rows, known, D, BLOCK_D)
        bias = _vector(own + 7 * D, rows, known)
        family = _await(among, family, P, PART)
        if PART == ALL or PART == 1:
            _attend(query, keys + place, values + place, partial, peaks, slot, head, share, scale,
                    D, H, W, P, BLOCK_W, BLOCK_L)  # fmt: skip
        _arrive(meetings, PART)
        weight_up = _tile(table, layer, 2, keys, wide, inside, D, BLOCK_D)
        bias_up = _vector(own + 8 * D, wide, inside)
        sums_up = _vector(own + 12 * D, wide, inside)
        gamma = _row(own + 16 * D, D, BLOCK_D)
        everyone = _await(meetings, everyone, H * P, PART)
        if PART == ALL or PART == 2:
            attended = _joined(partial, peaks, D, H, W, P, BLOCK_D)
            _add_back(x, weight, bias, attended, rows, known)
        _arrive(meetings, PART)
        weight_down = _tile(table, layer, 3, keys, rows, known, 4 * D, BLOCK_M)
        bias = _vector(own + 17 * D, rows, known)
        everyone = _await(meetings, everyone, H * P, PART)
        if PART == ALL or PART == 3:
            _widen(x, gamma, weight_up, sums_up, bias_up, inner, wide, inside, eps, D, BLOCK_D)
        _arrive(meetings, PART)
        weight = _tile(table, tl.minimum(layer + 1, last - 1), 0, keys, projected, some, D, BLOCK_D)
        everyone = _await(meetings, everyone, H * P, PART)
        if PART == ALL or PART == 4:
            _add_back(x, weight_down, bias, _row(inner, 4 * D, BLOCK_M), rows, known)
        _arrive(meetings, PART)
        everyone = _await(meetings, everyone, H * P, PART)
