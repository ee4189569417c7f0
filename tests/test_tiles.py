"""Blocks of 8 bits for AMX compute what the GPT's blocks do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from xtts_lab.inference.ahead.tiles import TiledBlock, Tiles, has_tiles
from xtts_lab.nn.attention import KVCache, LayerCache
from xtts_lab.nn.gpt import Block

pytestmark = pytest.mark.skipif(not has_tiles(), reason="this CPU lacks the products")
WIDTH, HEADS, BEFORE, COUNT = 128, 2, 11, 5


def _block() -> Block:
    torch.manual_seed(0)
    block = Block(WIDTH, HEADS)
    for parameter in block.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    return block


def _cache(dtype: torch.dtype) -> KVCache:
    """With room behind what is used, and something of before in it."""
    made = torch.Generator().manual_seed(1)
    cache = KVCache.empty(1, 1, HEADS, 40, WIDTH // HEADS, torch.device("cpu"), dtype)
    for part in (cache.keys, cache.values):
        part.copy_(torch.randn(part.shape, generator=made))
    return cache.used(BEFORE + COUNT)


def _read(block: Any, x: Tensor) -> tuple[Tensor, LayerCache]:
    places = BEFORE + torch.arange(COUNT)[None]
    seen = torch.arange(BEFORE + COUNT) <= places[..., None]
    mask = torch.zeros(1, *seen.shape, dtype=x.dtype).masked_fill(~seen, -torch.inf)
    cache = _cache(x.dtype).layer(0)
    return block.extend(x, cache, places, mask), cache


@torch.inference_mode()
def test_they_are_nearer_to_the_block_than_half_precision_is() -> None:
    block, x = _block(), torch.randn(1, COUNT, WIDTH, generator=torch.Generator().manual_seed(2))
    given = x.clone()
    made, cache = _read(TiledBlock(block, _layers(block)), x)
    expected, its_cache = _read(block, x)
    half, _ = _read(copy.deepcopy(block).half(), x.half())
    assert 0 < _error(made, expected) < _error(half.float(), expected)
    assert _error(cache.keys, its_cache.keys) < 1e-4
    assert _error(cache.values, its_cache.values) < 1e-4
    assert torch.equal(x, given)


@torch.inference_mode()
def test_rows_of_any_size_and_of_nothing() -> None:
    block = _block()
    for scale in (0.0, 1e-20, 1e10):
        made, _ = _read(TiledBlock(block, _layers(block)), torch.full((1, COUNT, WIDTH), scale))
        assert bool(made.isfinite().all())


def _layers(block: Any) -> list[Tiles]:
    linears = (block.attention.qkv, block.attention.out, block.mlp.up, block.mlp.down)
    return [Tiles(linear) for linear in linears]


def _error(made: Tensor, expected: Tensor) -> float:
    return float((made - expected).norm() / expected.norm())
