"""A conditioner, decoder or vocoder in a checkpoint's place, with weights of its own or none.

A part's weights are a safetensors file with our names, whose header says which part it is and which
GPT (or DVAE) it was trained beside, by the SHA-256 of that file: a part that was not trained
together with what it reads or feeds runs, but says nothing about the method.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xtts_lab import config as configuration
from xtts_lab import registry
from xtts_lab.checkpoint.inspecting import Description, remembered_sha256
from xtts_lab.checkpoint.reading import read_safetensors, require_finite
from xtts_lab.errors import UsageError
from xtts_lab.model import Kind, ModelConfig, XttsModel, build
from xtts_lab.nn.weightless import undrawn, weightless
from xtts_lab.sizes import MOST_PARAMETERS
from xtts_lab.types import Json, ModelSizes, Part
from xtts_lab.yaml_file import Where

FORMAT = "xtts_lab.part"
SINGULAR: Mapping[Kind, str] = {
    "conditioners": "conditioner",
    "decoders": "decoder",
    "vocoders": "vocoder",
}
Spec = dict[str, Any]
IMPOSSIBLE = (ValueError, RuntimeError, ZeroDivisionError, AssertionError, IndexError)
"""What modules raise that cannot be built, or whose pieces do not fit each other."""


@dataclass(frozen=True)
class Choice:
    """A part as it was chosen. `own`: it is the checkpoint's, with the checkpoint's weights.

    Settings of inference alone (`inference_settings`) may still differ from the checkpoint's.
    """

    kind: Kind
    part: Part
    weights: Path | None
    own: bool

    @property
    def spec(self) -> Spec:
        """The choice as a resolved experiment shows it."""
        weights = None if self.weights is None else str(self.weights)
        return {"name": self.part.name, **self.part.settings, "weights": weights}

    @property
    def identity(self) -> Mapping[str, Json]:
        """What determines the part's output beside its settings."""
        return {} if self.weights is None else {"weights_sha256": remembered_sha256(self.weights)}


def choose(kind: Kind, spec: Mapping[str, Any] | None, own: Part, where: Where) -> Choice:
    """Resolve what is written about a part: `name`, settings, `weights`; all may be left out.

    Settings left out are those of the weights' file, else the checkpoint's (for a part of the same
    name), else the part's defaults. Raises `UsageError` for what is unknown, or does not fit the
    weights.
    """
    written = dict(spec or {})
    weights = written.pop("weights", None)
    if weights is not None and not isinstance(weights, str):
        raise UsageError(f"{where / 'weights'}: must be a path, not {weights!r}")
    path = None if weights is None else Path(weights)
    base = own if path is None else _header(path, kind, where).part
    written.setdefault("name", base.name)
    settings = {**(base.settings if written["name"] == base.name else {}), **written}
    resolved = configuration.resolve(kind, settings, where)
    chosen = Part(str(resolved.pop("name")), resolved)
    if path is not None and not _same_weights(kind, chosen, base):
        differing = sorted(k for k in resolved if resolved[k] != base.settings.get(k))
        raise UsageError(
            f"{where / 'weights'}: {path.name} holds a {base.name} with another "
            f"{', '.join(differing) or 'name'}; leave the settings out to take those of the file"
        )
    return Choice(kind, chosen, path, own=path is None and _same_weights(kind, chosen, own))


def _same_weights(kind: Kind, one: Part, other: Part) -> bool:
    """Whether two parts differ in settings of inference at most."""
    if one.name != other.name:
        return False
    target: Any = registry.lookup(kind, one.name)
    free: frozenset[str] = getattr(target, "inference_settings", frozenset())
    keys = {*one.settings, *other.settings} - free
    return all(one.settings.get(key) == other.settings.get(key) for key in keys)


