"""One Triton program a row that draws the next code and embeds it.

B rows, V codes, D width. Order and meaning are those of `inference.sampling`: repetition penalty,
temperature, top-k, top-p, then the code at which the cumulated probability passes the row's random
number. Top-k and top-p need no sort, only a threshold each, which is found bit by bit, no further
than it matters: scores are mapped to integers of the same order, and a bit of the threshold stands
where enough codes (or enough probability) lie beyond.
"""

from __future__ import annotations

import triton
import triton.language as tl

from xtts_lab.inference.fast.kernels import await_inputs

SIGN = tl.constexpr(-(1 << 31))
MASS_UNIT = tl.constexpr(float(1 << 30))
COUNT_UNIT = tl.constexpr(1 << 48)


@triton.jit
def _least(order, count):
    """The highest threshold with at least `count` codes of `order` [V] at or above it, or as good.

    Two bits of it at a time, from the top: how many codes three thresholds leave is counted in one
    sum. One that leaves just `count` is as good as any.
    """
    least = tl.zeros([], dtype=tl.uint32)
    shift = tl.full([], 30, dtype=tl.int32)
    unit = tl.full([], 1, dtype=tl.uint32)
    while shift >= 0:
        first = (order >= least + (unit << shift)).to(tl.int64)
        second = (order >= least + (unit * 2 << shift)).to(tl.int64)
        third = (order >= least + (unit * 3 << shift)).to(tl.int64)
        sums = tl.sum(first + (second << 21) + (third << 42), axis=0)
        one, two, three = sums & ((1 << 21) - 1), (sums >> 21) & ((1 << 21) - 1), sums >> 42
        digit = (one >= count).to(tl.int32) + (two >= count) + (three >= count)
        least += digit.to(tl.uint32) << shift
        known = (one == count) | (two == count) | (three == count)
        shift = tl.where(known, -1, shift - 2)
    return least


@triton.jit
def _low(order, mass, floor, top_p):
    """A threshold above which `mass` [V] is as if it were the highest with `top_p` of it above.

    All codes of mass lie above `floor`, so only bits are looked for in which they may differ, until
    at most one code lies between what has enough above it and what has not. Masses, 1 at most, are
    summed as integers, with how many they are in the upper bits.
    """
    weight = (mass * MASS_UNIT).to(tl.int64) + (mass > 0.0).to(tl.int64) * COUNT_UNIT
    sums = tl.sum(weight, axis=0)
    wanted = (sums % COUNT_UNIT).to(tl.float64) * top_p
    shift = _last_bit(floor ^ tl.max(tl.where(mass > 0.0, order, 0), axis=0))
    low = floor >> shift >> 1 << 1 << shift
    left = sums // COUNT_UNIT  # how many lie above `low`
    beyond = tl.zeros([], dtype=tl.int64)  # and above the least that has not enough
    unit = tl.full([], 1, dtype=tl.uint32)
    while shift >= 0:
        trial = low + (unit << shift)
        sums = tl.sum(tl.where(order > trial, weight, 0), axis=0)
        enough = (sums % COUNT_UNIT).to(tl.float64) >= wanted
        low = tl.where(enough, trial, low)
        left = tl.where(enough, sums // COUNT_UNIT, left)
        beyond = tl.where(enough, beyond, sums // COUNT_UNIT)
        shift = tl.where(left <= beyond + 1, -1, shift - 1)
    return low


@triton.jit
def _last_bit(number):
    """The place of the highest bit of a uint32 that is set, or one place more; of 0, 0."""
    exponent = (number.to(tl.float32).to(tl.int32, bitcast=True) >> 23) - 127
    return tl.minimum(tl.maximum(exponent, 0), 31)


@triton.jit
def _kept(score, mass, top_k, top_p):
    """Which codes top-k and top-p leave, of unnormalised probabilities `mass` [V]."""
    # The order of the floats as integers: from the least to the largest, from 0 to 2^32 - 1.
    bits = score.to(tl.int32, bitcast=True)
    order = tl.where(bits < 0, -1 - bits, bits ^ SIGN).to(tl.uint32, bitcast=True)
    order = tl.where(mass > 0.0, order, 0)
    least = _least(order, top_k)
    kept = (mass > 0.0) & ((top_k == 0) | (order >= least))
    floor = tl.where((top_k == 0) | (least == 0), 0, least - 1).to(tl.uint32)
    low = _low(order, tl.where(kept, mass, 0.0), floor, top_p)
    return kept & ((top_p >= 1.0) | (order > low))


@triton.jit
def _draw(mass, kept, uniform, inside, V):
    """The code at which the cumulated probability passes `uniform`, and its margin."""
    chance = tl.where(kept, mass, 0.0).to(tl.float64)
    cumulated = tl.cumsum(chance, axis=0)
    total = tl.sum(chance, axis=0)
    passed = (cumulated <= uniform * total) & inside
    code = tl.minimum(tl.sum(passed.to(tl.int32), axis=0), V - 1)
    edges = tl.where(inside & (cumulated < total), cumulated, 2.0 * total)
    return code, tl.min(tl.abs(edges - uniform * total), axis=0) / total


@triton.jit
def draw_kernel(
    logits, seen, uniforms, embedding, position, x, codes, tight, slots, places, taken, stopped,
    limits,
    V, D, steps, capacity, positions, temperature, top_k, top_p, penalty, stop_code, margin_limit,
    banned,
    BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr, GREEDY: tl.constexpr, PDL: tl.constexpr,
    EARLY: tl.constexpr,
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
    if PDL and EARLY:
        tl.extra.cuda.gdc_launch_dependents()
    await_inputs(PDL, EARLY)
    step = tl.load(taken + row)
    raw = tl.load(logits + row * V + index, mask=inside, other=-1e30)
    said = tl.load(seen + row * V + index, mask=inside, other=0)
    # What is wanted at the end comes meanwhile.
    over, limit, tights = tl.load(stopped + row), tl.load(limits + row), tl.load(tight + row)
    at, slot = tl.load(places + row), tl.load(slots + row)
    uniform = tl.load(uniforms + row * steps + tl.minimum(step, steps - 1))
    lanes = tl.arange(0, BLOCK_D)
    wide = lanes < D
    place = tl.minimum(at, positions - 1)
    where = tl.load(position + place * D + lanes, mask=wide, other=0.0).to(tl.float32)
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
        kept = _kept(score, mass, top_k, top_p)
        code, margin = _draw(mass, kept, uniform, inside, V)
    word = tl.load(embedding + code * D + lanes, mask=wide, other=0.0).to(tl.float32)
    tl.store(x + row * D + lanes, word + where, mask=wide)
    live = over == 0
    tl.store(codes + row * steps + step, code, mask=step < steps)
    tl.store(seen + row * V + code, 1)
    narrow = (margin < margin_limit) & live & (step < steps)
    tl.store(tight + row, tights + narrow.to(tl.int32))
    last = (code == stop_code) | (step + 1 >= limit)
    tl.store(stopped + row, tl.where(live, last.to(tl.int32), 1))
    tl.store(places + row, place + 1)
    tl.store(taken + row, tl.minimum(step + 1, steps))
    tl.store(slots + row, tl.minimum(slot + 1, capacity - 1))
