"""LaTeX tables of a report: whole, escaped, and compiled where there is a TeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.report_support import make_rich_run
from xtts_lab import report
from xtts_lab.report.formats import latex
from xtts_lab.report.sections.ablation import matrices
from xtts_lab.report.sections.distributions import similarities, spreads
from xtts_lab.runs.reading import Run, read_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_rich_run(tmp_path_factory.mktemp("runs") / "rich")
    report.build(made)
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return read_run(folder)


TABULAR = re.compile(r"\\begin\{tabular\}\{([lr]+)\}\n(.*?)\n\\end\{tabular\}", re.DOTALL)


def check_latex(text: str) -> int:
    """Check what LaTeX would: braces, environments, cells a row; return the number of tables."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    plain = re.sub(r"\\[{}&%$#_]", "", body)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert "#" not in plain
    assert "^" not in plain
    assert "%" not in plain
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    for columns, rows in TABULAR.findall(body):
        lines = [line for line in rows.splitlines() if not re.fullmatch(r"\\\w+rule", line)]
        assert [line for line in rows.splitlines() if line.startswith("\\") and "rule" in line] == [
            r"\toprule", r"\midrule", r"\bottomrule",
        ]  # fmt: skip
        for line in lines:
            assert line.endswith(r" \\")
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1, line
    return len(TABULAR.findall(body))


def test_latex_tables_are_whole(folder: Path, run: Run) -> None:
    text = (folder / "tables.tex").read_text(encoding="utf-8")
    ablated, similar, spread = len(matrices(run)), len(similarities(run)), len(spreads(run))
    fixed = 4  # results, comparisons, latency, trials
    assert check_latex(text) == fixed + len(run.metrics) + ablated + similar + spread
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels))


def test_latex_escapes_what_it_would_read_as_commands() -> None:
    hostile = r"\input{/etc/passwd} 50% & $x_1^2$ #1 ~ [a] |b| <c>" + "\n\x07 “q” −1"
    shown = latex.escape(hostile)
    assert "\n" not in shown
    assert re.sub(r"\\text\w+\{\}|\\[{}&%$#_]|\{\[\}|\{\]\}|\$-\$", "", shown).isprintable()
    assert r"\input" not in shown
    rules = (r"\toprule", r"\midrule", shown + r" \\", r"\bottomrule")
    assert check_latex("\n".join([r"\begin{tabular}{l}", *rules, r"\end{tabular}"])) == 1


def test_latex_breaks_long_ids_after_their_punctuation() -> None:
    shown = latex.stacked("xtts[conditioner=perceiver,temperature=0.5]", "r")
    assert shown == r"\shortstack[r]{xtts{[}\\conditioner=perceiver,\\temperature=0.5{]}}"
    assert latex.stacked("espeak", "r") == "espeak"
    assert latex.stacked("a sentence, which may break", "l") == "a sentence, which may break"


def test_latex_compiles_where_there_is_a_tex(folder: Path, tmp_path: Path) -> None:
    engine = shutil.which("pdflatex") or shutil.which("lualatex") or shutil.which("xelatex")
    if engine is None:
        pytest.skip("no LaTeX on this machine; the structure is checked above")
    document = tmp_path / "document.tex"
    tables = (folder / "tables.tex").read_text(encoding="utf-8")
    (tmp_path / "tables.tex").write_text(tables, encoding="utf-8")
    document.write_text(
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}"
        "\\extrafloats{200}\\begin{document}\\input{tables}\\clearpage\\end{document}"
    )
    command = [engine, "-halt-on-error", "-interaction=nonstopmode", document.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
