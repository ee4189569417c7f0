"""What the README says can be named can be named, and the other way round."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from xtts_lab import registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXTRAS = {"quality", "speakers", "faster"}


def section(title: str) -> str:
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_name_on_the_bench_is_registered() -> None:
    rows = [line for line in section("What is on the bench").splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)} - EXTRAS
    parts = {"conditioners", "decoders", "vocoders"}
    known = {
        name for kind in registry.kinds() if kind not in parts for name in registry.BUILTIN[kind]
    }
    assert named == known


@pytest.mark.parametrize("kind", ["conditioner", "decoder", "vocoder"])
def test_every_part_is_described(kind: str) -> None:
    table = section("Swap a part").partition(f"| {kind} |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(registry.BUILTIN[f"{kind}s"])


def test_what_it_opens_with_is_what_the_published_scores_say() -> None:
    """`python reports/finding.py` writes this block and the figure anew."""
    finding = _script(ROOT / "reports" / "finding.py")
    block = README.partition(finding.BEGIN)[2].partition(finding.END)[0]
    assert block.strip() == finding.block().strip()
    assert (ROOT / "reports" / "finding.svg").read_text(encoding="utf-8") == finding.drawing()


def test_its_figures_are_those_of_the_scores() -> None:
    """Counted anew from the trials: sums within a language, then means over languages and seeds."""
    finding = _script(ROOT / "reports" / "finding.py")
    block = README.partition(finding.BEGIN)[2].partition(finding.END)[0]
    table = [line.strip("| ").split(" | ") for line in block.splitlines() if line.startswith("| ")]
    heads = [re.sub(r" \(.*", "", head) for head in table[0]]
    assert len(table) == len(finding.ROWS) + 2
    for row, cells in zip(finding.ROWS, table[2:], strict=True):
        for head, cell in zip(heads, cells[1:], strict=True):
            assert _counted(finding, row, head) == cell.strip(), (row.label, head)
    row = finding.CLEARER_WORDS
    (words,) = re.findall(r"word errors: (.*?), copies (.*?)\)", block)
    assert words[0] == ", ".join(
        f"`{name}` {_counted(finding, row, name)}" for name in ("perceiver", "tortoise")
    )
    assert words[1] == _counted(finding, row, "copy")


def _counted(finding: Any, row: Any, head: str) -> str:
    """A cell of a column (a family, or the arms that begin with its name) from the scores."""
    families, means = _means(finding, row)
    arms = families.get(head) or [a for a in means.index if a.startswith(head)]
    return str(finding._shown(means[list(arms)].mean(), row))


@cache
def _means(finding: Any, row: Any) -> tuple[dict[str, list[str]], Any]:
    """A published run's families, and each arm's mean of a row's metric."""
    path = ROOT / "reports" / row.run / "scores.parquet"
    told = ["arm", "language", "numerator", "denominator"]
    own = pd.read_parquet(path, columns=told, filters=[("metric", "==", row.metric)])
    own = own if row.language == finding.ALL else own[own["language"] == row.language]
    sums = own.groupby(["arm", "language"])[["numerator", "denominator"]].sum()
    means = (sums["numerator"] / sums["denominator"]).groupby("arm").mean()
    return finding.published(row.run).families, means


def test_the_statistics_page_shows_the_counts_of_the_simulation() -> None:
    """`python reports/simulation.py` writes its table anew."""
    simulation = _script(ROOT / "reports" / "simulation.py")
    page = simulation.PAGE.read_text(encoding="utf-8")
    shown = page.partition(simulation.BEGIN)[2].partition(simulation.END)[0].strip()
    assert shown == (simulation.block().strip() if simulation.COUNTS.is_file() else "")


def _script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]+)", README) + re.findall(r"`(notebooks/[^`]+)`", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
