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
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab.inference.ahead import packed
from xtts_lab.inference.ahead.blocks import QuickBlock
from xtts_lab.inference.ahead.eight_bits import GuessingLinear, PairedLinear
from xtts_lab.inference.ahead.tiles import TiledBlock, Tiles, has_tiles
from xtts_lab.inference.ahead.trust import Costs, Trust
from xtts_lab.inference.large_pages import WORTH_BYTES
from xtts_lab.inference.sampling import Sampler
from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.gpt import Gpt

WHOLE = Costs(guess=0.45, further=0.06, most=3)
"""Of float32: the library's products of four rows take twice the time of three."""

PACKED = Costs(guess=0.35, further=0.01, most=8)
"""Of float32 in oneDNN's layout, where a row costs as good as nothing."""

PAIRED = Costs(guess=0.4, further=0.04, most=6)
"""Of half precision."""

TILED = Costs(guess=0.46, further=0.02, most=8)
"""Of half precision, where a row costs nothing."""

_LAYERS = (("attention", "qkv"), ("attention", "out"), ("mlp", "up"), ("mlp", "down"))
"""The products of a block: nearly all of the GPT's weights."""


def can_look_ahead(gpt: Gpt) -> bool:
    """Whether a GPT's weights are many enough, on a CPU that has the products.

    `XTTS_LAB_NO_FORESIGHT=1` says no: it saves the memory of the copies.
    """
    weight = gpt.audio_embedding.weight
    return (
        os.environ.get("XTTS_LAB_NO_FORESIGHT", "") in ("", "0")
        and weight.device.type == "cpu"
        and sum(p.nbytes for p in gpt.blocks.parameters()) >= WORTH_BYTES
        and "x86" in torch.backends.quantized.supported_engines
        # Without these instructions sums of two products of 8 bits would leave their 16.
        and torch.cpu._is_vnni_supported()
        and _gains(weight.dtype)
    )


def _gains(dtype: torch.dtype) -> bool:
    """Whether a CPU's own products of one row are slower than looking ahead.

    Where it has instructions for float16, those take as long as float32's; elsewhere half as long,
    but an AMD's 8 bits are faster still.
    """
    if dtype == torch.float16:
        return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported()) or packed.pays()
    return dtype == torch.float32


def lay_rows(gpt: Gpt) -> None:
    """Let the blocks' matrices lie row after row, in place, as products of few rows like them."""
    for layer in _all(gpt):
        layer.weight.data = layer.weight.data.contiguous()


class Foresight:
    """A GPT that reads, and its copy in 8 bits that guesses; weights must stay what they are.

    The copy takes a quarter of what the weights take in float32. Where they are of half precision
    pairs read, in float32 between their products, which take as much again, or with tiles twice as
    much. Guesses do without tiles: those are slower by half where a core is shared. Where weights
    in float32 are laid out anew (`packed`), they are there twice.
    """

    def __init__(self, gpt: Gpt) -> None:
        layers = _all(gpt)
        guesses = [GuessingLinear(layer) for layer in layers]
        self.guessing = _twin(gpt, QuickBlock, guesses)
        self.reading, self.costs = _reading(gpt, layers, guesses)


def _reading(
    gpt: Gpt, layers: Sequence[Any], guesses: Sequence[GuessingLinear]
) -> tuple[Gpt, Costs]:
    """The GPT as it reads several codes fastest here, and what that costs."""
    if gpt.audio_embedding.weight.dtype == torch.float32:
        if not packed.pays():
            return gpt, WHOLE
        laid = [packed.PackedLinear(layer) for layer in layers]
        return _twin(gpt, QuickBlock, laid), PACKED
    if has_tiles():
        return _twin(gpt, TiledBlock, [Tiles(layer) for layer in layers]), TILED
    pairs = [PairedLinear(*pair) for pair in zip(layers, guesses, strict=True)]
    return _twin(gpt, QuickBlock, pairs), PAIRED


def _twin(gpt: Gpt, kind: Callable[[Any, Sequence[Any]], nn.Module], layers: Sequence[Any]) -> Gpt:
    """The same GPT with other blocks of other layers; the rest is shared, or widened to float32."""
    replaced = {id(layer.weight) for layer in _all(gpt)}
    shared: dict[int, Any] = {}
    for parameter in gpt.parameters():
        kept = parameter.dtype == torch.float32 or id(parameter) in replaced
        wide = parameter if kept else nn.Parameter(parameter.float(), requires_grad=False)
        shared[id(parameter)] = wide
    twin, each = copy.deepcopy(gpt, shared), len(_LAYERS)
    for index, block in enumerate(twin.blocks):
        twin.blocks[index] = kind(block, layers[each * index : each * (index + 1)])
    return twin


def _all(gpt: Gpt) -> list[Any]:
    """The products of all blocks, from the first to the last."""
    return [getattr(getattr(block, part), name) for block in gpt.blocks for part, name in _LAYERS]


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
    _trust: Trust = field(init=False)

    def __post_init__(self) -> None:
        self._trust = Trust(self.foresight.costs)

    def state(self, codes: Tensor, index: int) -> Tensor:
        """Code number `index` [1], just drawn -> the state [1, D] that predicts the next."""
        if self._known:
            right = self._known[0][0] == int(codes)
            self._trust.judge(right)
            if not right:
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
        for number in range(index, min(index + self._trust.together(), len(self.noise) - 1) - 1):
            slot, place = self.length + number, torch.tensor([self.first + number])
            x = gpt.embed_audio(said[-1], place)
            cache = self.cache.used(slot + 1)
            hidden = gpt.decode(x, torch.tensor([slot]), cache, masked=False)
            guess, _ = sampler(gpt.audio_head(hidden), self.noise[number + 1])
            if int(guess) == gpt.config.stop_audio:
                break
            said.append(guess)
        return said
