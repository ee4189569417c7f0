"""A GPT's weights as the decoding kernels read them. D width, V codes, L layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xtts_lab.nn.gpt import Gpt


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """One block: weights [out, in] and biases [out], in the decoding dtype; norms in float32.

    `folded_qkv` and `folded_up` are (gamma of the norm before, biases plus weights on its beta,
    weights on its gamma), for the kernels that take the norm along: see `kernels.norm_product`.
    Matrices are the model's own: nothing large is held twice.
    """

    qkv: Tensor
    qkv_bias: Tensor
    out: Tensor
    out_bias: Tensor
    up: Tensor
    up_bias: Tensor
    down: Tensor
    down_bias: Tensor
    attention_norm: tuple[Tensor, Tensor]
    mlp_norm: tuple[Tensor, Tensor]
    folded_qkv: tuple[Tensor, Tensor, Tensor]
    folded_up: tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class DecodingWeights:
    """All that a decoding step reads: `embedding` [V, D], `position` [positions, D], the head."""

    layers: tuple[LayerWeights, ...]
    embedding: Tensor
    position: Tensor
    stack_norm: tuple[Tensor, Tensor]
    final_norm: tuple[Tensor, Tensor]
    head: Tensor
    head_bias: Tensor
    eps: float

    @classmethod
    def of(cls, gpt: Gpt, dtype: torch.dtype) -> DecodingWeights:
        """Share the model's own tensors where they have the dtype already, else copy them."""

        def cast(tensor: Tensor) -> Tensor:
            return tensor.detach().to(dtype).contiguous()

        def norm(module: Any) -> tuple[Tensor, Tensor]:
            return module.weight.detach().float(), module.bias.detach().float()

        layers = tuple(
            LayerWeights(
                qkv=cast(block.attention.qkv.weight),
                qkv_bias=cast(block.attention.qkv.bias),
                out=cast(block.attention.out.weight),
                out_bias=cast(block.attention.out.bias),
                up=cast(block.mlp.up.weight),
                up_bias=cast(block.mlp.up.bias),
                down=cast(block.mlp.down.weight),
                down_bias=cast(block.mlp.down.bias),
                attention_norm=norm(block.attention_norm),
                mlp_norm=norm(block.mlp_norm),
                folded_qkv=_folded(block.attention_norm, block.attention.qkv),
                folded_up=_folded(block.mlp_norm, block.mlp.up),
            )
            for block in _blocks(gpt)
        )
        return cls(
            layers=layers,
            embedding=cast(gpt.audio_embedding.weight),
            position=cast(gpt.audio_position.weight),
            stack_norm=norm(gpt.stack_norm),
            final_norm=norm(gpt.final_norm),
            head=cast(gpt.audio_head.weight),
            head_bias=cast(gpt.audio_head.bias),
            eps=gpt.final_norm.eps,
        )

    @property
    def bytes_per_step(self) -> int:
        """What a step must read of the memory at the least: every matrix once."""
        matrices = [self.head]
        for layer in self.layers:
            matrices += [layer.qkv, layer.out, layer.up, layer.down]
        return sum(matrix.numel() * matrix.element_size() for matrix in matrices)


def _blocks(gpt: Gpt) -> list[Any]:
    return list(gpt.blocks)


def _folded(norm: Any, linear: Any) -> tuple[Tensor, Tensor, Tensor]:
    weight = linear.weight.detach().double()
    gamma, beta = norm.weight.detach().double(), norm.bias.detach().double()
    bias = linear.bias.detach().double() + weight @ beta
    return gamma.float(), bias.float(), (weight @ gamma).float()
