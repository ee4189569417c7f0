"""Tensors from files, executing nothing.

A pickle can name any function. Reading with `weights_only=True` refuses all but tensors and plain
containers; the published `model.pth` also holds the reference implementation's configuration
objects, and trainers leave numbers of numpy and paths beside the weights. For those an inert
stand-in is read, which is never asked to be anything: neither package nor platform need fit.
"""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xtts_lab.checkpoint.impostors import refuse_impostors
from xtts_lab.errors import UsageError

# Configuration classes of the reference implementation and its trainer, by where they have lived.
LISTED = 4
"""How many tensors' names a message about lost values gives."""

HARMLESS = ("TTS.", "trainer.", "coqpit.")

# What else stands beside weights: data, of which nothing is needed.
NUMPY = re.compile(
    r"numpy\.(_?core\.)?multiarray\.(scalar|_reconstruct)|numpy\.(ndarray|dtype)"
    r"|numpy\.dtypes\.\w+|numpy\.\w*(int|float|complex|bool|str)\w*|_codecs\.encode"
)
DATA = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": "int float complex bool str bytearray list tuple dict set frozenset slice",
        "collections": "defaultdict deque",
        "datetime": "datetime date time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID",
        "argparse": "Namespace",
        "types": "SimpleNamespace",
        "torch.torch_version": "TorchVersion",
        **dict.fromkeys(
            ("pathlib", "pathlib._local"),
            "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath",
        ),
    }.items()
    for name in names.split()
)


class _Ignored:
    """Stands for an object whose content is of no interest: takes and keeps nothing.

    Where the unpickler has it called, as it has `numpy`'s `scalar`, that makes another stand-in.
    """

    def __new__(cls, *_args: object, **_kwargs: object) -> _Ignored:
        return object.__new__(cls)

    def __setstate__(self, _state: object) -> None: ...

    def __setitem__(self, _key: object, _value: object) -> None: ...


class _Dict:
    """Stands for a `defaultdict`, which a state dict may be: makes a plain one of the same keys."""

    def __new__(cls, *_factory: object) -> Any:
        return OrderedDict()


class _List:
    """Stands for a `deque`."""

    def __new__(cls, *_given: object) -> Any:
        return []


_PLAIN = {"collections.defaultdict": _Dict, "collections.deque": _List}


def read_pickle(path: Path) -> Any:
    """Return what a `.pth` file holds, its tensors mapped from disk rather than copied.

    Raises `UsageError` for a file that is absent, truncated, no checkpoint, or that names anything
    but tensors, plain data and the reference's configuration classes.
    """
    refuse_impostors(path)
    try:
        stand_ins = _stand_ins(path)
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError as error:
        raise UsageError(f"{path.name}: no such file in {path.parent.name}") from error
    except UsageError:
        raise
    except Exception as error:  # the reader raises a dozen kinds, none of them documented
        raise UsageError(
            f"{path.name}: cannot be read as a checkpoint ({_reason(error)}); is it complete?"
        ) from error


def _stand_ins(path: Path) -> list[Any]:
    # The unpickler looks classes up by full name; this call lists the names without loading.
    names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    refused = sorted(name for name in names if not _is_harmless(name))
    if refused:
        raise UsageError(
            f"{path.name}: refused, for its pickle would run {', '.join(refused)}; "
            "a checkpoint holds tensors only"
        )
    return [(_PLAIN.get(name, _Ignored), name) for name in names]


def _is_harmless(name: str) -> bool:
    return name.startswith(HARMLESS) or name in DATA or NUMPY.fullmatch(name) is not None


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, mapped from disk."""
    from safetensors import safe_open

    refuse_impostors(path)
    try:
        with safe_open(str(path), framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise UsageError(f"{path.name}: no such file in {path.parent.name}") from error
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(
            f"{path.name}: cannot be read as safetensors ({_reason(error)}); is it complete?"
        ) from error


def is_finite(tensor: Tensor) -> bool:
    """Whether a tensor holds no NaN and no infinity; a look at each value, and no copy."""
    if tensor.numel() == 0 or not tensor.is_floating_point():
        return True
    low, high = tensor.aminmax()  # NaN is both
    return math.isfinite(low) and math.isfinite(high)


def require_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Raise `UsageError` for tensors that hold NaN or infinity, of which nothing sound comes."""
    lost = [name for name, tensor in tensors.items() if not is_finite(tensor)]
    if lost:
        more = f" and {len(lost) - LISTED} more" if len(lost) > LISTED else ""
        raise UsageError(
            f"{source}: holds values that are not finite (NaN or infinity), in "
            f"{', '.join(lost[:LISTED])}{more}; its training or its conversion went wrong"
        )


def read_header(path: Path, kind: str, what: str) -> Any:
    """Return the `config` in the header of a safetensors file of our own `kind`.

    Raises `UsageError` for a file that is absent or holds something else; `what` says what it
    ought to hold, for the message.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise UsageError(f"{path.name}: no such file in {path.parent}; train {what} first")
    try:
        with safe_open(str(path), framework="pt") as file:
            data = file.metadata() or {}
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(f"{path.name}: cannot be read as safetensors") from error
    if data.get("format") != kind:
        raise UsageError(f"{path.name}: holds no {what.partition(' ')[2]} of xtts_lab")
    try:
        return json.loads(data["config"])
    except (KeyError, ValueError) as error:
        raise UsageError(f"{path.name}: does not say what sizes {what} in it has") from error


def tensors_of(content: object, path: Path) -> dict[str, Tensor]:
    """Return the state dict of a published or fine-tuned checkpoint, its names without `xtts.`"""
    state = content.get("model", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise UsageError(f"{path.name}: holds no state dict (expected one under 'model')")
    tensors = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, Tensor)}
    if not tensors:
        raise UsageError(f"{path.name}: its state dict holds no tensors")
    return {name.removeprefix("xtts."): tensor for name, tensor in tensors.items()}


def _reason(error: BaseException) -> str:
    # torch explains itself at length before it says what was wrong.
    lines = str(error).rpartition("WeightsUnpickler error:")[2].strip().splitlines()
    return lines[0].rstrip(".")[:160] if lines else type(error).__name__
