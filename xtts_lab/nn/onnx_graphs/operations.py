"""The ONNX operations that the graphs of Kokoro and DNSMOS have, in torch.

Each takes its inputs (None where one is left out) and its attributes, and returns a tensor, or a
tuple of them. Scalars and small integers, which are shapes and axes, live on the host, where they
can be read without waiting for the device; data live on the device.
Only what the graphs use is here: an attribute that they never set is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Attributes: TypeAlias = Mapping[str, Any]
Operation: TypeAlias = Callable[[list[Tensor], Attributes], Tensor | tuple[Tensor, ...]]

DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: torch.float64}
"""ONNX's numbers of the types that the graphs cast to."""


def integers(values: Tensor) -> list[int]:
    """Return a tensor of shapes or axes as a list."""
    return [int(value) for value in values.reshape(-1).tolist()]


def together(*values: Tensor) -> tuple[Tensor, ...]:
    """Return the values on one device: that of the data, where any is data."""
    device = next((value.device for value in values if value.device.type != "cpu"), None)
    return values if device is None else tuple(value.to(device) for value in values)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Operation:
    def operation(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
        left, right = inputs
        if left.device != right.device and left.ndim and right.ndim:
            # torch takes a scalar of the host beside data of a device as it is.
            left, right = together(left, right)
        return function(left, right)

    return operation


def _unary(function: Callable[[Tensor], Tensor]) -> Operation:
    return lambda inputs, _attributes: function(inputs[0])


def _divide(left: Tensor, right: Tensor) -> Tensor:
    return left / right if left.is_floating_point() else left.div(right, rounding_mode="trunc")


def _reduce(function: Callable[..., Tensor]) -> Operation:
    def operation(inputs: list[Tensor], attributes: Attributes) -> Tensor:
        axes = integers(inputs[1]) if len(inputs) > 1 else list(attributes["axes"])
        return function(inputs[0], dim=axes, keepdim=bool(attributes.get("keepdims", 1)))

    return operation


def _cast(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    return inputs[0].to(DTYPES[attributes["to"]])


def _clip(inputs: list[Any], _attributes: Attributes) -> Tensor:
    data, *bounds = inputs
    low, high = (*(None if bound is None else float(bound) for bound in bounds), None, None)[:2]
    clipped: Tensor = data.clamp(low, high)
    return clipped


def _fused_matmul(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    left, right = inputs
    left = left.transpose(-1, -2) if attributes.get("transA") else left
    right = right.transpose(-1, -2) if attributes.get("transB") else right
    return (left @ right) * float(attributes.get("alpha", 1.0))


def _convolve(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, weights, *bias = inputs
    axes = data.ndim - 2
    pads = attributes.get("pads", [0] * 2 * axes)
    before, after = pads[:axes], pads[axes:]
    if before != after:
        pairs = [(b, a) for b, a in zip(before, after, strict=True)][::-1]
        data, before = functional.pad(data, [pad for pair in pairs for pad in pair]), [0] * axes
    return torch.convolution(
        data,
        weights,
        bias[0] if bias else None,
        attributes.get("strides", [1] * axes),
        before,
        attributes.get("dilations", [1] * axes),
        False,
        [0] * axes,
        attributes.get("group", 1),
    )


def _convolve_transposed(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, weights, *bias = inputs
    (before, after), (stride,) = attributes.get("pads", [0, 0]), attributes.get("strides", [1])
    if before != after:
        raise NotImplementedError("a transposed convolution with uneven padding")
    return functional.conv_transpose1d(
        data,
        weights,
        bias[0] if bias else None,
        stride,
        before,
        attributes.get("output_padding", [0]),
        attributes.get("group", 1),
        attributes.get("dilations", [1]),
    )


def _layer_norm(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, weight, *bias = inputs
    epsilon = attributes.get("epsilon", 1e-5)
    return functional.layer_norm(
        data, tuple(weight.shape), weight, bias[0] if bias else None, epsilon
    )


def _skip_layer_norm(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    data, skipped, weight, bias = inputs
    return functional.layer_norm(
        data + skipped, tuple(weight.shape), weight, bias, attributes["epsilon"]
    )


def _fast_gelu(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    return functional.gelu(inputs[0] + inputs[1], approximate="tanh")


def _leaky_relu(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    return functional.leaky_relu(inputs[0], attributes.get("alpha", 0.01))


def _max_pool(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    return functional.max_pool2d(inputs[0], attributes["kernel_shape"], attributes["strides"])


def _larger(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    return torch.maximum(*together(*inputs))


def _softmax(inputs: list[Tensor], attributes: Attributes) -> Tensor:
    return inputs[0].softmax(attributes.get("axis", -1))


def _dequantise(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    data, scale, *zero = together(*inputs)
    return (data.float() - (zero[0].float() if zero else 0.0)) * scale


def _short_time_fourier(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    """Frames of a real signal, windowed: [B, T, 1] to [B, frames, bins, 2]."""
    signal, step, window, length = inputs
    framed = signal.reshape(signal.shape[0], -1).unfold(-1, int(length), int(step))
    return torch.view_as_real(torch.fft.rfft(framed * window))


def _square(left: Tensor, right: Tensor) -> Tensor:
    # The graphs' only powers are squares, and a product is exact where a power need not be.
    return left * left if right.numel() == 1 and float(right) == 2.0 else left.pow(right)


def _power(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
    return _square(*inputs)


COMPUTATIONS: dict[str, Operation] = {
    "Add": _binary(torch.add),
    "And": _binary(torch.logical_and),
    "Atan": _unary(torch.atan),
    "Cast": _cast,
    "Clip": _clip,
    "Conv": _convolve,
    "ConvTranspose": _convolve_transposed,
    "Cos": _unary(torch.cos),
    "CumSum": lambda inputs, _: inputs[0].cumsum(int(inputs[1])),
    "DequantizeLinear": _dequantise,
    "Div": _binary(_divide),
    "Equal": _binary(torch.eq),
    "Exp": _unary(torch.exp),
    "FastGelu": _fast_gelu,
    "Floor": _unary(torch.floor),
    "FusedMatMul": _fused_matmul,
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky_relu,
    "Less": _binary(torch.lt),
    "Log": _unary(torch.log),
    "MatMul": _binary(torch.matmul),
    "Max": _larger,
    "MaxPool": _max_pool,
    "Mul": _binary(torch.mul),
    "Pow": _power,
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": _unary(torch.relu),
    "Round": _unary(torch.round),
    "STFT": _short_time_fourier,
    "Sigmoid": _unary(torch.sigmoid),
    "Sin": _unary(torch.sin),
    "SkipLayerNormalization": _skip_layer_norm,
    "Softmax": _softmax,
    "Sqrt": _unary(torch.sqrt),
    "Sub": _binary(torch.sub),
    "Tanh": _unary(torch.tanh),
}
