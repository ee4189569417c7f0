"""One Triton program a row that draws the next code and embeds it.

B rows, V codes, D width. Order and meaning are those of `inference.sampling`: repetition penalty,
temperature, top-k, top-p, then the code at which the cumulated probability passes the row's random
number. Top-k and top-p need no sort, only a threshold each, which is found bit by bit: scores are
mapped to integers of the same order, and a bit of the threshold stands where enough codes (or
enough probability) lie beyond.
"""

from __future__ import annotations

import triton
import triton.language as tl

HALF = tl.constexpr(1 << 31)


@triton.jit
def _highest(order, counted, wanted, above: tl.constexpr, RADIX: tl.constexpr):
    """The highest threshold with at least `wanted` of `counted` [V] at or `above` it.

    `RADIX` bits at a time: what lies beyond falls as the threshold rises, so the number of trials
    that have enough is the bits' value; the first trial of the first round always has.
    """
    least = tl.zeros([], dtype=tl.int64)
    trials = tl.arange(0, 1 << RADIX).to(tl.int64)
    unit = tl.full([], 1, dtype=tl.int64) << (32 - RADIX)
    for _ in range(32 // RADIX):
        trial = (least + trials * unit)[:, None]
        beyond = (order[None, :] > trial) if above else (order[None, :] >= trial)
        zero = tl.zeros_like(counted)[None, :]
        enough = tl.sum(tl.where(beyond, counted[None, :], zero), axis=1) >= wanted
        passed = tl.sum(enough.to(tl.int64), axis=0)
        least += tl.maximum(passed - 1, 0) * unit
        unit = unit // (1 << RADIX)
    return least


@triton.jit
def _kept(score, mass, top_k, top_p, RADIX: tl.constexpr):
    """Which codes top-k and top-p leave, of unnormalised probabilities `mass` [V]."""
    # The order of the floats as integers: from the least to the largest, from 0 to 2^32 - 1.
    bits = score.to(tl.int32, bitcast=True)
    order = tl.where(bits < 0, -1 - bits, bits).to(tl.int64)
    order = tl.where(bits < 0, order, HALF + order)
    order = tl.where(mass > 0.0, order, 0)
    ones = (order >= 0).to(tl.int32)
    least = _highest(order, ones, top_k, False, RADIX)
    kept = (mass > 0.0) & ((top_k == 0) | (order >= least))
    mass = tl.where(kept, mass, 0.0)
    whole = tl.sum(mass, axis=0)
    low = _highest(order, mass, top_p * whole, True, RADIX)
    return kept & ((top_p >= 1.0) | (order > low))


@triton.jit
def _draw(mass, kept, uniform, inside, V):
    """The code at which the cumulated probability passes `uniform`, and its margin."""
    chance = tl.where(kept, mass, 0.0).to(tl.float64)
    cumulated = tl.cumsum(chance, axis=0)
    total = tl.sum(chance, axis=0)
    passed = (cumulated <= uniform * total) & inside
    code = tl.minimum(tl.sum(passed.to(tl.int32), axis=0), V - 1)
    edges = tl.where(inside & (cumulated < total), cumulated / total, 2.0)
    return code, tl.min(tl.abs(edges - uniform), axis=0)


@triton.jit
def draw_kernel(
    logits, seen, uniforms, embedding, position, x, codes, tight, slots, places, taken, stopped,
    limits,
    V, D, steps, capacity, positions, temperature, top_k, top_p, penalty, stop_code, margin_limit,
    banned,
    BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr, GREEDY: tl.constexpr, RADIX: tl.constexpr,
    PDL: tl.constexpr, EARLY: tl.constexpr,
):  # fmt: skip
    """logits [B, V] -> `codes[b, taken[b]]`, the next input x [B, D], and every counter moved on.

    `seen` int8 [B, V], `uniforms` float64 [B, steps], `tight` int32 [B]; `slots`, `places`
    and `taken` int32 [B] are the row's slot of the cache, its audio position and its number of
    codes; `stopped` is set by the stop token, or by the last code that `limits` int32 [B] allows.
    `banned` is a code that is never drawn, or -1.
    """
    row = tl.program_id(0)
    index = tl.arange(0, BLOCK_V)
    inside = index < V
    if PDL:
        if EARLY:
            tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
        if not EARLY:
            tl.extra.cuda.gdc_launch_dependents()
    step = tl.load(taken + row)
    raw = tl.load(logits + row * V + index, mask=inside, other=-1e30)
    said = tl.load(seen + row * V + index, mask=inside, other=0)
    lowered = tl.where(raw < 0, raw * penalty, raw / penalty)
    score = tl.where(said != 0, lowered, raw)
    score = tl.where(inside & (index != banned), score, -1e30)
    best = tl.max(score, axis=0)
    first = tl.min(tl.where(score == best, index, BLOCK_V), axis=0)
    if GREEDY:
        second = tl.max(tl.where(index == first, -1e30, score), axis=0)
        code = tl.minimum(first, V - 1)  # nothing equals a best that is no number
        margin = (best - second).to(tl.float64)
    else:
        score = score / temperature
        best = best / temperature
        mass = tl.where(score > -1e29, tl.exp(score - best), 0.0)
        kept = _kept(score, mass, top_k, top_p, RADIX)
        uniform = tl.load(uniforms + row * steps + tl.minimum(step, steps - 1))
        code, margin = _draw(mass, kept, uniform, inside, V)
    live = tl.load(stopped + row) == 0
    tl.store(codes + row * steps + step, code, mask=step < steps)
    tl.store(seen + row * V + code, 1)
    narrow = (margin < margin_limit) & live & (step < steps)
    tl.store(tight + row, tl.load(tight + row) + narrow.to(tl.int32))
    over = (code == stop_code) | (step + 1 >= tl.load(limits + row))
    tl.store(stopped + row, tl.where(live, over.to(tl.int32), 1))
    place = tl.minimum(tl.load(places + row), positions - 1)
    lanes = tl.arange(0, BLOCK_D)
    wide = lanes < D
    word = tl.load(embedding + code * D + lanes, mask=wide, other=0.0).to(tl.float32)
    where = tl.load(position + place * D + lanes, mask=wide, other=0.0).to(tl.float32)
    tl.store(x + row * D + lanes, word + where, mask=wide)
    tl.store(places + row, place + 1)
    tl.store(taken + row, tl.minimum(step + 1, steps))
    tl.store(slots + row, tl.minimum(tl.load(slots + row) + 1, capacity - 1))
