"""The sections that a report shows where a run has what they need."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.report_support import SWEPT, make_rich_run
from tests.test_report import Page, make_run
from xtts_lab import report
from xtts_lab.report.content import gather
from xtts_lab.report.formats.shapes import (
    BINS,
    Distribution,
    distribution_svg,
    distributions_axis,
)
from xtts_lab.report.sections import latency
from xtts_lab.report.sections.ablation import grids, matrices
from xtts_lab.report.sections.answer import digest, findings
from xtts_lab.report.sections.caveats import caveats
from xtts_lab.report.sections.citations import OF_INSTRUMENT, OF_METRIC, OF_SYSTEM, WORKS
from xtts_lab.report.sections.counts import counts
from xtts_lab.report.sections.distributions import similarities, spreads
from xtts_lab.report.sections.environment import environment
from xtts_lab.report.sections.families import family_tables
from xtts_lab.report.sections.load import under_load
from xtts_lab.report.sections.methods import methods
from xtts_lab.report.tables import MOST_COLUMNS
from xtts_lab.runs.reading import Run, read_run
from xtts_lab.statistics.method_notes import method_notes


def test_of_many_arms_the_undecided_share_a_sentence(tmp_path: Path) -> None:
    run = read_run(make_rich_run(tmp_path / "run"))
    names = [f"x{i}" for i in range(12)]
    row = run.comparisons.iloc[[0]].assign(language="all")
    table = pd.concat([row.assign(arm=n, verdict="undecided") for n in names], ignore_index=True)
    trials = pd.concat([run.trials.iloc[[0]].assign(arm=name) for name in names])
    few, many = (
        dataclasses.replace(run, comparisons=table[:n], trials=trials[:n]) for n in (8, 12)
    )
    assert len(digest(few)) == 8
    assert digest(many) == [f"12 arms against {SWEPT[0]}: undecided in every metric."]
    verdicts = ["better" if name == "x3" else "undecided" for name in names]
    said = digest(dataclasses.replace(many, comparisons=table.assign(verdict=verdicts)))
    assert len(said) == 2
    assert said[0].startswith("x3")
    assert said[1].startswith("11 other arms")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_rich_run(tmp_path_factory.mktemp("runs") / "rich")
    report.build(made)
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return read_run(folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_whole_and_every_scroll_region_can_be_reached(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    regions = [a for tag, a in page.tags if tag == "div" and a.get("class") == "scroll"]
    assert len(regions) > 10
    assert all(a["tabindex"] == "0" and a["role"] == "region" for a in regions)
    labels = [a["aria-label"] for a in regions]
    assert len(labels) == len(set(labels))


def test_claims_come_before_results_with_verdict_effect_size_and_need(page: Page) -> None:
    text = " ".join("".join(page.text).split())
    answer, _, rest = text.partition("Unweighted mean over languages")
    assert rest
    assert "<b>reads</b>" in answer
    assert "Holds It <b>reads</b> better. −5.0 pp [−6.0, −4.0]" in answer
    assert "to lie below −1.0 pp" in answer
    assert "96 trials, 6 speakers and 24 sentences" in answer
    assert "80 % power would take about 34 speakers and 60 sentences" in answer
    assert "Fewer than 10 speakers." in answer
    assert "Refuted It is fast. 200.0 ms [190.0, 210.0]" in answer


def test_without_claims_the_comparisons_answer(tmp_path: Path) -> None:
    plain = read_run(make_run(tmp_path / "plain"))
    assert findings(plain) == []
    lines = digest(plain)
    assert len(lines) == 2
    assert all("against natural" in line and "undecided in" in line for line in lines)


def test_the_floor_is_drawn_where_natural_speech_is(run: Run) -> None:
    assert run.natural_arms == ["natural"]
    content = gather(run)
    figure = next(f for f in content.figures if f.title == "cer.micro")
    for strip in figure.strips:
        floor = re.search(r'class="floor" d="M([\d.]+)', strip)
        own = re.search(r'<circle cx="([\d.]+)"', strip)  # the first arm's mark
        assert floor
        assert own
        assert floor[1] == own[1]


def test_similarity_rows_hold_the_quantiles_of_the_scores(run: Run) -> None:
    (figure,) = similarities(run)
    own = run.scores[run.scores["metric"] == "secs.resemblyzer.enrolment"]
    for row in figure.table.rows:
        values = own.loc[own["arm"] == row[0].text, "value"]
        assert row[1].text == f"{values.median():.3f}"
        assert row[3].text == "100.0 %"
        assert row[4].text == str(len(values))
    assert len(figure.strips) == len(figure.table.rows) == 5
    assert "natural speech, own speaker" in figure.remark
    assert "descriptive" in figure.remark


def test_histograms_stay_inside_their_axis_and_reach_the_top(run: Run) -> None:
    (figure,) = similarities(run)
    for strip in figure.strips:
        outline = re.search(r'class="own" d="M([\d.]+) 46(.*?)V46"', strip)
        assert outline
        heights = [float(v) for v in re.findall(r"V([\d.]+)", outline[2])]
        assert min(heights) == 4
        assert max(float(v) for v in re.findall(r"H([\d.]+)", outline[2])) <= 340 - 12


def test_a_histogram_is_drawn_bin_by_bin_with_equal_ones_as_one_stroke() -> None:
    values = np.array([0.1, 0.1, 0.52, 0.53, 0.9])
    row = Distribution(0, values)
    axis = distributions_axis([row], from_zero=True)
    outline = re.search(r'class="own" d="M([\d.]+) 46(.*?)V46"', distribution_svg(axis, row, {}))
    assert outline
    strokes = re.findall(r"V([\d.]+)H([\d.]+)", outline[2])
    assert len(strokes) < 10 < BINS
    counts, edges = np.histogram(values, bins=BINS, range=(axis.low, axis.high))
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        middle = (axis.x(left) + axis.x(right)) / 2
        height = next(float(y) for y, end in strokes if middle < float(end))
        assert height == pytest.approx(46 - 42 * count / counts.max(), abs=0.06)


def test_families_of_one_seed_say_nothing_of_seeds(run: Run) -> None:
    """No table of metrics' names without figures."""
    families = {"a": SWEPT[:1], "b": SWEPT[1:2]}
    statistics = {**run.experiment["statistics"], "families": families, "resamples": 20}
    asked = dataclasses.replace(run, experiment={**run.experiment, "statistics": statistics})
    assert len(run.metrics) > MOST_COLUMNS  # a row a metric
    told = [table.caption for table in family_tables(asked)]
    assert told == ["Families", "Families: differences from a"]


