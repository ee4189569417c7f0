"""The Triton kernel between two convolutions. B windows, T samples, C channels."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def settle_kernel(
    made, shift, before, total, active, size, per_window, channels, inner, per_shift, slope,
    ADDS: tl.constexpr, SUMS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """`made` + `shift` [C] (or [B, C]: `per_shift` C) + `before` -> `total`, and so `active`.

    `made` is [B, T, C] with `inner` 1, or [B, C, T] with `inner` T.
    """
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    channel = (place // inner) % channels + (place // per_window) * per_shift
    value = tl.load(made + place, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(shift + channel, mask=inside, other=0.0).to(tl.float32)
    if ADDS:
        value += tl.load(before + place, mask=inside, other=0.0).to(tl.float32)
    if SUMS:
        tl.store(total + place, value.to(total.dtype.element_ty), mask=inside)
    value = tl.where(value < 0, value * slope, value)
    tl.store(active + place, value.to(active.dtype.element_ty), mask=inside)
