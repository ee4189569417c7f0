"""A graph in ONNX run by torch, one operation after the other: for GPUs, where that is fast.

ONNX Runtime's CUDA package brings its own CUDA, which seldom is that of torch; the graphs have some
fifty kinds of operations, so torch runs them with nothing else installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab.errors import UsageError
from xtts_lab.nn.onnx_graphs.operations import COMPUTATIONS, Attributes, Operation
from xtts_lab.nn.onnx_graphs.shapes import MOVES

SHAPE_SIZE = 8
"""Integer constants of up to so many elements are shapes and axes, and stay on the host."""


@dataclass(frozen=True)
class _Step:
    operation: Operation
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes
    free: tuple[str, ...]
    """Values that no later step needs."""


class GraphRunner:
    """A graph with float weights on a device; `extra` is what brings the package that reads it.

    Call it with the inputs by name; it returns its first output. `UsageError` where `onnx` is
    missing, `NotImplementedError` for an operation that is not in `operations` or `shapes`.
    """

    def __init__(self, graph: Path, device: str, extra: str) -> None:
        try:
            import onnx
        except ImportError:
            remedy = f"remedy: pip install xtts_lab[{extra}]"
            raise UsageError(f"{graph.name} on {device} needs onnx; {remedy}") from None
        model = onnx.load(str(graph)).graph
        self._device = torch.device(device)
        self._scales = {node.input[2] for node in model.node if node.op_type == "Resize"}
        self._constants = {tensor.name: self._constant(tensor) for tensor in model.initializer}
        self._output = model.output[0].name
        self._steps = self._plan(model.node)

    @torch.inference_mode()
    def __call__(self, **inputs: Tensor) -> Tensor:
        given = {name: value.to(self._device) for name, value in inputs.items()}
        values: dict[str, Any] = {**self._constants, "": None, **given}
        for step in self._steps:
            result = step.operation([values[name] for name in step.inputs], step.attributes)
            if isinstance(result, Tensor):
                values[step.outputs[0]] = result
            else:
                values.update(zip(step.outputs, result, strict=False))
            for name in step.free:
                del values[name]
        made: Tensor = values[self._output]
        return made

    def _constant(self, tensor: Any) -> Tensor:
        import numpy as np
        import onnx

        value = torch.from_numpy(np.array(onnx.numpy_helper.to_array(tensor)))
        shape_like = value.numel() <= SHAPE_SIZE and not value.is_floating_point()
        on_host = shape_like or value.ndim == 0 or tensor.name in self._scales
        return value if on_host else value.to(self._device)

    def _plan(self, nodes: Any) -> list[_Step]:
        last = {name: index for index, node in enumerate(nodes) for name in node.input}
        steps = []
        for index, node in enumerate(nodes):
            attributes = _attributes(node)
            free = {n for n in node.input if last[n] == index and n and n not in self._constants}
            steps.append(
                _Step(
                    self._operation(node, attributes),
                    tuple(node.input),
                    tuple(node.output),
                    attributes,
                    tuple(free),
                )
            )
        return steps

    def _operation(self, node: Any, attributes: Attributes) -> Operation:
        if node.op_type == "LSTM":
            return self._lstm(node, attributes)
        if node.op_type == "ConstantOfShape":
            return self._filled(attributes)
        operation = COMPUTATIONS.get(node.op_type) or MOVES.get(node.op_type)
        if operation is None:
            raise NotImplementedError(f"the graph has an unknown operation {node.op_type}")
        return operation

    def _filled(self, attributes: Attributes) -> Operation:
        """Return the operation that makes a tensor of one value in a given shape."""
        import onnx

        value = torch.from_numpy(onnx.numpy_helper.to_array(attributes["value"]).copy())

        def operation(inputs: list[Tensor], _attributes: Attributes) -> Tensor:
            shape = [int(size) for size in inputs[0].tolist()]
            device = self._device if value.is_floating_point() or len(shape) > 1 else "cpu"
            return torch.full(shape, value.item(), dtype=value.dtype, device=device)

        return operation

    def _lstm(self, node: Any, attributes: Attributes) -> Operation:
        """Return a bidirectional LSTM with the graph's weights, gates in torch's order."""
        weights, recurrent, bias = (self._constants[name] for name in node.input[1:4])
        hidden = int(attributes["hidden_size"])
        layer = nn.LSTM(weights.shape[2], hidden, bidirectional=True).to(self._device).eval()
        gates = torch.arange(4 * hidden).view(4, hidden)[[0, 2, 3, 1]].reshape(-1)  # iofc -> ifco
        with torch.no_grad():
            for direction, suffix in enumerate(("", "_reverse")):
                inputs, states = bias[direction].view(2, 4 * hidden)
                getattr(layer, f"weight_ih_l0{suffix}").copy_(weights[direction][gates])
                getattr(layer, f"weight_hh_l0{suffix}").copy_(recurrent[direction][gates])
                getattr(layer, f"bias_ih_l0{suffix}").copy_(inputs[gates])
                getattr(layer, f"bias_hh_l0{suffix}").copy_(states[gates])

        layer.flatten_parameters()

        def operation(values: list[Tensor], _attributes: Attributes) -> tuple[Tensor, ...]:
            output, (state, cell) = layer(values[0])  # the graph's initial states are zeros
            steps, batch, _ = output.shape
            return output.view(steps, batch, 2, hidden).transpose(1, 2), state, cell

        return operation


def _attributes(node: Any) -> Attributes:
    import onnx

    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
