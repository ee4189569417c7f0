"""The processes that train one model: this one alone, or several through Lightning Fabric."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import nn

from xtts_lab.errors import UsageError
from xtts_lab.training.stage import Shard


class Processes:
    """This process, its device, and the others that train the same model (gloo or NCCL)."""

    def __init__(self, devices: Sequence[str], count: int = 1) -> None:
        """`devices`: `cpu` for all, or a `cuda:N` for each.

        Several processes have been started by then (`jobs.py`), with `LOCAL_RANK` and the address
        of the first in their environment.
        """
        cuda = devices[0].startswith("cuda")
        self.device = torch.device("cuda", _index(devices[0])) if cuda else torch.device("cpu")
        self.shard = Shard(0, count)
        # One process asks nothing of Fabric, whose import takes as long as torch's.
        self.fabric: Any = _launched(devices, count) if count > 1 else None
        if self.fabric is not None:
            self.device = self.fabric.device
            self.shard = Shard(int(self.fabric.global_rank), count)
        if cuda:
            torch.cuda.set_device(self.device)
            torch.set_float32_matmul_precision("high")  # TF32: what bf16 leaves in fp32
            # cuDNN's attention builds a plan for each new shape, and every batch has one.
            torch.backends.cuda.enable_cudnn_sdp(False)

    def autocast(
        self, precision: Literal["auto", "fp32", "bf16"], keep: bool = True
    ) -> AbstractContextManager[Any]:
        """What a step computes in; `keep` weights that were cast until its end."""
        wanted = precision == "bf16" or (precision == "auto" and self.device.type == "cuda")
        if not wanted:
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=keep)

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Average the gradients over the processes, as one tensor; absent ones count as zero."""
        if self.shard.count == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        averaged = self.fabric.all_reduce(flat, reduce_op="mean")
        pieces = averaged.split([gradient.numel() for gradient in gradients])
        for parameter, piece in zip(parameters, pieces, strict=True):
            parameter.grad = piece.view_as(parameter).clone()

    def means(self, values: dict[str, float]) -> dict[str, float]:
        """Average figures over the processes."""
        if self.shard.count == 1 or not values:
            return values
        names = sorted(values)
        packed = torch.tensor([values[name] for name in names], device=self.device)
        averaged = self.fabric.all_reduce(packed, reduce_op="mean").tolist()
        return dict(zip(names, averaged, strict=True))

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        if self.shard.count == 1:
            return flag
        total = self.fabric.all_reduce(torch.tensor(float(flag), device=self.device))
        return bool(total > 0)

    def leave(self) -> None:
        """Leave the process group, once all is done.

        A thread of gloo's that still holds a tensor as the interpreter ends takes the process down
        (`terminate called without an active exception`). Not to be called after an error: gloo
        would wait for what the others have yet to send.
        """
        if self.fabric is not None:
            torch.distributed.destroy_process_group()


def _index(device: str) -> int:
    return int(device.partition(":")[2] or 0)


def _launched(devices: Sequence[str], count: int) -> Any:
    cuda = devices[0].startswith("cuda")
    fabric = _fabric()(
        accelerator="cuda" if cuda else "cpu",
        devices=[_index(device) for device in devices] if cuda else count,
        strategy="ddp",
    )
    fabric.launch()
    return fabric


def _fabric() -> Any:
    try:
        from lightning_fabric import Fabric
    except ImportError:
        try:
            from lightning.fabric import Fabric
        except ImportError:
            raise UsageError(
                "training.processes over 1 needs Lightning Fabric; remedy: "
                "pip install 'xtts_lab[train]'"
            ) from None
    return Fabric
