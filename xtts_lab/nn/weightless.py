"""Modules without weights: what is declared can be asked for, and nothing is drawn or kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class _Undrawn(TorchFunctionMode):
    """Leaves out the initialisation of weights, which takes most of the time of building."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if getattr(func, "__module__", None) == nn.init.__name__:
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


@contextmanager
def undrawn() -> Iterator[None]:
    """Within it, modules are built with whatever the memory held: for weights that are read next.

    Drawing those of a large recogniser takes longer than reading them, and moves the seed.
    """
    with _Undrawn():
        yield


@contextmanager
def weightless() -> Iterator[None]:
    """Within it, modules are built with their parameters on `meta`; constants are real."""
    with torch.device("meta"), _Undrawn():
        yield
