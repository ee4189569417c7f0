"""Triton kernels: convolutions of float32 as products of pairs of halves.

T samples, C channels, R branches (blocks of a stage side by side), K taps.

A number x is kept as two of float16, h = x / SCALE and l = (x / SCALE - h) * FINE: 22 bits of it.
Three products (h h, h l, l h) of tensor cores, summed in float32, then make a product of two such
numbers to about float32's accuracy; SCALE is there for values above float16's greatest.
"""

from __future__ import annotations

import triton
import triton.language as tl

FINE = tl.constexpr(2048.0)
SCALE = tl.constexpr(64.0)


@triton.jit
def store_pair(x, high, low, cells, inside, slope):
    """The leaky ReLU of x as a pair."""
    x = tl.where(x < 0, x * slope, x) * (1.0 / SCALE)
    top = x.to(tl.float16)
    tl.store(high + cells, top, mask=inside)
    tl.store(low + cells, ((x - top.to(tl.float32)) * FINE).to(tl.float16), mask=inside)


@triton.jit
def open_kernel(
    parts, shift, x, high, low, T, C, rate, padding, slope,
    TAPS: tl.constexpr, TERMS: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """What a transposed convolution sums, + shift [C] -> x [T, C], and the pair of its leaky ReLU.

    `parts` [T / rate, TAPS, C] are what every input adds to TAPS samples, so that TERMS of them
    meet in a sample at most.
    """
    samples = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T))[:, None]
    channels = (tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C))[None, :]
    inside = (samples < T) & (channels < C)
    value = tl.zeros([BLOCK_T, BLOCK_C], dtype=tl.float32)
    for term in range(TERMS):
        source = (samples + padding) // rate - term
        tap = samples + padding - source * rate
        there = inside & (source >= 0) & (source < T // rate) & (tap < TAPS)
        value += tl.load(parts + (source * TAPS + tap) * C + channels, mask=there, other=0.0)
    value += tl.load(shift + channels, mask=channels < C, other=0.0)
    cells = samples * C + channels
    tl.store(x + cells, value, mask=inside)
    store_pair(value, high, low, cells, inside, slope)


@triton.jit
def close_kernel(
    x, active, T, C, slope, R: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_C: tl.constexpr
):  # fmt: skip
    """x [R, T, C] -> the leaky ReLU of its mean [C, T]."""
    samples = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T))[:, None]
    channels = (tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C))[None, :]
    inside = (samples < T) & (channels < C)
    total = tl.zeros([BLOCK_T, BLOCK_C], dtype=tl.float32)
    for branch in range(R):
        cells = (branch * T + samples) * C + channels
        total += tl.load(x + cells, mask=inside, other=0.0)
    mean = total / R
    mean = tl.where(mean < 0, mean * slope, mean)
    tl.store(active + channels * T + samples, mean, mask=inside)


@triton.jit
def paired_convolution_kernel(
    high, low, weight_high, weight_low, bias, shapes, before, out, next_high, next_low,
    T, per_branch, per_before, slope, C: tl.constexpr, ADDS: tl.constexpr,
    BLOCK_T: tl.constexpr, BLOCK_O: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Every branch's convolution of a pair [R, T, C] -> the next pair [R, T, C], leaky ReLU taken.

    Weights are pairs [taps of all branches, C, C], not scaled; `shapes` int32 [R, 3] are a branch's
    taps, those of the branches before it, and its dilation. ADDS: `before` is added, and the sum
    goes to `out` [R, T, C]. Branches lie `per_branch` and `per_before` apart (0: they share one).
    """
    branch = tl.program_id(2)
    taps = tl.load(shapes + branch * 3)
    skipped = tl.load(shapes + branch * 3 + 1)
    dilation = tl.load(shapes + branch * 3 + 2)
    samples = tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)
    outputs = tl.program_id(1) * BLOCK_O + tl.arange(0, BLOCK_O)
    high += branch * per_branch
    low += branch * per_branch
    weight_high += skipped * C * C
    weight_low += skipped * C * C
    large = tl.zeros([BLOCK_T, BLOCK_O], dtype=tl.float32)
    small = tl.zeros([BLOCK_T, BLOCK_O], dtype=tl.float32)
    for step in range(taps * (C // BLOCK_C)):
        tap = step // (C // BLOCK_C)
        channels = (step % (C // BLOCK_C)) * BLOCK_C + tl.arange(0, BLOCK_C)
        at = samples + (tap - taps // 2) * dilation
        cells = at[:, None] * C + channels[None, :]
        there = ((at >= 0) & (at < T))[:, None]
        x = tl.load(high + cells, mask=there, other=0.0)
        fine = tl.load(low + cells, mask=there, other=0.0)
        places = (tap * C + channels[:, None]) * C + outputs[None, :]
        weight = tl.load(weight_high + places)
        large = tl.dot(x, weight, large)
        small = tl.dot(x, tl.load(weight_low + places), small)
        small = tl.dot(fine, weight, small)
    made = (large + small * (1.0 / FINE)) * SCALE
    made += tl.load(bias + branch * C + outputs)[None, :]
    cells = samples[:, None] * C + outputs[None, :]
    inside = (samples < T)[:, None]
    if ADDS:
        made += tl.load(before + branch * per_before + cells, mask=inside, other=0.0)
        tl.store(out + branch * T * C + cells, made, mask=inside)
    own = branch * T * C
    store_pair(made, next_high + own, next_low + own, cells, inside, slope)
