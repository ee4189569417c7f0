"""The ONNX operations that move values and compute none, in torch, of the same graphs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from xtts_lab.nn.onnx_graphs.operations import Attributes, Operation, integers, together


def _unsqueeze(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, *given = inputs  # before version 13 of the operations axes were an attribute
    for axis in sorted(integers(given[0]) if given else attributes["axes"]):
        data = data.unsqueeze(axis)
    return data


def _squeeze(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    data, axes = inputs
    return data.squeeze(tuple(integers(axes)))


def _reshape(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    data, shape = inputs
    wanted = [data.shape[i] if size == 0 else size for i, size in enumerate(integers(shape))]
    return data.reshape(wanted)


def _gather(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, index = inputs
    axis = attributes.get("axis", 0)
    index = index.to(data.device)
    index = torch.where(index < 0, index + data.shape[axis], index)
    picked = data.index_select(axis, index.reshape(-1).long())
    return picked.reshape([*data.shape[:axis], *index.shape, *data.shape[axis + 1 :]])


def _transpose(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    (data,) = inputs
    return data.permute(attributes.get("perm", tuple(range(data.ndim))[::-1]))


def _split(inputs: list[Tensor], attributes: Attributes) -> tuple[Tensor, ...]:
    data, sizes = inputs
    return torch.split(data, integers(sizes), attributes.get("axis", 0))


def _slice(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    data, starts, ends, *more = inputs
    first, last = integers(starts), integers(ends)
    axes = integers(more[0]) if more else list(range(len(first)))
    steps = integers(more[1]) if len(more) > 1 else [1] * len(first)
    where = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, first, last, steps, strict=True):
        where[axis] = slice(start, end if end < 2**62 else None, step)
    return data[tuple(where)]


def _concatenate(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    return torch.cat(together(*inputs), attributes["axis"])


def _expand(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    data, shape = inputs
    return data.expand(_broadcast(list(data.shape), integers(shape)))


def _broadcast(own: list[int], wanted: list[int]) -> list[int]:
    """Return the shape that both broadcast to: ONNX expands to it where torch wants it whole."""
    rank = max(len(own), len(wanted))
    left, right = ([1] * (rank - len(shape)) + shape for shape in (own, wanted))
    return [max(pair) for pair in zip(left, right, strict=True)]


def _pad(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, pads, *_ = inputs
    count = len(amounts := integers(pads)) // 2
    pairs = [(amounts[axis], amounts[count + axis]) for axis in reversed(range(count))]
    while len(pairs) > 1 and pairs[-1] == (0, 0):
        pairs.pop()  # torch reflects the last axes only
    mode = attributes.get("mode", b"constant").decode()
    return functional.pad(data, [amount for pair in pairs for amount in pair], mode)


def _resize(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, scale = inputs[0], float(inputs[2].reshape(-1)[-1])
    if attributes["mode"] == b"nearest":
        if scale >= 1:
            return data.repeat_interleave(round(scale), dim=-1)
        count = int(data.shape[-1] * scale)
        places = (torch.arange(count, device=data.device) / scale).floor().long()
        return data.index_select(-1, places)
    aligned = attributes["coordinate_transformation_mode"] == b"align_corners"
    return functional.interpolate(
        data, scale_factor=scale, mode="linear", align_corners=aligned, recompute_scale_factor=False
    )


def _scatter(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    data, index, updates = together(*inputs)
    data = data.clone()
    data[tuple(index.reshape(-1, index.shape[-1]).T)] = updates.reshape(
        -1, *data.shape[index.shape[-1] :]
    )
    return data


def _range(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    start, end, step = (int(value) for value in inputs)
    return torch.arange(start, end, step)


MOVES: dict[str, Operation] = {
    "Concat": _concatenate,
    "Expand": _expand,
    "Gather": _gather,
    "NonZero": lambda inputs, _: inputs[0].nonzero().T,
    "Pad": _pad,
    "Range": _range,
    "Reshape": _reshape,
    "Resize": _resize,
    "ScatterND": _scatter,
    "Shape": lambda inputs, _: torch.tensor(inputs[0].shape),
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": lambda inputs, _: torch.where(*together(*inputs)),
}
