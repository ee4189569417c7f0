"""YAML read safely, with the line of every key, YAML 1.2's scalars, `${VAR}` and overrides."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from xtts_lab import files, registry
from xtts_lab.errors import UsageError
from xtts_lab.notices import describe
from xtts_lab.yaml_loader import DEEP, SafeLoader

MAX_BYTES = 1_000_000
MAX_NODES = 100_000  # after aliases are followed: a small file must not unfold into a huge one
MAX_DEPTH = 40
MAX_TEXT = 20_000  # characters of an override's value
MAX_SHOWN = 60  # characters of an override in a message

_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
Place = tuple[Hashable, ...]


class _Loader(SafeLoader):
    """Safe, and with YAML 1.2's idea of numbers and booleans: `no` is text, `1e-3` a number."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false|True|False|TRUE|FALSE)$", "tTfF"),
    ("null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|nan)$",
        "-+0123456789.",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def _decimal(loader: SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal)


@dataclass
class Document:
    """Parsed YAML: plain `data`, and the line (from 1) of every key and item by its path."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)

    def place(self, path: Sequence[Hashable]) -> str:
        """Return `file:line` of a path, or of its nearest ancestor that stands in the file."""
        at = tuple(path)
        while at and at not in self.lines:
            at = at[:-1]
        line = self.lines.get(at)
        return f"{self.name}:{line}" if line else self.name


@dataclass(frozen=True)
class Where:
    """A place in a document, for errors: `where / "systems" / "x"` prints its file and line."""

    document: Document
    path: Place = ()

    def __truediv__(self, part: Hashable) -> Where:
        return Where(self.document, (*self.path, part))

    def __str__(self) -> str:
        dotted = ".".join(map(str, self.path))
        return f"{self.document.place(self.path)}: {dotted}" if dotted else self.document.name


def read(path: Path) -> Document:
    """Read a YAML mapping; anything else, or anything hostile, is a `UsageError`."""
    text = _text_of(path)
    name = str(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
        if not isinstance(node, yaml.MappingNode):
            raise UsageError(f"{name}: must hold a mapping (key: value lines), not a list or text")
        document = Document(name, {})
        reader = _Reader(document)
        document.data = reader.convert(node, ())
    except yaml.YAMLError as error:
        if DEEP in _problem(error):
            raise UsageError(f"{name}: nested too deeply; at most {MAX_DEPTH} levels") from error
        raise UsageError(f"{name}{_mark(error)}: not valid YAML: {_problem(error)}") from error
    except (ValueError, AttributeError, TypeError) as error:  # of tags that lie, and odd escapes
        raise UsageError(f"{name}: not valid YAML: {describe(error)}") from error
    except RecursionError as error:
        raise UsageError(f"{name}: nested too deeply; at most {MAX_DEPTH} levels") from error
    return document


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Apply `path.to.key=value` overrides, in place; the value is read as YAML (or JSON).

    All but the last key must stand in the file, or be a section of their own at the top; the
    schema then refuses a last key that does not exist.
    """
    for override in overrides:
        path, equals, text = override.partition("=")
        shown = override if len(override) <= MAX_SHOWN else f"{override[:MAX_SHOWN]}..."
        if not equals or not path:
            raise UsageError(f"override '{shown}': write it as path.to.key=value")
        if len(text) > MAX_TEXT:
            raise UsageError(
                f"override '{shown}': has {len(text)} characters, over {MAX_TEXT}; write it into "
                "the file"
            )
        *parents, last = path.split(".")
        target = _descend(document.data, parents, shown)
        value = _value(shown, text)
        if isinstance(target, list):
            target[_index(target, last, shown)] = value
        else:
            target[last] = value


def _descend(data: Any, parents: list[str], override: str) -> Any:
    for depth, key in enumerate(parents):
        if isinstance(data, list):
            data = data[_index(data, key, override)]
            continue
        if depth == 0 and key not in data and key not in ("systems", "instruments"):
            data[key] = {}
        if key not in data:
            raise UsageError(f"override '{override}': {registry.unknown('key', key, data)}")
        data = data[key]
        if not isinstance(data, (dict, list)):
            raise UsageError(f"override '{override}': '{key}' holds a value, not keys")
    return data


def _index(items: list[Any], key: str, override: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise UsageError(f"override '{override}': '{key}' is no index from 0 to {len(items) - 1}")
    return int(key)


def _value(override: str, text: str) -> Any:
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return None
        return _Reader(Document(f"override '{override}'", {})).convert(node, ())
    except (yaml.YAMLError, UnicodeEncodeError) as error:  # the latter of half a surrogate pair
        raise UsageError(f"override '{override}': value is not valid YAML") from error
    except RecursionError as error:
        raise UsageError(
            f"override '{override}': nested too deeply; at most {MAX_DEPTH} levels"
        ) from error


class _Reader:
    """Turn a node graph into plain data, noting lines and refusing what is hostile."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0
        self.loader = _Loader("")

    def convert(self, node: yaml.Node, path: Place) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            raise UsageError(
                f"{self.document.name}:{node.start_mark.line + 1}: unfolds into more than "
                f"{MAX_NODES} values or {MAX_DEPTH} levels; write it out smaller"
            )
        if node.tag not in _TAGS:
            line = f"{self.document.name}:{node.start_mark.line + 1}"
            raise UsageError(f"{line}: tag '{node.tag}' is not allowed; write plain values")
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(item, (*path, i)) for i, item in enumerate(node.value)]
        value = self._scalar(node)
        return self._environment(value, node) if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, path: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = f"{self.document.name}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError(f"{line}: keys must be plain words")
            key = str(key_node.value)
            if _SURROGATE.search(key):
                raise UsageError(f"{line}: a key holds half of a surrogate pair; mend the text")
            if key in result:
                raise UsageError(f"{line}: key '{key}' stands twice; keep one")
            self.document.lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self.convert(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self.loader.construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            line = node.start_mark.line + 1
            raise UsageError(f"{self.document.name}:{line}: not a valid value") from error
        if isinstance(value, str) and _SURROGATE.search(value):
            raise UsageError(
                f"{self.document.name}:{node.start_mark.line + 1}: holds half of a surrogate pair, "
                "which is no character; mend the text"
            )
        # Dates and the like have no place in an experiment: they are text.
        plain = value is None or isinstance(value, (bool, int, float, str))
        return value if plain else str(node.value)

    def _environment(self, text: str, node: yaml.Node) -> str:
        def look_up(match: re.Match[str]) -> str:
            variable = match.group(1)
            if variable not in os.environ:
                raise UsageError(
                    f"{self.document.name}:{node.start_mark.line + 1}: environment variable "
                    f"{variable} is not set; set it, or write the value in its place"
                )
            return os.environ[variable]

        return _VARIABLE.sub(look_up, text)


def _text_of(path: Path) -> str:
    try:
        status = path.stat()
        what = _unreadable(status.st_mode, status.st_size)
        if what is not None:
            raise UsageError(f"{path}: {what}; name a YAML file")
        return files.utf8(files.read_at_once(path)).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except (OSError, ValueError) as error:  # a NUL in a path is the latter
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{_short(path)}: cannot be read ({reason}); check the path") from error


def _unreadable(mode: int, size: int) -> str | None:
    if stat.S_ISDIR(mode):
        return "is a folder"
    if not stat.S_ISREG(mode):  # a pipe would block, a device never end
        return "is no regular file"
    return f"has {size} bytes, over {MAX_BYTES}" if size > MAX_BYTES else None


def _short(path: Path) -> str:
    return str(path) if len(path.name) <= 255 else f"{path.name[:60]}..."


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