def test_spread_is_that_of_repeats_of_one_request(run: Run) -> None:
    figures = {figure.title: figure for figure in spreads(run)}
    assert "wer.macro" not in figures
    scores = run.scores.merge(run.trials[["trial_id", "utterance_id"]], on="trial_id")
    own = scores[(scores["metric"] == "wer.micro") & (scores["arm"] == SWEPT[0])]
    expected = own.groupby("utterance_id")["value"].std().dropna()
    row = next(r for r in figures["wer.micro"].table.rows if r[0].text == SWEPT[0])
    assert row[1].text == f"{100 * expected.median():.1f}"
    assert row[4].text == str(len(expected))


def test_runs_without_repeats_have_no_spread(tmp_path: Path) -> None:
    assert spreads(read_run(make_run(tmp_path / "run"))) == []


def test_percentiles_say_what_they_lack(run: Run) -> None:
    table = latency.percentiles(run)
    assert table is not None
    assert {row[0].text for row in table.rows} == set(SWEPT)
    by_percentile = {row[1].text: row[2] for row in table.rows}
    assert float(by_percentile["p50"].text) == pytest.approx(200, abs=3)
    assert by_percentile["p95"].note == "takes 200 trials"


def test_chunks_play_when_they_have_come_and_gaps_are_marked(run: Run) -> None:
    figure = latency.timeline(run)
    assert figure is not None
    (row, *_), (strip, *_) = figure.table.rows, figure.strips
    # The player has 500 ms from 100 on: dry from 600 until the chunk of 700, which lasts to 1100.
    assert [cell.text for cell in row[1:4]] == ["100.0", "700.0", "900.0"]
    assert [cell.note for cell in row[1:4]] == ["", "late 100.0 %", "late 0.0 %"]
    assert strip.count('class="gap"') == 1
    assert strip.count('class="chunk"') == 3


