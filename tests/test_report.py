"""The report of a small made-up run folder with real audio files."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from xtts_lab import report
from xtts_lab.errors import UsageError
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.report import numbers
from xtts_lab.report.formats import plot
from xtts_lab.report.formats.markdown import escape
from xtts_lab.report.page import _breakable
from xtts_lab.statistics.summaries import compare, summarise

HOSTILE = '<script>alert("1")</script> | **bold** & `code`'
TEXTS = {
    "en": ["The kettle is on.", HOSTILE, "We met by the river."],
    "ar": ["صباح الخير يا جدتي.", "القطار تأخر قليلا.", "أين المفتاح؟"],
    "zh-cn": ["今天天气很好。", "他喜欢喝绿茶。", "火车晚点了。"],
    "de": ["Der Bus kommt gleich.", "Sie liest gern abends.", "Das Brot ist frisch."],
}
ARMS = {"natural": "recordings", "espeak[rate=1.5]": "espeak", "null": "null"}
METRICS = {
    "wer.micro": MetricInfo("ratio", "lower"),
    "wer.macro": MetricInfo("ratio", "lower"),
    "cer.micro": MetricInfo("ratio", "lower"),
    "secs.resemblyzer.enrolment": MetricInfo("cosine", "higher"),
}


def make_run(
    folder: Path, *, repeats: int = 1, per_language: int = 3, concluded: bool = True
) -> Path:
    """Write a run folder: three arms (one random), four languages, one failed trial.

    Without its summary and comparisons, which take seconds, where it is not `concluded`.
    """
    shutil.copytree(Path(_run(repeats, per_language, concluded).name) / "run", folder)
    return folder


@cache
def _run(repeats: int, per_language: int, concluded: bool) -> TemporaryDirectory[str]:
    """Make each run once for all tests of this process."""
    made = TemporaryDirectory()
    _make(Path(made.name) / "run", repeats, per_language, concluded=concluded)
    return made


def _make(folder: Path, repeats: int, per_language: int, *, concluded: bool) -> None:
    rng = np.random.default_rng(0)
    (folder / "audio").mkdir(parents=True)
    trials: list[dict[str, Any]] = []
    for arm, system in ARMS.items():
        for language, texts in TEXTS.items():
            for i in range(per_language):
                for repeat in range(repeats):
                    row = _trial(len(trials), arm, system, language, texts[i % 3], i, repeat)
                    trials.append(row)
                    if row["status"] == "ok":
                        wave = 0.1 * np.sin(np.arange(4000) * rng.uniform(0.05, 0.2))
                        soundfile.write(folder / row["audio_path"], wave, 16_000)
    _write_tables(folder, pd.DataFrame(trials), rng, concluded=concluded)
    systems = {name.partition("[")[0]: {"name": system} for name, system in ARMS.items()}
    experiment = {
        "name": "tiny", "question": "Does <b>anything</b> differ?", "systems": systems,
        "instruments": {"whisper": {"name": "whisper", "model": "base"}},
        "statistics": {"baseline": "natural", "confidence": 0.95, "resamples": 200},
    }  # fmt: skip
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
    environment = {"python": "3.11", "packages": {"torch": "2.13.0"}, "revision": "0123abc"}
    (folder / "environment.json").write_text(json.dumps(environment))


def _trial(
    number: int, arm: str, system: str, language: str, text: str, index: int, repeat: int
) -> dict[str, Any]:
    failed = arm == "null" and language == "de" and index == 0
    name = f"{number:03}#{language}.wav"  # '#' must be quoted in links
    return {
        "trial_id": f"t{number:03}", "arm": arm, "system": system, "language": language,
        "utterance_id": f"{language}-{index}", "text": text, "speaker": f"s{index}",
        "references": '["ref.wav"]', "reference_language": language, "repeat": repeat,
        "seed": number, "audio_path": None if failed else f"audio/{name}", "duration_s": 0.25,
        "synthesis_s": float(number), "stop": "limit" if number == 0 else "end",
        "weights_random": arm == "null", "status": "failed" if failed else "ok",
        "error": "the voice was lost" if failed else None,
    }  # fmt: skip


def _write_tables(
    folder: Path, trials: pd.DataFrame, rng: np.random.Generator, *, concluded: bool
) -> None:
    scores = []
    for trial in trials[trials["status"] == "ok"].to_dict("records"):
        for metric in METRICS:
            if metric.startswith("wer") and trial["language"] == "zh-cn":
                continue
            scores.append(_score({str(k): v for k, v in trial.items()}, metric, rng))
    table = pd.DataFrame(scores)
    evidence = trials[trials["status"] == "ok"][["trial_id"]].assign(
        instrument="whisper", role="audio", output=json.dumps({"text": f"heard {HOSTILE}"})
    )
    failed = trials[trials["status"] == "failed"].assign(stage="synthesise")
    options: dict[str, Any] = {"confidence": 0.95, "resamples": 200, "seed": 0}
    trials.to_parquet(folder / "trials.parquet")
    table.to_parquet(folder / "scores.parquet")
    evidence.to_parquet(folder / "evidence.parquet")
    if concluded:
        summarise(table, trials, METRICS, **options).to_csv(folder / "summary.csv", index=False)
        compare(table, trials, METRICS, baseline="natural", **options).to_csv(
            folder / "comparisons.csv", index=False
        )
    names = ["trial_id", "arm", "language", "utterance_id", "stage", "error"]
    failed[names].to_csv(folder / "failures.csv", index=False)


def _score(trial: dict[str, Any], metric: str, rng: np.random.Generator) -> dict[str, Any]:
    pooled = metric.endswith("micro")
    edits, length = int(rng.integers(0, 9)), 10
    return {
        "trial_id": trial["trial_id"], "arm": trial["arm"], "language": trial["language"],
        "metric": metric, "value": edits / length, "numerator": edits if pooled else np.nan,
        "denominator": length if pooled else np.nan, "detail": "{}",
    }  # fmt: skip


class Page(HTMLParser):
    """Collects tags, ids, links and text; knows which tags close themselves."""

    VOID = frozenset(("meta", "br", "wbr", "link", "input", "img", "hr", "circle", "rect", "path"))

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("runs") / "tiny")
    report.build(folder)
    return folder


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_tag_is_closed_and_every_anchor_exists(page: Page) -> None:
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = [a["href"] for a in page.all("a") if str(a["href"]).startswith("#")]
    assert anchors
    assert {str(a)[1:] for a in anchors} <= set(ids)


def test_nothing_is_loaded_from_elsewhere(html: str, page: Page) -> None:
    bare = re.sub(r"data:audio/[\w;,/+=]+", "", html)
    assert not re.search(r"https?://|//[a-z]|@import|url\(", bare)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    sources = [attributes["src"] for _, attributes in page.tags if "src" in attributes]
    assert all(str(source).startswith("data:audio/") for source in sources)


def test_hostile_text_stays_text(html: str, page: Page) -> None:
    assert "<script" not in html
    assert "<b>anything" not in html
    assert HOSTILE in "".join(page.text)


def test_text_has_language_and_direction(page: Page) -> None:
    spoken = [a for a in page.all("span") if "lang" in a]
    assert {a["lang"] for a in spoken} == set(TEXTS)
    assert all(a["dir"] == "auto" for a in spoken)


def test_players_hold_the_audio_that_was_made(run: Path, page: Page) -> None:
    players = page.all("audio")
    assert len(players) == 35  # 3 arms x 4 languages x 3 utterances, less the failed one
    assert all(player["preload"] == "none" for player in players)
    encoded = str(players[0]["src"]).partition(",")[2]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
    original, _ = soundfile.read(run / "audio" / "000#en.wav")
    assert rate == 16_000
    assert abs(len(samples) - len(original)) < 1152 * 2  # whole MP3 frames
    assert np.abs(np.fft.rfft(samples[:4000])).argmax() == pytest.approx(
        np.abs(np.fft.rfft(original)).argmax(), abs=2
    )


def test_at_most_60_players_spread_over_languages_and_the_rest_linked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", repeats=2, per_language=12)
    report.build(run)
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    labels = [str(player["aria-label"]).split(", ") for player in page.all("audio")]
    assert 57 <= len(labels) <= 60
    languages, arms = Counter(x[1] for x in labels), Counter(x[0] for x in labels)
    assert len(languages) == 4
    assert max(languages.values()) - min(languages.values()) <= 3
    assert max(arms.values()) - min(arms.values()) <= 1
    links = [
        str(a["href"])
        for a in page.all("a")
        if str(a["href"]).startswith("audio/") and a["href"] != "audio/"
    ]
    trials = pd.read_parquet(run / "trials.parquet")
    assert len(links) + len(labels) == (trials["status"] == "ok").sum()
    assert all((run / link.replace("%23", "#")).is_file() for link in links)


def test_random_weights_are_announced_loudly(run: Path, page: Page) -> None:
    banners = [a for a in page.all("p") if a.get("class") == "banner"]
    assert len(banners) == 1
    said = "The weights of null are random: figures say nothing about speech quality."
    assert said in "".join(page.text)
    assert said in (run / "report.md").read_text(encoding="utf-8")


def test_figures_are_those_of_the_summary(run: Path, page: Page) -> None:
    text = "".join(page.text)
    summary = pd.read_csv(run / "summary.csv", keep_default_na=False)
    shown = summary[summary["metric"] == "wer.micro"]
    assert len(shown)
    for row in shown.to_dict("records"):
        interval = numbers.span(float(row["ci_low"]), float(row["ci_high"]), "ratio")
        assert numbers.figure(float(row["mean"]), "ratio") in text
        assert interval in text


def test_failures_are_counted_and_listed(page: Page) -> None:
    text = " ".join("".join(page.text).split())
    assert "1 failed" in text
    assert "the voice was lost" in text


def test_building_again_gives_the_same_bytes_and_leaves_nothing_else(run: Path) -> None:
    before = {p.name: p.read_bytes() for p in run.glob("report.*")}
    # Times are no part of a report: a resumed run has others.
    trials = pd.read_parquet(run / "trials.parquet")
    trials["synthesis_s"] += 1.0
    trials.to_parquet(run / "trials.parquet")
    files = sorted(p.name for p in run.iterdir())
    report.build(run)
    assert {p.name: p.read_bytes() for p in run.glob("report.*")} == before
    assert sorted(p.name for p in run.iterdir()) == files


def test_markdown_tables_are_whole(run: Path) -> None:
    lines = (run / "report.md").read_text(encoding="utf-8").splitlines()
    tables = [i for i, line in enumerate(lines) if line.startswith("| ---") or "| ---:" in line]
    # headline, comparisons, metrics; similarity, counts; failures, environment
    assert len(tables) == 2 + len(METRICS) + 2 + 2
    for rule in tables:
        width = len(re.findall(r"(?<!\\)\|", lines[rule]))
        end = next(i for i in range(rule, len(lines)) if not lines[i].startswith("|"))
        assert all(len(re.findall(r"(?<!\\)\|", line)) == width for line in lines[rule - 1 : end])


def test_markdown_escapes_what_it_would_read_as_markup() -> None:
    assert escape("a|b <i> *x*\n# y") == r"a\|b &lt;i&gt; \*x\* \# y"


def test_a_folder_without_results_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no experiment\.yaml"):
        report.build(tmp_path)


def test_a_run_in_which_everything_failed_still_has_a_report(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    trials = pd.read_parquet(run / "trials.parquet").assign(status="failed", error="out of voice")
    options: dict[str, Any] = {"confidence": 0.95, "resamples": 200, "seed": 0}
    scores = pd.read_parquet(run / "scores.parquet").iloc[:0]
    trials.to_parquet(run / "trials.parquet")
    scores.to_parquet(run / "scores.parquet")
    summarise(scores, trials, METRICS, **options).to_csv(run / "summary.csv", index=False)
    nothing = compare(scores, trials, METRICS, baseline="natural", **options)
    nothing.to_csv(run / "comparisons.csv", index=False)
    report.build(run)
    text = " ".join("".join(Page((run / "report.html").read_text(encoding="utf-8")).text).split())
    assert "36 trials, 36 failed" in text
    assert "Failed: out of voice" in text


def test_missing_audio_is_said_and_does_not_stop_the_report(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for path in (run / "audio").iterdir():
        path.unlink()
    report.build(run)
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    assert page.all("audio") == []
    text = " ".join("".join(page.text).split())
    assert text.count("The audio file is gone.") == 2  # beside the one that failed
    assert "Audio of 11 other utterances is not here" in text
    assert not [a for a in page.all("a") if str(a["href"]).startswith("audio/")]


def test_ids_break_after_punctuation_and_not_inside_numbers() -> None:
    shown = _breakable("xtts[temperature=0.75,a=<b>] on secs.ecapa")
    assert _breakable("a, b. c_") == "a, b. c_"  # a space is where a browser breaks by itself
    assert shown == ("xtts[<wbr>temperature=<wbr>0.75,<wbr>a=<wbr>&lt;b&gt;] on secs.<wbr>ecapa")


def test_numbers_read_as_printed() -> None:
    assert numbers.figure(0.1234, "ratio") == "12.3 %"
    assert numbers.figure(-0.0512, "ratio", signed=True) == "−5.1 pp"
    assert numbers.figure(0.00001, "ratio", signed=True) == "0.0 pp"
    assert numbers.figure(0.8125, "cosine") == "0.812"
    assert numbers.figure(float("nan"), "ratio") == numbers.BLANK
    assert numbers.span(0.1, float("nan"), "ratio") == ""
    assert numbers.probability(0.0001) == "< 0.001"


def test_axis_has_round_ticks_and_holds_every_mark() -> None:
    marks = [plot.Mark(0, 0.31, 0.27, 0.44), plot.Mark(1, 0.1, float("nan"), float("nan"))]
    axis = plot.axis_of(marks, from_zero=True)
    assert axis.ticks == (0.0, 0.2, 0.4, 0.6)
    assert axis.x(0.0) == plot.PAD
    assert axis.x(0.6) == plot.WIDTH - plot.PAD
    assert axis.x(0.3) == pytest.approx(plot.WIDTH / 2)
    assert plot.axis_of([], from_zero=False).ticks[0] < plot.axis_of([], from_zero=False).ticks[-1]
