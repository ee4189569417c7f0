"""Linear layers whose weights lie as oneDNN wants them: the same sums, faster on many CPUs.

PyTorch hands a float32 product to MKL, which takes its slower path on processors not made by Intel.
oneDNN's product with a weight packed beforehand, the one that TorchInductor uses for frozen models,
ran 2 to 3 times as fast on an AMD EPYC with AVX-512. Results differ in the last bits only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PackedLinear(nn.Module):
    """What an `nn.Linear` in float32 computes, [..., K] -> [..., N], for inference on the CPU.

    With `gelu` the activation that follows is computed in the same pass over the output.
    """

    def __init__(self, linear: nn.Linear, gelu: bool = False) -> None:
        super().__init__()
        # A plain attribute: an opaque layout is not to be moved, cast or saved.
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)
        self.bias = linear.bias
        self._activation = "gelu" if gelu else "none"

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._packed, self.bias, self._activation, [], "none"
        )
        return result


def is_supported() -> bool:
    """Say whether this build of torch has oneDNN's packed product."""
    names = ("_reorder_linear_weight", "_linear_pointwise")
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(there) and all(hasattr(torch.ops.mkldnn, name) for name in names)


def pack_linears(module: nn.Module) -> None:
    """Replace each float32 `nn.Linear` inside `module`, on the CPU; do nothing if unsupported.

    In an `nn.Sequential`, an exact GELU right after one goes into its product.
    """
    if not is_supported():
        return
    children = list(module.named_children())
    for i, (name, child) in enumerate(children):
        if not isinstance(child, nn.Linear):
            pack_linears(child)
        elif child.weight.device.type == "cpu" and child.weight.dtype == torch.float32:
            after = children[i + 1][1] if i + 1 < len(children) else None
            fused = isinstance(module, nn.Sequential) and _is_exact_gelu(after)
            setattr(module, name, PackedLinear(child, gelu=fused))
            if fused:
                setattr(module, str(int(name) + 1), nn.Identity())


def _is_exact_gelu(module: nn.Module | None) -> bool:
    return isinstance(module, nn.GELU) and module.approximate == "none"
