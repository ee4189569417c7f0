"""Configuration: safe YAML with line numbers, `${VAR}`, overrides, and schemas from signatures.

The typed keyword arguments of a registered class are its configuration schema, and their defaults
the only place where those defaults stand.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import pydantic

from xtts_lab import registry
from xtts_lab.errors import UsageError
from xtts_lab.sizes import MOST, first_beyond, first_too_long
from xtts_lab.yaml_file import Where

Spec = dict[str, Any]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What the names of experiments and training runs are: those of folders."""
SIZED = frozenset(
    {
        "systems",
        "conditioners",
        "decoders",
        "vocoders",
        "metrics",
        "instruments",
        "texts",
        "speakers",
    }
)
"""Kinds whose settings are bounded by `sizes`; training may take as many steps as it likes."""
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")  # NUL, and halves of surrogate pairs
_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
Model = TypeVar("Model", bound=pydantic.BaseModel)


def schema(target: type[Any]) -> type[pydantic.BaseModel]:
    """Return the pydantic model of a class's keyword arguments: strict types, no unknown key.

    Positional-only arguments are no settings: what is built around the part passes them.
    """
    hashable: Any = target
    try:
        return _schema(hashable)
    except (TypeError, ValueError, NameError, AttributeError, pydantic.PydanticUserError) as error:
        name = getattr(target, "__name__", target)
        raise UsageError(f"{name}: its settings cannot be read ({error})") from error


@cache
def _schema(target: Any) -> type[pydantic.BaseModel]:
    """Make each class's model once: it takes milliseconds."""
    hints = typing.get_type_hints(target.__init__)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY and parameter.kind is not _EITHER:
            continue
        required = parameter.default is parameter.empty
        fields[name] = (hints.get(name, Any), ... if required else parameter.default)
    settings = pydantic.ConfigDict(
        extra="forbid", strict=True, protected_namespaces=(), validate_default=False
    )
    return pydantic.create_model(target.__name__, __config__=settings, **fields)


def resolve(kind: str, spec: Any, where: Where) -> Spec:
    """Return a spec (`name` and keyword arguments) with every default filled in, JSON-like.

    `where` is the place to name in errors. Raises `UsageError` for an unknown name or key (with
    the nearest known one) or a wrong type. A class whose defaults depend on a file (a checkpoint's
    own settings, say) fills them in with a static method `complete(settings, where) -> settings`.
    """
    name = _name_of(spec, where)
    settings = _validate(kind, name, spec, where).model_dump(mode="json")
    complete = getattr(registry.lookup(kind, name), "complete", None)
    if complete is None:
        return {"name": name, **settings}
    try:
        return {"name": name, **complete(settings, where)}
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def build(kind: str, spec: Any, where: Where, *context: Any) -> Any:
    """Construct what a spec describes; its own `UsageError` is prefixed with the place.

    `context` are the positional-only arguments of the class.
    """
    name = _name_of(spec, where)
    validated = _validate(kind, name, spec, where)
    arguments = {field: getattr(validated, field) for field in type(validated).model_fields}
    try:
        return registry.lookup(kind, name)(*context, **arguments)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _name_of(spec: Any, where: Where) -> str:
    if not isinstance(spec, Mapping):
        raise UsageError(f"{where}: must be a mapping, as in {{name: ...}}")
    name = spec.get("name")
    if not isinstance(name, str):
        raise UsageError(f"{where / 'name'}: missing; say which one, as in {{name: ...}}")
    return name


def _validate(kind: str, name: str, spec: Mapping[str, Any], where: Where) -> pydantic.BaseModel:
    try:
        target = registry.lookup(kind, name)
    except UsageError as error:
        raise UsageError(f"{where / 'name'}: {error}") from error
    arguments = {key: value for key, value in spec.items() if key != "name"}
    if kind not in SIZED:
        return validate(schema(target), arguments, where)
    _refuse_sizes(first_too_long(arguments), where)  # before anything walks through them
    validated = validate(schema(target), arguments, where)
    least = 1 if kind in ("conditioners", "decoders", "vocoders") else -MOST
    _refuse_sizes(first_beyond(arguments, least), where)
    return validated


def _refuse_sizes(found: tuple[str, str] | None, where: Where) -> None:
    if found is not None:
        name, why = found
        for part in name.split(".") if name else []:
            where = where / part
        raise UsageError(f"{where}: {why}")


def validate(model: type[Model], data: Any, where: Where) -> Model:
    """Validate JSON-like data; the first mistake becomes a `UsageError` that names its key."""
    _refuse_odd(data, where)
    try:
        # By way of JSON, where strict mode still reads text as a path and a list as a tuple.
        return model.model_validate_json(json.dumps(data, default=str))
    except pydantic.ValidationError as error:
        raise UsageError(_explain(error.errors()[0], model, where)) from error


def _refuse_odd(data: Any, where: Where) -> None:
    """Refuse what no setting can mean: numbers that are none, text that cannot be written."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            _refuse_odd(str(key), where)
            _refuse_odd(value, where / key)
    elif isinstance(data, list | tuple):
        for i, value in enumerate(data):
            _refuse_odd(value, where / i)
    elif isinstance(data, float) and not math.isfinite(data):
        raise UsageError(f"{where}: must be a finite number, not {data}")
    elif isinstance(data, str) and _UNWRITABLE.search(data):
        shown = json.dumps(data)[:80]
        raise UsageError(f"{where}: holds a character that is no text: {shown}; leave it out")


def _keys(kind: Any, path: tuple[Any, ...]) -> list[str]:
    """The keys of the section at `path`, where it is one whose keys are declared."""
    for part in path:
        kind = _without_none(kind)
        if _is_model(kind):
            field = kind.model_fields.get(part)
            kind = None if field is None else field.annotation
        else:
            kind = (typing.get_args(kind) or [None])[-1]  # the values of a mapping or list
    kind = _without_none(kind)
    return list(kind.model_fields) if _is_model(kind) else []


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    return next(option for option in typing.get_args(kind) if option is not type(None))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _explain(problem: Any, model: type[pydantic.BaseModel], where: Where) -> str:
    place = where
    for part in problem["loc"]:
        place = place / part
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        key = str(problem["loc"][-1])
        return f"{place}: {registry.unknown('key', key, _keys(model, problem['loc'][:-1]))}"
    if problem["type"] == "missing":
        return f"{place}: missing; it is required"
    shown = json.dumps(problem["input"], ensure_ascii=False, default=str)
    return f"{place}: {problem['msg'][:1].lower()}{problem['msg'][1:]}, not {shown[:80]}"