def untrained(choice: Choice, found: Description) -> str | None:
    """Say in one line why a part was not trained together with what is beside it, or None."""
    if choice.own:
        return None
    name = f"{SINGULAR[choice.kind]} {choice.part.name}"
    module = part_skeleton(choice, found.config)
    reads_mel = choice.kind == "vocoders" and getattr(module, "reads", "states") != "states"
    fixed = reads_mel or choice.kind == "decoders"
    if fixed and not _learns(module):  # nothing to train
        return _no_mel(name, found) if reads_mel and module.reads == "mel" else None
    if choice.weights is None:
        return f"{name}: its weights are random or another's"
    beside = found.dvae_sha256() if reads_mel else remembered_sha256(found.weights)
    trained_with = _header(choice.weights, choice.kind, None).trained_with
    if trained_with != beside:
        return f"{name}: trained beside another {'DVAE' if reads_mel else 'GPT'}"
    return None


def _no_mel(name: str, found: Description) -> str | None:
    """Say why what the checkpoint's codec decodes may be no mel, or None.

    A vocoder that reads it is trained with the codec's decoder (`tune_decoder`, as nano's was):
    what the two then agree on is as good as a mel to them alone.
    """
    own = Choice("vocoders", found.config.vocoder, None, own=True)
    beside = part_skeleton(own, found.config)
    if getattr(beside, "reads", "states") != "mel" or not _learns(beside):
        return None
    return f"{name}: the codec's decoder was trained for {own.part.name}, and may decode no mel"


