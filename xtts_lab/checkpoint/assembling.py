"""Tensors -> modules: names, layouts and shapes checked, nothing copied that need not be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from xtts_lab.checkpoint.names import is_ignored, is_transposed, module_names, published_name
from xtts_lab.checkpoint.reading import require_finite
from xtts_lab.checkpoint.vocabulary import TEXT_EMBEDDING, check_vocabulary
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.nn.weightless import weightless

LISTED = 12
"""How many names of a kind a one-line message gives before it counts the rest."""


@dataclass
class _Problems:
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshaped: list[str] = field(default_factory=list)

    def raise_if_any(self, source: str) -> None:
        kinds = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape": self.misshaped,
        }
        found = [f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names]
        if found:
            raise UsageError(
                f"{source}: its tensors do not fit config.json (another model, or other sizes?); "
                + "; ".join(found)
            )


def skeleton(config: ModelConfig) -> XttsModel:
    """Return the model without weights: parameters on `meta`, constants real."""
    try:
        with weightless():
            return XttsModel(config)
    except (ValueError, RuntimeError, ZeroDivisionError, AssertionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"config.json: describes no possible model ({reason})") from error


def from_published(
    config: ModelConfig, tensors: Mapping[str, Tensor], source: str, dtype: torch.dtype
) -> XttsModel:
    """Build the model from tensors with published names; `source` is the file, for errors.

    The text tokens of `config` are those of the vocabulary.
    """
    model = skeleton(config)
    modules = module_names(config)
    left, problems = dict(tensors), _Problems()
    embedding = tensors.get(published_name(TEXT_EMBEDDING, modules))
    if embedding is not None and embedding.ndim == 2:
        check_vocabulary(config.gpt.text_tokens, embedding.shape[0], source)
    state: dict[str, Tensor] = {}
    for name, wanted in model.state_dict().items():
        published = published_name(name, modules)
        tensor = _take(left, published)
        if tensor is None:
            problems.missing.append(published)
            continue
        tensor = tensor.t() if is_transposed(name) and tensor.ndim == 2 else tensor
        _place(state, name, tensor, wanted, published, problems)
    problems.unexpected = sorted(name for name in left if not is_ignored(name))
    problems.raise_if_any(source)
    return _filled(model, state, source, dtype)


def from_native(
    config: ModelConfig, tensors: Mapping[str, Tensor], source: str, dtype: torch.dtype
) -> XttsModel:
    """Build the model from tensors with our own names."""
    model = skeleton(config)
    wanted = model.state_dict()
    problems = _Problems(sorted(set(wanted) - set(tensors)), sorted(set(tensors) - set(wanted)))
    state: dict[str, Tensor] = {}
    for name in set(wanted) & set(tensors):
        _place(state, name, tensors[name], wanted[name], name, problems)
    problems.raise_if_any(source)
    return _filled(model, state, source, dtype)


def _place(
    state: dict[str, Tensor],
    name: str,
    tensor: Tensor,
    wanted: Tensor,
    stored_name: str,
    problems: _Problems,
) -> None:
    if tensor.shape == wanted.shape and tensor.is_floating_point() == wanted.is_floating_point():
        state[name] = tensor
        return
    problems.misshaped.append(f"{stored_name} {_shape(tensor)} instead of {_shape(wanted)}")


def _filled(
    model: XttsModel, state: dict[str, Tensor], source: str, dtype: torch.dtype
) -> XttsModel:
    require_finite(state, source)
    cast = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    model.load_state_dict(cast, strict=True, assign=True)
    return model.eval()


def _take(tensors: dict[str, Tensor], name: str) -> Tensor | None:
    """Remove and return a tensor, multiplying out a weight normalisation where it is stored so."""
    if name in tensors:
        return tensors.pop(name)
    module, _, leaf = name.rpartition(".")
    for scale, direction in _weight_norm_names(module):
        if leaf == "weight" and scale in tensors and direction in tensors:
            vectors, lengths = tensors.pop(direction), tensors.pop(scale)
            return torch._weight_norm(vectors.float(), lengths.float(), 0)
    return None


def _weight_norm_names(module: str) -> Iterable[tuple[str, str]]:
    parametrised = f"{module}.parametrizations.weight.original"
    return ((f"{parametrised}0", f"{parametrised}1"), (f"{module}.weight_g", f"{module}.weight_v"))


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "scalar"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
