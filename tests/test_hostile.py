"""Hostile worlds: whatever is asked or lies there, one line, exit code 2, and nothing is left."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import damage_kinds
from xtts_lab.cli import run_app
from xtts_lab.runs import csv_cells, schema
from xtts_lab.runs.reading import read_table

GOOD = """\
name: good
systems: {a: {name: "null"}, x: {name: xtts, checkpoint: random-tiny}}
texts: {name: builtin, languages: [en], per_language: 1}
speakers: {name: synthetic, count: 1}
metrics: [{name: duration}, {name: latency}, {name: secs, encoder: resemblyzer}]
"""
NUMBERS = [
    "seed", "repeats", "limit", "statistics.confidence", "statistics.resamples",
    "systems.a.duration_s", "systems.a.sample_rate", "systems.x.temperature", "systems.x.top_p",
    "systems.x.top_k", "systems.x.max_codes", "texts.per_language", "speakers.count",
    "speakers.seed", "speakers.references",
]  # fmt: skip
ODD_NUMBERS = [".nan", ".inf", "-.inf", "1e999"]
SIZES = {
    "repeats=10000000": "repeats",
    "repeats=1000000000000": "repeats",
    "repeats=99999999999999999999999999": "repeats",
    "repeats=1e9": "repeats",
    "repeats=-1": "repeats",
    "limit=0": "limit",
    "limit=1e9": "limit",
    "statistics.resamples=100000000": "resamples",
    "statistics.confidence=1.0": "confidence",
    "statistics.confidence=0": "confidence",
    "speakers.count=1000000000": "count",
    "speakers.references=99": "references",
    "speakers.seed=99999999999999999999": "seed",
    "texts.per_language=1000000000": "per_language",
    "seed=-1": "seed",
    "seed=0.5": "seed",
}
TEXTS = [
    '"\\ud800"', '"a\\udfffb"', '"nul \\0 here"', '["\\ud800"]', '{"\\ud800": 1}', '{k: "\\0"}',
]  # fmt: skip
PLACES = ["question", "systems.a.name", "texts.languages", "name"]
NESTED = {
    "a list": "question=" + "[" * 2000 + "]" * 2000,
    "an open list": "question=" + "[" * 5000,
    "a mapping": "question=" + "{a: " * 500 + "1" + "}" * 500,
    "JSON": "ablate=" + '{"a": ' * 400 + "1" + "}" * 400,
    "a list of fifty": "claims=" + "[" * 50 + "]" * 50,
    "keys": "systems." + ".".join("a" * 500) + "=1",
    "an alias": "question=&a [*a]",
    "an explosion": "question=[" + ",".join(["[" + "x," * 200 + "]"] * 600) + "]",
}
CLAIMS = [
    "margin: 1.0e+308", "margin: -1.0e+308", "margin: .inf", "margin: .nan", "margin: 1e10",
    "margin: 1e400", "margin: many", "margin: [1]",
]  # fmt: skip
LINES = ["a: duration.seconds < 1e308", "a: duration.seconds < inf", "a: duration.seconds > nan",
         "x > a on duration.seconds by 1e308", "x > a on duration.seconds by -1e400"]  # fmt: skip
DEVICES = ["bogus", "cuda:99", "cpu:x", "", "cuda cuda", "meta2", "\u00e9"]


def _left(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}


def _refused(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    assert run_app(arguments) == 2
    out, err = capfd.readouterr()
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    assert len(err) < 1000
    assert out == ""
    return err


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(GOOD)
    return tmp_path


def _test_override(override: str, asked: Path, capfd: pytest.CaptureFixture[str]) -> str:
    err = _refused(["run", "x.yaml", override], capfd)
    assert _left(asked) == {"x.yaml"}
    return err


@pytest.mark.parametrize("number", ODD_NUMBERS)
@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_that_are_none(
    key: str, number: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert key.rpartition(".")[2] in _test_override(f"{key}={number}", asked, capfd)


@pytest.mark.parametrize("number", ODD_NUMBERS)
@pytest.mark.parametrize("kind", ["in a list", "in a mapping", "in the file"])
def test_numbers_that_are_none_anywhere(
    kind: str, number: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if kind == "in the file":
        (asked / "x.yaml").write_text(f"{GOOD}statistics: {{confidence: {number}}}\n")
        assert "x.yaml:6" in _refused(["run", "x.yaml"], capfd)
    elif kind == "in a list":
        _test_override(f"ablate={{systems.a.duration_s: [0.1, {number}]}}", asked, capfd)
    else:
        _test_override(f"metrics.2.encoder={{a: {number}}}", asked, capfd)


@pytest.mark.parametrize("override", SIZES)
def test_sizes_that_nobody_can_mean(
    override: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert SIZES[override] in _test_override(override, asked, capfd)


def test_more_trials_than_can_be_planned(asked: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for overrides in (
        ["pairing=cross", "speakers.count=100000", "texts.per_language=15"],
        ["repeats=10000", "texts.per_language=15", "ablate={systems.a.duration_s: "
         f"{[i / 100 for i in range(1, 60)]}}}"],
    ):  # fmt: skip
        err = _refused(["run", "x.yaml", *overrides], capfd)
        assert "can be planned" in err
        assert _left(asked) == {"x.yaml"}


@pytest.mark.parametrize(("place", "text"), list(itertools.product(PLACES, TEXTS)))
def test_text_that_cannot_be_written(
    place: str, text: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _test_override(f"{place}={text}", asked, capfd)


@pytest.mark.parametrize("what", NESTED)
def test_overrides_nested_too_deeply(
    what: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _test_override(NESTED[what], asked, capfd)


@pytest.mark.parametrize("margin", CLAIMS)
def test_margins_that_nothing_can_pass(
    margin: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    claim = f"{{metric: duration.seconds, arm: x, baseline: a, direction: higher, {margin}}}"
    (asked / "x.yaml").write_text(f"{GOOD}claims: [{claim}]\n")
    assert "margin" in _refused(["run", "x.yaml"], capfd)
    assert _left(asked) == {"x.yaml"}


@pytest.mark.parametrize("line", LINES)
def test_claims_in_a_line_that_nothing_can_pass(
    line: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (asked / "x.yaml").write_text(f"{GOOD}claims: ['{line}']\n")
    assert "claims.0" in _refused(["run", "x.yaml"], capfd)
    assert _left(asked) == {"x.yaml"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_device_that_is_none(
    command: str, device: str, asked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "--device" in _refused([command, "x.yaml", "--device", device], capfd)
    assert _left(asked) == {"x.yaml"}


# What is asked of a run folder that is damaged.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    text = GOOD.replace(", x: {name: xtts, checkpoint: random-tiny}", "").replace(
        "[{name: duration}, {name: latency}, {name: secs, encoder: resemblyzer}]",
        "[{name: duration}]\nsanity: false",
    )
    (folder / "x.yaml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTTS_LAB_CACHE", str(folder / "cache"))
        assert run_app(["run", str(folder / "x.yaml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def _other_table(path: Path) -> None:
    pd.DataFrame({"surprise": [1, 2]}).to_parquet(path)


def _no_rows(path: Path) -> None:
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    rest = table.iloc[:0]
    rest.to_parquet(path) if path.suffix == ".parquet" else rest.to_csv(path, index=False)


WRONG = {
    "other columns": (["trials.parquet", "scores.parquet"], _other_table),
    "text for numbers": (
        ["summary.csv"],
        lambda p: p.write_text(p.read_text().replace(",0.", ",zero point ")) and None,
    ),
    "a list": (
        ["experiment.yaml", "environment.json"], lambda p: p.write_text("[1, 2]") and None,
    ),
    "text": (["experiment.yaml", "environment.json"], lambda p: p.write_text('"x"') and None),
    "other keys": (["experiment.yaml"], lambda p: p.write_text("metrics: 3\nsystems: 4") and None),
    "tags": (
        ["experiment.yaml"], lambda p: p.write_text("x: !!python/object:os.system {}") and None,
    ),
    "deep": (["experiment.yaml", "environment.json"], lambda p: p.write_text("[" * 9999) and None),
}  # fmt: skip
READ = ["experiment.yaml", "environment.json", "trials.parquet", "scores.parquet", "summary.csv"]
BROKEN = ["cut", "emptied", "garbage", "folder", "dangling_link", "lost"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(k, n) for k in BROKEN for n in READ] + [(k, n) for k, (ns, _) in WRONG.items() for n in ns],
)
def test_report_and_compare_say_what_is_broken_in_a_line(
    kind: str, name: str, finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    damage = WRONG[kind][1] if kind in WRONG else damage_kinds.ANY_FILE[kind]
    damage(tmp_path / "run" / name)
    for arguments in (["report", str(tmp_path / "run")],
                      ["compare", str(finished), str(tmp_path / "run")]):  # fmt: skip
        capfd.readouterr()
        code = run_app(arguments)
        err = capfd.readouterr().err
        assert "Traceback" not in err
        # A text or a table cut at the end of a line may still hold all that is read of it.
        assert (code == 2 and err.count("\n") == 1) or (code == 0 and kind in ("cut", "a list"))


BAD_PLUGINS = {
    "no module": "nowhere_at_all:Thing",
    "no attribute": "bad_plugin:Nothing",
    "no class": "bad_plugin:number",
    "a function": "bad_plugin:function",
    "module that raises": "bad_plugin_raises:Thing",
    "module that exits": "bad_plugin_exits:Thing",
    "syntax error": "bad_plugin_syntax:Thing",
    "annotations that mean nothing": "bad_plugin:Annotated",
    "no colon": "bad_plugin",
}


@pytest.mark.parametrize("kind", ["systems", "metrics", "instruments", "vocoders", "texts"])
def test_a_broken_plugin_is_shown_and_the_others_go_on(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "bad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    names = {key.replace(" ", "-"): target for key, target in BAD_PLUGINS.items()}
    lines = [f"{name} = {target}" for name, target in names.items()]
    (info / "entry_points.txt").write_text(f"[xtts_lab.{kind}]\n" + "\n".join(lines) + "\n")
    (tmp_path / "bad_plugin.py").write_text(
        "from __future__ import annotations\nnumber = 7\ndef function(): pass\n"
        "class Annotated:\n    'Odd.'\n    def __init__(self, *, x: Nowhere = 1): pass\n"
    )
    (tmp_path / "bad_plugin_raises.py").write_text("raise RuntimeError('at import')\n")
    (tmp_path / "bad_plugin_exits.py").write_text("import sys\nsys.exit(0)\n")
    (tmp_path / "bad_plugin_syntax.py").write_text("def (:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run_app(["list", kind]) == 0
    out = capfd.readouterr().out
    assert all(f"{name}: broken: " in out for name in names)
    assert out.count("\n") > len(names) + 3
    if kind == "systems":
        (tmp_path / "x.yaml").write_text(GOOD)
        for name in names:
            _refused(["run", str(tmp_path / "x.yaml"), f"systems.a={{name: {name}}}"], capfd)


# Exported cells.

CELLS = st.text(st.sampled_from("=+-@'\t\ra1 ,\"\n"), max_size=8)


@given(texts=st.lists(CELLS, min_size=1, max_size=5))
def test_cells_are_no_formulas_and_come_back(texts: list[str]) -> None:
    table = pd.DataFrame({"arm": texts, "mean": [-1.5] * len(texts), "n": [3] * len(texts)})
    safe = csv_cells.neutralise(table)
    assert not safe["arm"].str.match(r"[=+\-@\t\r]").any()
    assert csv_cells.restore(safe)["arm"].tolist() == texts
    assert safe[["mean", "n"]].equals(table[["mean", "n"]])


@pytest.mark.parametrize("arm", ["-x", "-1", "--", "x-", "_=", "null", "nan", "'a"])
def test_a_table_of_a_run_comes_back(arm: str, tmp_path: Path) -> None:
    from xtts_lab.experiment.tables import frame, write_csv

    row = {"trial_id": arm, "arm": arm, "language": "en", "stage": "=1+1", "error": "@SUM(A1)"}
    table = frame([row], schema.FAILURES)
    write_csv(tmp_path / "failures.csv", table)
    assert "'@SUM" in (tmp_path / "failures.csv").read_text()
    assert read_table(tmp_path, schema.FAILURES).iloc[0].to_dict() == {**row, "utterance_id": ""}


# Names and locales.


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["C", "C without UTF-8"],
)
def test_names_that_the_locale_cannot_write(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "dossi\u00e9 \u6587"
    folder.mkdir()
    text = GOOD.replace(", x: {name: xtts, checkpoint: random-tiny}", "").replace(
        "[{name: duration}, {name: latency}, {name: secs, encoder: resemblyzer}]",
        "[{name: duration}]\nsanity: false\nquestion: \u00bfqu\u00e9 tal?",
    )
    (folder / "exp\u00e9rience.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "xtts_lab.cli", "run", str(folder / "exp\u00e9rience.yaml"),
               "--out", str(folder / "r\u00e9sultat")]  # fmt: skip
    known = {**os.environ, "XTTS_LAB_CACHE": str(folder / "cache"), **environment}
    done = subprocess.run(command, env=known, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (folder / "r\u00e9sultat" / "report.html").is_file()