def _learns(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def swap(model: XttsModel, choices: tuple[Choice, ...]) -> XttsModel:
    """Put the chosen parts into a model, in place, and return it.

    A part without weights draws them from a seed that its name and settings decide.
    """
    for choice in choices:
        slot = SINGULAR[choice.kind]
        if choice.own and choice.part == getattr(model.config, slot):
            continue
        module = _loaded(choice, model.config).to(model.device, model.dtype)
        if choice.own:
            module.load_state_dict(getattr(model, slot).state_dict())
        _keep_mel_stats(module, getattr(model, slot))
        setattr(model, slot, module.eval())
        model.config = swapped(model.config, (choice,))
    return model


def swapped(config: ModelConfig, choices: tuple[Choice, ...]) -> ModelConfig:
    """Return the configuration of a model with the chosen parts."""
    for choice in choices:
        changed: dict[str, Any] = {SINGULAR[choice.kind]: choice.part}
        config = replace(config, **changed)
    return config


def part_skeleton(choice: Choice, config: ModelConfig) -> Any:
    """Return a part without weights, to be asked what it declares.

    It is built once for equal settings and sizes, so nobody may change it. Raises `UsageError` for
    settings that no such part can have.
    """
    settings = json.dumps(choice.part.settings, sort_keys=True)
    try:
        return _skeleton(choice.kind, choice.part.name, settings, config.sizes)
    except IMPOSSIBLE as error:
        raise no_such_part(choice, error) from error


@lru_cache(maxsize=256)
def _skeleton(kind: Kind, name: str, settings: str, sizes: ModelSizes) -> Any:
    with weightless():
        built = build(kind, Part(name, json.loads(settings)), sizes)
    parameters = sum(parameter.numel() for parameter in built.parameters())
    if parameters > MOST_PARAMETERS:
        raise ValueError(f"{parameters:,} parameters, and at most {MOST_PARAMETERS:,} make sense")
    return built


def no_such_part(choice: Choice, error: Exception) -> UsageError:
    """Return what to raise where a part's settings fit neither each other nor the model."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    name = f"{SINGULAR[choice.kind]} '{choice.part.name}'"
    return UsageError(f"{name}: its settings fit no part of this model ({reason[:160]})")


def save_part(path: Path, kind: Kind, model: XttsModel, trained_with: str | None) -> None:
    """Write a model's conditioner or vocoder; `trained_with` is the SHA-256 of what it fits to.

    That is the file of the GPT, or of the DVAE for a vocoder that reads no states.
    """
    slot = SINGULAR[kind]
    save_module(path, kind, getattr(model.config, slot), getattr(model, slot), trained_with)


def save_module(
    path: Path, kind: Kind, part: Part, module: nn.Module, trained_with: str | None
) -> None:
    """Write a part that stands in no model; see `save_part`."""
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _named(module).items()}
    header = {
        "format": FORMAT,
        "kind": kind,
        "name": part.name,
        "settings": json.dumps(part.settings),
        "trained_with": trained_with or "",
    }
    save_file(tensors, path, header)


def load_part(path: Path, kind: Kind, sizes: ModelSizes) -> tuple[Part, nn.Module, str]:
    """Read a part that `save_module` wrote: its name and settings, itself, and `trained_with`.

    In fp32 and `eval` mode; nothing in it wants a gradient. Raises `UsageError` for other files.
    """
    header = _header(path, kind, None)
    with undrawn():
        module: nn.Module = build(kind, header.part, sizes)
    choice = Choice(kind, header.part, path, own=False)
    check_weights(choice, module)
    tensors = read_safetensors(path)
    module.load_state_dict({n: t.float() for n, t in tensors.items() if n != _EMPTY}, strict=True)
    return header.part, module.eval().requires_grad_(False), header.trained_with


@dataclass(frozen=True)
class _Header:
    part: Part
    trained_with: str


def _header(path: Path, kind: Kind, where: Where | None) -> _Header:
    from safetensors import safe_open

    place = "weights" if where is None else str(where / "weights")
    try:
        with safe_open(str(path), framework="pt") as file:
            data = file.metadata() or {}
    except Exception as error:  # safetensors' own exception class is not a stable import
        raise UsageError(f"{place}: {path.name} cannot be read as safetensors") from error
    if data.get("format") != FORMAT or data.get("kind") != kind:
        raise UsageError(f"{place}: {path.name} holds no {SINGULAR[kind]} of xtts_lab")
    try:
        settings = json.loads(data["settings"])
        part = Part(data["name"], dict(settings))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{place}: {path.name} does not say which part it holds") from error
    return _Header(part, data.get("trained_with", ""))


def _loaded(choice: Choice, config: ModelConfig) -> nn.Module:
    seed = hashlib.sha256(json.dumps(choice.spec, sort_keys=True).encode()).hexdigest()[:8]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed, 16))
        try:
            module: nn.Module = build(choice.kind, choice.part, config.sizes)
        except IMPOSSIBLE as error:
            raise no_such_part(choice, error) from error
    if choice.weights is not None:
        check_weights(choice, module)
        tensors = read_safetensors(choice.weights)
        require_finite(tensors, choice.weights.name)
        module.load_state_dict({n: t for n, t in tensors.items() if n != _EMPTY}, strict=True)
    return module


_EMPTY = "empty"
"""safetensors holds no file without tensors; a part without weights stores this one."""


def check_weights(choice: Choice, module: nn.Module) -> None:
    """Raise `UsageError` where the tensors of a part's file are not those of the module."""
    from safetensors import safe_open

    if choice.weights is None:
        return
    with safe_open(str(choice.weights), framework="pt") as file:
        found = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    if found != {name: list(tensor.shape) for name, tensor in _named(module).items()}:
        raise UsageError(
            f"{choice.weights.name}: its tensors do not fit a {choice.part.name} of this "
            "checkpoint's sizes"
        )


def _named(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.state_dict()) or {_EMPTY: torch.zeros(1)}


def _keep_mel_stats(module: nn.Module, before: nn.Module) -> None:
    """The scale of the mel belongs to the checkpoint, not to the encoder that hears it."""
    name = "mel.mel_stats"
    theirs, ours = before.state_dict().get(name), module.state_dict().get(name)
    if theirs is not None and ours is not None and theirs.shape == ours.shape:
        ours.copy_(theirs)