def test_a_run_without_streams_has_no_latency_section(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run"))
    assert latency.percentiles(run) is None
    assert latency.timeline(run) is None


def test_load_has_a_row_an_arm_and_rate(run: Run) -> None:
    assert under_load(run) is None
    like = run.summary[(run.summary["language"] == "all") & (run.summary["arm"] == SWEPT[0])]
    values = {
        "0.5_per_s.first_sound_ms.p50": 12.0, "10_per_s.first_sound_ms.p50": 34.0,
        "10_per_s.first_sound_ms.p95": math.nan, "10_per_s.equals_alone": 1.0,
    }  # fmt: skip
    rows = [
        like.iloc[:1].assign(metric=f"load.{name}", mean=value, ci_low=value, ci_high=value, n=20)
        for name, value in values.items()
    ]
    table = under_load(dataclasses.replace(run, summary=pd.concat([run.summary, *rows])))
    assert table is not None
    slow, fast = table.rows
    assert [cell.text for cell in slow[:4]] == [SWEPT[0], "0.5", "12.0", "–"]
    assert [cell.text for cell in fast[1:3]] == ["10", "34.0"]
    assert (fast[3].text, fast[3].note) == ("–", "takes 200 trials")
    assert fast[-1].text == "100.0"


def test_the_grid_is_a_matrix_of_its_arms(run: Run) -> None:
    (grid,) = grids(run)
    assert grid.keys == ("model", "temperature")
    assert set(grid.arms.values()) == set(SWEPT)
    table = next(t for t in matrices(run) if t.caption.startswith("cer.micro"))
    assert [cell.text for cell in table.head[1:]] == ["0.5", "0.8"]
    assert [row[0].text for row in table.rows] == ["a", '"b c"']
    summary = run.summary[
        (run.summary["metric"] == "cer.micro") & (run.summary["language"] == "all")
    ]
    means = summary.set_index("arm")["mean"]
    shown = [[cell.text for cell in row[1:]] for row in table.rows]
    expected = [f"{100 * means[arm]:.1f} %" for arm in SWEPT]
    assert [*shown[0], *shown[1]] == expected
    assert table.rows[0][1].note == ""  # the baseline has no difference from itself
    assert table.rows[1][2].note.endswith("undecided")


def test_one_swept_key_is_a_column_a_value_where_metrics_are_many(run: Run) -> None:
    one = {**run.experiment, "ablate": {"systems.xtts.temperature": [0.5, 0.8]}}
    arms = {f"xtts[temperature={v}]": SWEPT[i] for i, v in enumerate((0.5, 0.8))}
    other = {old: new for new, old in arms.items()}
    tables = {
        name: getattr(run, name).replace({"arm": other})
        for name in ("trials", "scores", "summary", "comparisons")
    }
    swept = dataclasses.replace(run, experiment=one, **tables)
    (table,) = matrices(swept)
    assert [cell.text for cell in table.head] == ["Metric", "0.5", "0.8"]
    assert [row[0].text for row in table.rows] == run.metrics


def test_counts_hold_every_trial(run: Run) -> None:
    table = counts(run)
    trials = sum(int(row[1].text) for row in table.rows)
    failed = sum(int(row[2].text) for row in table.rows)
    assert trials == len(run.trials)
    assert failed == (run.trials["status"] != "ok").sum()
    silent = {row[0].text: row[-1].text for row in table.rows}
    assert silent["natural"] == "1"
    assert silent[SWEPT[0]] == "0"


def test_methods_name_every_model_normaliser_seed_and_test(run: Run) -> None:
    written = methods(run)
    text = " ".join(text for _, text in written.paragraphs)
    for wanted in (
        "`whisper` is Whisper large-v3", "beam_size 5",
        "weights SHA-256 ab12ab12ab12ab12", "Resemblyzer", "their-model", "a_plugin",
        "normaliser, version 17", "seed is 7", "seeded by 7", "200 resamples", "95%",
        "crossed bootstrap", "sign-flip", "Holm", "baseline is xtts[model=a,temperature=0.5]",
        "torch 2.13.0", "0123abc", "claim holds", "`wer`", "`cer`", "`secs`", "`recordings`",
        *run.arms,
    ):  # fmt: skip
        assert wanted in text, wanted
    cited = {int(n) for n in re.findall(r"\[(\d+)\]", text)}
    assert cited == set(range(1, len(written.references) + 1))
    for work in ("Radford", "Wan, L.", "Owen", "Holm", "Ernst", "jiwer", "Casanova"):
        assert sum(work in reference for reference in written.references) == 1, work


def test_long_tables_are_no_sentences(run: Run) -> None:
    said = {f"speaker-{i}": f"reference-{i}.wav" for i in range(40)}
    systems = {run.arms[0]: {"identity": {"references": said, "version": 3}}}
    told = dataclasses.replace(run, environment={**run.environment, "systems": systems})
    ((_, text), *_) = methods(told).paragraphs
    assert "identity: references (a table of 40, below), version 3" in text


def test_methods_say_how_an_arm_differs_from_the_first_of_its_kind(run: Run) -> None:
    first, second, third, *_ = SWEPT
    spec = {"name": "xtts", "checkpoint": "nano", "voice": None, "engine": "auto"}
    systems = {
        first: {"spec": spec, "identity": {"version": 3, "weights_sha256": "ab"}},
        second: {"spec": {**spec, "voice": "x"}, "identity": {"version": 3}},
        third: {"spec": spec, "identity": {"version": 4, "weights_sha256": "ab"}},
    }
    told = dataclasses.replace(run, environment={**run.environment, "systems": systems})
    ((_, text), *_) = methods(told).paragraphs
    assert (
        f"Arm {first} is the system `xtts` (XTTS [1]) with checkpoint nano, engine auto; " in text
    )
    assert f"Arm {second} is as {first} with voice x; identity: weights_sha256 not set." in text
    assert f"Arm {third} is as {first}; identity: version 4." in text


def test_what_arms_have_in_common_stands_in_the_environment_once(run: Run) -> None:
    said = {f"speaker-{i}": f"reference-{i}.wav" for i in range(40)}
    spec = {"name": "xtts", "checkpoint": "a", "voice": None, "sampling": {"top_k": 50, "seed": 1}}
    systems = {
        "natural": {"spec": {"name": "recordings"}},
        "a": {"spec": spec, "identity": {"references": said}},
        "b": {"spec": {**spec, "checkpoint": "b", "sampling": {"top_k": 5}}},
        "c": {"spec": {**spec, "voice": "x", "checkpoint": None}, "identity": {"references": said}},
        "d": {"spec": spec, "identity": {"other": said}},
        "e": {"spec": spec, "identity": {"references": said}},
    }
    told = dataclasses.replace(run, environment={"python": "3.12", "systems": systems})
    assert [tuple(cell.text for cell in row) for row in environment(told).rows] == [
        ("python", "3.12"),
        ("systems.natural.spec.name", "recordings"),
        ("systems.a.spec.name", "xtts"),
        ("systems.a.spec.checkpoint", "a"),
        ("systems.a.spec.sampling.top_k", "50"),
        ("systems.a.spec.sampling.seed", "1"),
        *((f"systems.a.identity.references.{name}", file) for name, file in said.items()),
        ("systems.b", "as systems.a, but:"),
        ("systems.b.spec.checkpoint", "b"),
        ("systems.b.spec.sampling.top_k", "5"),
        ("systems.b.spec.sampling.seed", "not there"),
        ("systems.b.identity", "not there"),
        ("systems.c", "as systems.a, but:"),
        ("systems.c.spec.checkpoint", "null"),
        ("systems.c.spec.voice", "x"),
        ("systems.d", "as systems.a, but:"),
        ("systems.d.identity.references", "not there"),
        ("systems.d.identity.other", "as systems.a.identity.references"),
        ("systems.e", "as systems.a"),
    ]


def test_metrics_without_any_figure_are_named(run: Run) -> None:
    asked = [*run.experiment["metrics"], {"name": "consistency"}]
    lacking = dataclasses.replace(run, experiment={**run.experiment, "metrics": asked})
    (said,) = set(caveats(lacking)) - set(caveats(run))
    assert "without any figure: consistency." in said


def test_every_cited_work_exists() -> None:
    keys = [key for _, key in (*OF_INSTRUMENT.values(), *OF_SYSTEM.values())]
    notes = method_notes(confidence=0.95, resamples=2000, seed=0)
    written = re.findall(r"\[@(\w+)\]", json.dumps(notes))
    assert written
    assert {*keys, *OF_METRIC.values(), *written} <= set(WORKS)


def test_markdown_and_page_show_the_same_sections(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    for heading in (
        "Ablation",
        "Similarity",
        "Run to run",
        "Latency",
        "Chunks",
        "Trials",
        "Check it",
        "Methods",
    ):
        assert f"\n## {heading}\n" in text
    assert text.index("**holds**") < text.index("## Results")


def test_what_a_figure_was_made_of_is_linked_and_there(folder: Path) -> None:
    """A reader who doubts: the page, its section, the file."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<a href="#check">' in page
    section = page.partition('id="check"')[2].partition("</section>")[0]
    linked = re.findall(r'<a href="([^"]+)">', section)
    assert {"trials.parquet", "scores.parquet", "experiment.yaml", "claims.csv"} <= set(linked)
    assert all((folder / name).exists() for name in linked)
    assert "xtts-lab run RUN/experiment.yaml" in section
    assert ("audio/" in linked) == (folder / "audio").is_dir()
