"""What the results were made with, one line a value, and what arms have in common said once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from xtts_lab.report.tables import Cell, Table
from xtts_lab.runs.reading import Run

LONG = 200
"""Characters of a part that is shown once, and named by its key where it comes again."""

Line: TypeAlias = tuple[str, str]


def environment(run: Run) -> Table:
    """Return the environment; of systems of one kind, how each differs from the first."""
    above: dict[str, str] = {}
    lines: list[Line] = []
    for key, content in run.environment.items():
        arms = key == "systems" and isinstance(content, Mapping)
        lines += _arms(content, above) if arms else _lines(content, above, key)
    rows = [[Cell(key, code=True), Cell(value, code=True)] for key, value in lines]
    return Table(
        "What the results were made with", [Cell("Key"), Cell("Value")], rows, numeric=False
    )


def _arms(systems: Mapping[str, object], above: dict[str, str]) -> Iterator[Line]:
    first: dict[str, str] = {}
    for arm, content in systems.items():
        key = f"systems.{arm}"
        alike = first.setdefault(_kind(content), arm)
        if alike == arm:
            yield from _lines(content, above, key)
            continue
        differing = list(_differences(content, systems[alike], above, key))
        yield key, f"as systems.{alike}{', but:' if differing else ''}"
        yield from differing


def _kind(content: object) -> str:
    spec = content.get("spec") if isinstance(content, Mapping) else None
    return str(spec.get("name")) if isinstance(spec, Mapping) else ""


def _differences(
    content: object, like: object, above: dict[str, str], prefix: str
) -> Iterator[Line]:
    if content == like:
        return
    if not (isinstance(content, Mapping) and isinstance(like, Mapping)) or _text(content) in above:
        yield from _lines(content, above, prefix, none="null")
        return
    above[_text(content)] = prefix
    for key in {**like, **content}:
        if key in content:
            yield from _differences(content[key], like.get(key), above, f"{prefix}.{key}")
        elif like[key] is not None:
            yield f"{prefix}.{key}", "not there"


def _lines(
    content: object, above: dict[str, str], prefix: str, *, none: str = ""
) -> Iterator[Line]:
    """Yield keys and values; `above` gathers the parts that were shown, with their keys.

    What is None is left out, or shown as `none`.
    """
    text = _text(content)
    if content is None:
        yield from [(prefix, none)] if none else []
    elif len(text) > LONG and text in above:
        yield prefix, f"as {above[text]}"
    elif isinstance(content, Mapping) and content:
        above[text] = prefix
        for key, value in content.items():
            yield from _lines(value, above, f"{prefix}.{key}")
    else:
        above.setdefault(text, prefix)
        yield prefix, text


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
