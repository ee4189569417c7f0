"""How the decoding kernels cut their work."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Tuning:
    """How the kernels cut their work; every choice computes the same but for rounding.

    Output rows a program (`qkv_rows`, ...), `splits` of the keys, keys a block. `pdl` overlaps
    kernels (programmatic dependent launch, compute capability 9.0 and later): `early` lets the next
    one start at once, not after this one's wait, and `ahead` fetches old keys before the wait.
    """

    qkv_rows: int = 16
    out_rows: int = 8
    up_rows: int = 16
    down_rows: int = 4
    head_rows: int = 8
    splits: int = 16
    block_keys: int = 32
    warps: int = 8
    attention_warps: int = 2
    draw_warps: int = 8
    early: bool = True
    ahead: bool = True
    pdl: bool = False

    @classmethod
    def choose(cls, device: torch.device, rows: int, dtype: torch.dtype) -> Tuning:
        """What was fastest where it was measured (H100, H200); many rows need no splits."""
        pdl = overlaps(device)
        if rows > 4:
            return cls(splits=1, block_keys=64, attention_warps=2, pdl=pdl)
        splits = max(1, cls.splits // (1 << (rows - 1).bit_length()))
        if dtype == torch.float32:  # twice the bytes a weight: half the warps fetch as many
            return cls(splits=splits, pdl=pdl, warps=4, down_rows=2, attention_warps=1)
        return cls(splits=splits, pdl=pdl)


def overlaps(device: torch.device) -> bool:
    """Whether a kernel may start while its predecessor ends (programmatic dependent launch)."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (9, 0)


def has_tensor_cores(device: torch.device) -> bool:
    """Whether products may go over TF32 or halves: from compute capability 8.0 on, or on a CPU."""
    return device.type != "cuda" or torch.cuda.get_device_capability(device) >= (8, 0)


def stages(device: torch.device) -> int:
    """How many tiles of each operand of a product may be under way: four take some 128 KB.

    A100, H100 and B200 (8.0, 9.0, 10.0) have that much shared memory; the cards of 8.6, 8.9 and
    12.0 have 99 KB.
    """
    if device.type != "cuda":
        return 1
    return 4 if torch.cuda.get_device_capability(device) in {(8, 0), (9, 0), (10, 0)} else 2
