"""Read what a SpeechBrain `hyperparams.yaml` declares, and run none of it.

The format is YAML whose tags construct Python objects (`!new:`, `!apply:`) and refer to other keys
(`!ref <n_mels>`). Every tag becomes data here; a module counts only where its tag names the class
that the caller expects, with arguments that are numbers, texts, flags, or lists of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab.errors import UsageError
from xtts_lab.types import Json

_REFERENCE = re.compile(r"<([^<>]+)>")


@dataclass(frozen=True)
class Declared:
    """A module: its key in the file, its class as a dotted path, its keyword arguments."""

    key: str
    target: str
    arguments: dict[str, Json]


@dataclass(frozen=True)
class _Tagged:
    tag: str
    value: Any


def read(path: Path, expected: Mapping[str, str]) -> list[Declared]:
    """Return the modules under the keys of `expected` (key -> class), in that order.

    Raises `UsageError` for a file that is no such YAML, or that declares anything else there.
    """
    content = _parsed(path)
    return [_declared(path, content, key, target) for key, target in expected.items()]


def _parsed(path: Path) -> Mapping[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """SafeLoader that keeps tags as data."""

    def keep(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> _Tagged:
        if isinstance(node, yaml.MappingNode):
            return _Tagged(suffix, loader.construct_mapping(node, deep=True))
        if isinstance(node, yaml.SequenceNode):
            return _Tagged(suffix, loader.construct_sequence(node, deep=True))
        assert isinstance(node, yaml.ScalarNode)
        return _Tagged(suffix, loader.construct_scalar(node))

    Loader.add_multi_constructor("!", keep)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path.name}: cannot be read as YAML ({type(error).__name__})") from error
    if not isinstance(content, Mapping):
        raise UsageError(f"{path.name}: is no mapping; give the folder of a SpeechBrain model")
    return content


def _declared(path: Path, content: Mapping[str, Any], key: str, target: str) -> Declared:
    part = content.get(key)
    if not isinstance(part, _Tagged) or part.tag != f"new:{target}":
        found = part.tag if isinstance(part, _Tagged) else "nothing of the kind"
        raise UsageError(f"{path.name}: {key} must be !new:{target}, not {found}")
    arguments = part.value if isinstance(part.value, Mapping) else {}
    return Declared(
        key, target, {str(k): _plain(path, content, f"{key}.{k}", v) for k, v in arguments.items()}
    )


def _plain(path: Path, content: Mapping[str, Any], key: str, value: Any) -> Json:
    if isinstance(value, _Tagged) and value.tag == "ref":
        named = _REFERENCE.fullmatch(str(value.value).strip())
        value = content.get(named[1]) if named else value
    if isinstance(value, list):
        return [_plain(path, content, key, item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UsageError(f"{path.name}: {key} must be a number, a text or a list of them")
