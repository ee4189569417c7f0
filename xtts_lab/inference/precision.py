"""In which numbers a model computes: fp32, or less where speed is worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import torch

from xtts_lab.errors import UsageError
from xtts_lab.model import XttsModel
from xtts_lab.vocoders.hifigan import HifiganVocoder

T = TypeVar("T")
P = ParamSpec("P")

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def dtype_named(name: str) -> torch.dtype:
    """Return a dtype by its name (`float32` or `fp32`); `UsageError` for any other."""
    known = DTYPES.get(_SHORT.get(name, name))
    if known is None:
        raise UsageError(f"dtype: '{name}' is none of {', '.join(DTYPES)}")
    return known


def reduce(model: XttsModel, dtype: torch.dtype) -> None:
    """Let the GPT compute in `dtype`, and on a GPU the vocoder in float16, where it can.

    In place: nothing is held twice. What hears references stays as it is, for it is called once a
    voice. float16 keeps more of a waveform than bfloat16, and a HiFi-GAN's values are small. A CPU
    whose fast products are bfloat16's takes those, in XTTS-v2's HiFi-GAN, between its first and
    its last convolution.
    """
    model.gpt.to(dtype)
    if model.decoder.depth > 1:  # its tables and heads are the GPT's, in fact
        model.decoder.to(dtype)
    if dtype != torch.float32 and model.device.type == "cpu":
        for parameter in model.gpt.parameters():  # column by column they are 40 times slower
            parameter.data = parameter.data.contiguous()
        if isinstance(model.vocoder, HifiganVocoder) and _multiplies_bfloat16():
            model.vocoder.generator.stages.to(torch.bfloat16)
    if dtype != torch.float32 and model.device.type == "cuda" and _can_be_half(model):
        model.vocoder.to(torch.float16)


def _multiplies_bfloat16() -> bool:
    """Whether a CPU has AMX: its products of bfloat16 take a quarter of the time of float32's."""
    return bool(torch.cpu._is_amx_tile_supported())


def _can_be_half(model: XttsModel) -> bool:
    """Only what runs in windows of its own; others compute parts of their work in fp32."""
    return model.vocoder.streams and model.vocoder.reads == "states"


@contextmanager
def products(tf32: bool) -> Iterator[None]:
    """Products and convolutions of float32 in true float32, or with `tf32` in 10 bits of it.

    torch rounds to TF32 in convolutions by default, on GPUs, and may add up products of less
    precision in less precision, which is off here; what graphs capture inside stays so.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    reduced = (
        matmul.allow_fp16_reduced_precision_reduction,
        matmul.allow_bf16_reduced_precision_reduction,
    )
    _set(tf32, tf32, False, False)
    try:
        yield
    finally:
        _set(*before, *reduced)


def _set(products: bool, convolutions: bool, sums_fp16: bool, sums_bf16: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = sums_fp16
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = sums_bf16


def each_with(tf32: bool, items: Iterator[T]) -> Iterator[T]:
    """The same items, each made under `products`, which holds for nothing in between."""
    while True:
        with products(tf32):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def made_with(tf32: bool, make: Callable[P, Iterator[T]], *a: P.args, **k: P.kwargs) -> Iterator[T]:
    """What `make` returns, made under `products` as its items are: graphs keep what held then."""
    with products(tf32):
        items = make(*a, **k)
    yield from each_with(tf32, items)
