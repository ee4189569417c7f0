"""One Triton program a row that draws the next code and embeds it.

B rows, V codes, D width. Order and meaning are those of `inference.sampling`: repetition penalty,
temperature, top-k, top-p, then the code at which the cumulated probability passes the row's random
number. Top-k and top-p need no sort: a code's rank is the number of codes above it, and what is
cumulated below it is the whole less what is above.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def draw_kernel(
    logits, seen, uniforms, embedding, position, x, codes, tight, slots, places, taken, stopped,
    limits,
    V, D, steps, capacity, positions, temperature, top_k, top_p, penalty, stop_code, margin_limit,
    banned,
    BLOCK_V: tl.constexpr, BLOCK_D: tl.constexpr, CHUNK: tl.constexpr, GREEDY: tl.constexpr,
    PDL: tl.constexpr,
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
        tl.extra.cuda.gdc_wait()
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
        code = first
        margin = (best - second).to(tl.float64)
    else:
        score = score / temperature
        best = best / temperature
        mass = tl.where(score > -1e29, tl.exp(score - best), 0.0)
        # The row again, in memory, to be read in chunks: what stands above each code.
        rank = tl.zeros([BLOCK_V], dtype=tl.int32)
        above = tl.zeros([BLOCK_V], dtype=tl.float32)
        for begin in range(0, V, CHUNK):
            other = begin + tl.arange(0, CHUNK)
            there = other < V
            value = tl.load(logits + row * V + other, mask=there, other=-1e30)
            marked = tl.load(seen + row * V + other, mask=there, other=0)
            value = tl.where(
                marked != 0, tl.where(value < 0, value * penalty, value / penalty), value
            )
            value = tl.where(there & (other != banned), value, -1e30) / temperature
            weight = tl.where(value > -1e29, tl.exp(value - best), 0.0)
            higher = value[None, :] > score[:, None]
            rank += tl.sum(higher.to(tl.int32), axis=1)
            above += tl.sum(tl.where(higher, weight[None, :], 0.0), axis=1)
        kept = inside & (mass > 0.0) & ((top_k == 0) | (rank < top_k))
        whole = tl.sum(tl.where(kept, mass, 0.0), axis=0)
        low = (whole - above) <= (1.0 - top_p) * whole
        kept = kept & ((top_p >= 1.0) | (low == 0) | (rank == 0))
        chance = tl.where(kept, mass, 0.0).to(tl.float64)
        cumulated = tl.cumsum(chance, axis=0)
        total = tl.sum(chance, axis=0)
        uniform = tl.load(uniforms + row * steps + tl.minimum(step, steps - 1))
        passed = (cumulated <= uniform * total) & inside
        code = tl.minimum(tl.sum(passed.to(tl.int32), axis=0), V - 1)
        edges = tl.where(inside & (cumulated < total), cumulated / total, 2.0)
        margin = tl.min(tl.abs(edges - uniform), axis=0)
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
