"""The docs site is built without network, and no link of it is broken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from xtts_lab.experiment.spec import load

pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
pytest.importorskip("mkdocstrings", reason="the extra 'docs' is not installed")

ROOT = Path(__file__).parents[1]
FETCHED = re.compile(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) >= 20
    assert not [page.name for page in pages if FETCHED.search(page.read_text(encoding="utf-8"))]


def test_the_first_page_is_the_readme_with_its_figure(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert "What the bench found" in page
    assert 'src="reports/finding.svg"' in page
    assert (site / "reports" / "finding.svg").is_file()


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("model", ["clone_voice", "blend_voices", "synthesise_batch", "serve", "attention"]),
        ("analysis", ["load_run", "plot_languages", "plot_similarity", "plot_comparisons"]),
        ("parts", ["BaseMetric", "BaseSystem", "BaseInstrument", "Conditioner", "Vocoder"]),
    ],
)
def test_the_reference_comes_from_docstrings(site: Path, page: str, names: list[str]) -> None:
    text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
    found = set(re.findall(r'id="xtts_lab\.[\w.]*?(\w+)"', text))
    assert set(names) <= found


def _experiments() -> list[tuple[str, str]]:
    """Every whole experiment in README and docs, on the smallest checkpoint."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = [
        (page.stem, block)
        for page in pages
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if {"name", "systems", "texts", "metrics"} <= set(yaml.safe_load(block))
    ]
    small = "/models/XTTS-v2", "random-tiny"
    return [(n, re.sub(r", weights: [\w.]+", "", block.replace(*small))) for n, block in found]


@pytest.mark.parametrize(("page", "text"), _experiments(), ids=lambda value: value[:12])
def test_experiments_that_are_shown_are_sound(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / f"{page}.yaml"
    file.write_text(text)
    assert load(file).arms
