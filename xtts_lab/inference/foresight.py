"""One row on a CPU, several codes for one reading of the weights.

D width, n codes looked at together, K rows of a product.

A CPU spends a code's time on reading the GPT's weights from memory. So a copy of the GPT in 8 bits
guesses the next codes, with the very random numbers that they will be drawn with; then the GPT
itself reads all of them at once, for little more than one costs, and codes are drawn from its
states. A guess that turns out wrong costs its time and nothing else: codes and states are the GPT's
own (Leviathan et al. 2023, arXiv 2211.17192, with the random numbers held, not the distribution).
"""

from __future__ import annotations

import copy
import os
import warnings
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab.inference.large_pages import WORTH_BYTES
from xtts_lab.inference.sampling import Sampler
from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.gpt import Block, Gpt

TOGETHER, PACKED = 3, 6
"""Codes read at once, a known one and guesses: from plain weights, and from packed ones of half
precision. The library's products of four rows of float32 take twice the time of three."""

_LAYERS = (("attention", "qkv"), ("attention", "out"), ("mlp", "up"), ("mlp", "down"))
"""The products of a block: nearly all of the GPT's weights."""


class GuessingLinear(nn.Module):
    """A layer with weights of 8 bits, one scale an output, and inputs rounded to 8 bits."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
        rounded = (weight / scale[:, None]).round_().to(torch.int8).contiguous()
        zero = torch.zeros(rounded.shape[0], dtype=torch.long)
        with warnings.catch_warnings():
            # torch is to lose its quantised tensors. Until then these products are its fastest.
            warnings.simplefilter("ignore", UserWarning)
            held = torch._make_per_channel_quantized_tensor(rounded, scale, zero, 0)
            self.packed = torch.ops.quantized.linear_prepack(held, linear.bias.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = torch.ops.quantized.linear_dynamic(x, self.packed, False)
        return made


class PackedLinear(nn.Module):
    """A layer of half precision, its weights as products of few rows [K, D] read them fastest.

    What goes in and out is float32; inputs are rounded to the weights' precision.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight_dtype = linear.weight.dtype
        self.bias = linear.bias.detach()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), PACKED)

    def forward(self, x: Tensor) -> Tensor:
        given = x.to(self.weight_dtype)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(
            given, self.packed, self.bias, "none", [], ""
        )
        return made.to(x.dtype)


def can_look_ahead(gpt: Gpt) -> bool:
    """Whether a GPT's weights are many enough, on a CPU that has the products.

    `XTTS_LAB_NO_FORESIGHT=1` says no: it saves the memory of the copies.
    """
    weight = gpt.audio_embedding.weight
    return (
        os.environ.get("XTTS_LAB_NO_FORESIGHT", "") in ("", "0")
        and weight.device.type == "cpu"
        and sum(p.nbytes for p in gpt.blocks.parameters()) >= WORTH_BYTES
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and _has_products(weight.dtype)
        and "x86" in torch.backends.quantized.supported_engines
    )


def _has_products(dtype: torch.dtype) -> bool:
    """Whether this CPU's instructions know numbers of a kind."""
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    if dtype == torch.float16:
        return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    return dtype == torch.float32


def lay_rows(gpt: Gpt) -> None:
    """Let the blocks' matrices lie row after row, in place, as products of few rows like them."""
    for block in gpt.blocks:
        for *_, layer in _layers(block):
            layer.weight.data = layer.weight.data.contiguous()


class Foresight:
    """A GPT that reads, and its copy in 8 bits that guesses; weights must stay what they are.

    The copy takes a quarter of what the weights take in float32. Weights of half precision have a
    packed copy that reads; it computes in float32 between its products, as the guessing one does.
    """

    def __init__(self, gpt: Gpt) -> None:
        whole = gpt.audio_embedding.weight.dtype == torch.float32
        self.together = TOGETHER if whole else PACKED
        self.guessing = _twin(gpt, GuessingLinear)
        self.reading = gpt if whole else _twin(gpt, PackedLinear)


def _twin(gpt: Gpt, kind: type[GuessingLinear] | type[PackedLinear]) -> Gpt:
    """The same GPT with other layers in its blocks; the rest is shared, or widened to float32."""
    replaced = {id(layer.weight) for block in gpt.blocks for *_, layer in _layers(block)}
    shared: dict[int, Any] = {}
    for parameter in gpt.parameters():
        kept = parameter.dtype == torch.float32 or id(parameter) in replaced
        wide = parameter if kept else nn.Parameter(parameter.float(), requires_grad=False)
        shared[id(parameter)] = wide
    twin = copy.deepcopy(gpt, shared)
    for own, given in zip(twin.blocks, gpt.blocks, strict=True):
        for (part, name, _), (_, _, layer) in zip(_layers(own), _layers(given), strict=True):
            setattr(part, name, kind(layer))
    return twin


def _layers(block: nn.Module) -> list[tuple[nn.Module, str, nn.Linear]]:
    """A block's products: the part that holds each, its name, and the layer."""
    assert isinstance(block, Block)
    parts = [(getattr(block, part), name) for part, name in _LAYERS]
    return [(part, name, getattr(part, name)) for part, name in parts]


@dataclass(eq=False)
class Ahead:
    """States of one row, from codes looked at before they are drawn.

    The row's prompt fills the first `length` slots of `cache` (float32); its first code has audio
    position `first`. `noise` [most, 1] is what `sampler` draws with.
    """

    foresight: Foresight
    cache: KVCache
    length: int
    first: int
    sampler: Sampler
    noise: Tensor
    _known: deque[tuple[int, Tensor]] = field(default_factory=deque, init=False)

    def state(self, codes: Tensor, index: int) -> Tensor:
        """Code number `index` [1], just drawn -> the state [1, D] that predicts the next."""
        if self._known and self._known[0][0] != int(codes):  # guessed wrong
            self._known.clear()
        if not self._known:
            self._known.extend(self._looked(codes, index))
        return self._known.popleft()[1]

    def _looked(self, codes: Tensor, index: int) -> list[tuple[int, Tensor]]:
        """Code number `index` and, guessed, the next ones, each with the state after it."""
        gpt, before = self.foresight.reading, self.length + index
        said = torch.cat(self._guessed(codes, index))
        places = torch.arange(said.shape[0]) + self.first + index
        cache = self.cache.used(before + said.shape[0])
        x = gpt.embed_audio(said, places).unsqueeze(0)
        states = gpt.extend(x, torch.tensor([before]), cache)[0]
        return list(zip(said.tolist(), states.unsqueeze(1), strict=True))

    def _guessed(self, codes: Tensor, index: int) -> list[Tensor]:
        """The codes to look at; what this leaves in the cache, reading them overwrites."""
        gpt, sampler, said = self.foresight.guessing, self.sampler.copy(), [codes]
        for number in range(index, min(index + self.foresight.together, len(self.noise) - 1) - 1):
            slot, place = self.length + number, torch.tensor([self.first + number])
            x = gpt.embed_audio(said[-1], place)
            cache = self.cache.used(slot + 1)
            hidden = gpt.decode(x, torch.tensor([slot]), cache, masked=False)
            guess, _ = sampler(gpt.audio_head(hidden), self.noise[number + 1])
            if int(guess) == gpt.config.stop_audio:
                break
            said.append(guess)
        return said
