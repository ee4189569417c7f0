"""What the README says can be named can be named, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from xtts_lab import registry

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXTRAS = {"quality", "speakers", "faster"}


def section(title: str) -> str:
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_name_on_the_bench_is_registered() -> None:
    rows = [line for line in section("What is on the bench").splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} - EXTRAS
    parts = {"conditioners", "vocoders"}
    known = {
        name for kind in registry.kinds() if kind not in parts for name in registry.BUILTIN[kind]
    }
    assert named == known


@pytest.mark.parametrize("kind", ["conditioner", "vocoder"])
def test_every_part_is_described(kind: str) -> None:
    table = section("Swap a part").partition(f"| {kind} |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(registry.BUILTIN[f"{kind}s"])
