"""Arms as sums of parts: what they are made of, whether they were trained, what their prompts say.

The systems are written here, and reach the bench as a package with entry points would bring them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.test_report import Page
from xtts_lab.cli import run_app
from xtts_lab.report.numbers import named, scaled
from xtts_lab.runs.reading import read_run

CODE = '''
import torch

from xtts_lab.types import LANGUAGES, Audio, Failure, Synthesis

CONDITIONERS = ("perceiver", "tortoise", "valle", "code_prompt", "v1", "embedding", "none")


class Built:
    """A system of two parts: a tone whose pitch is theirs."""

    languages = frozenset(LANGUAGES)
    sample_rate = 8000
    weights_random = False

    def __init__(
        self, *, conditioner: dict[str, str] = {"name": "perceiver"},
        vocoder: dict[str, str] = {"name": "hifigan"}, details: str = "full",
    ) -> None:
        self._conditioner, self._vocoder = conditioner["name"], vocoder["name"]
        self._details = details
        self.streams = self._vocoder != "diffusion"
        self.needs_reference_text = self._conditioner == "valle"

    @property
    def identity(self):
        return {"version": 1}

    @property
    def untrained(self):
        found = []
        if self._conditioner != "perceiver":
            found.append(f"conditioner {self._conditioner} has no weights of its own")
        if self._vocoder != "hifigan":
            found.append(f"vocoder {self._vocoder} was not trained beside this GPT")
        return tuple(found)

    @property
    def facts(self):
        return {
            "conditioner": {"name": self._conditioner, "parameters": 46_200_000, "flops": 1.2e9,
                            "prefix_length": 32, "reference_s": 6.0},
            "gpt": {"name": "gpt", "parameters": 380_000_000, "flops": 7.6e8},
            "vocoder": {"name": self._vocoder, "parameters": 25_900, "flops": 3.1e10,
                        "streams": self.streams},
        }

    def synthesise(self, requests):
        for request in requests:
            if self._details == "wrong":
                measured = {"prefix_length": "long"}
            elif self._details == "none":
                measured = {}
            else:
                length = 30 + request.seed % 2
                measured = {"prefix_length": length, "reference_s": 5.25, "tight_steps": 1}
            yield Synthesis(Audio(self._tone(request), 8000), details=measured)

    def prepare(self, references):
        return None

    def stream(self, request, voice):
        yield Audio(self._tone(request), 8000)

    def _tone(self, request):
        said = "".join(reference.text or "" for reference in request.references)
        pitch = 100 + 10 * CONDITIONERS.index(self._conditioner) + len(self._vocoder) + len(said)
        return 0.1 * torch.sin(torch.arange(1600) * (pitch + request.seed % 7) / 800)


class Deaf:
    """A recogniser by rule: it hears `text`, or fails."""

    uses_language = True

    def __init__(self, *, text: str = "so said in {language}", fails: bool = False) -> None:
        self._text, self._fails = text, fails

    @property
    def identity(self):
        return {"name": "deaf", "version": 1, "text": self._text, "fails": self._fails}

    def measure(self, clips):
        with open("heard.txt", "a") as log:
            for clip in clips:
                log.write(clip.path.name + "\\n")
                if self._fails:
                    yield Failure("it is deaf")
                else:
                    yield {"text": self._text.format(language=clip.language)}
'''
EXPERIMENT: dict[str, Any] = {
    "name": "parts",
    "systems": {"built": {"name": "built"}, "plain": {"name": "null"}},
    "ablate": {
        "systems.built.conditioner.name": ["perceiver", "tortoise"],
        "systems.built.vocoder.name": ["hifigan", "diffusion"],
    },
    "texts": {"name": "builtin", "languages": ["en"], "per_language": 20},
    "speakers": {"name": "synthetic", "count": 10, "references": 1, "enrolment": 0},
    "metrics": [{"name": "duration"}, {"name": "latency", "warmups": 0}],
    "statistics": {"baseline": "built[conditioner.name=perceiver,vocoder.name=hifigan]",
                   "resamples": 200},
    "sanity": False,
}  # fmt: skip
TRAINED = "built[conditioner.name=perceiver,vocoder.name=hifigan]"
STRANGER = "built[conditioner.name=tortoise,vocoder.name=diffusion]"


@pytest.fixture(autouse=True)
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder, with the systems of `CODE` installed."""
    site = tmp_path / "site"
    info = site / "built-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "plugin_built.py").write_text(CODE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: built\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[xtts_lab.systems]\nbuilt = plugin_built:Built\n"
        "[xtts_lab.instruments]\ndeaf = plugin_built:Deaf\n"
    )
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("plugin_built", None)


def _run(out: str, *flags: str, **changes: Any) -> int:
    Path("x.yaml").write_text(yaml.safe_dump({**EXPERIMENT, **changes}))
    return run_app(["run", "x.yaml", "--out", out, *flags])


def test_arms_by_parts_and_no_verdict_for_strangers() -> None:
    claim = f"{STRANGER} > {TRAINED} on duration.seconds by 0.5"
    level = f"{TRAINED}: duration.seconds < 5"
    assert _run("run", claims=[claim, level]) == 0
    arms = pd.read_csv("run/arms.csv", keep_default_na=False)
    assert len(arms) == 4 * 3 + 1
    rows = {(r["arm"], r["part"]): r for r in arms.to_dict("records")}
    conditioner = rows[STRANGER, "conditioner"]
    assert conditioner["name"] == "tortoise"
    assert conditioner["parameters"] == "46200000"
    assert float(conditioner["flops"]) == 1.2e9
    assert conditioner["flops_of"] == "6 s of reference"
    assert 30 < float(conditioner["prefix_length"]) < 31
    assert float(conditioner["reference_s"]) == 5.25  # as measured, not the nominal 6 s
    assert rows[STRANGER, "gpt"]["flops_of"] == "a code"
    assert rows[STRANGER, "vocoder"]["flops_of"] == "a second of speech"
    assert {r["streams"] for r in rows.values() if r["arm"] == STRANGER} == {False}
    assert conditioner["untrained"] == (
        "conditioner tortoise has no weights of its own; "
        "vocoder diffusion was not trained beside this GPT"
    )
    assert rows[TRAINED, "gpt"]["untrained"] == ""
    assert rows["plain", ""]["name"] == "null"
    _check_verdicts()
    _check_latency()
    _check_report()


def _check_verdicts() -> None:
    trials = pd.read_parquet("run/trials.parquet")
    marked = trials.groupby("arm")["untrained"].unique().map(list).to_dict()
    assert marked[TRAINED] == marked["plain"] == [False]
    assert marked[STRANGER] == [True]
    assert not trials["weights_random"].any()
    table = pd.read_csv("run/comparisons.csv")
    table = table[(table["metric"] == "duration.seconds") & (table["language"] == "all")]
    assert set(table["verdict"]) == {"undecided"}
    verdicts = pd.read_csv("run/claims.csv").set_index("claim")[["verdict", "reason"]]
    (untrained, trained) = verdicts.to_dict("records")
    assert untrained["verdict"] == "undecided"
    assert f"the weights of {STRANGER} are random or not trained together" in untrained["reason"]
    assert trained["verdict"] == "holds"


def _check_latency() -> None:
    timed = set(pd.read_parquet("run/latency.parquet")["arm"])
    assert timed == {
        TRAINED, "built[conditioner.name=tortoise,vocoder.name=hifigan]",
    }  # fmt: skip


def _check_report() -> None:
    run = read_run(Path("run"))
    assert TRAINED not in run.untrained_arms
    assert len(run.untrained_arms) == 3
    page = Path("run/report.html").read_text()
    Page(page)
    section = page[page.index('id="parts"') : page.index('id="reading"')]
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", section.replace("<wbr>", "")))
    assert "46.2 M, 1.20 G" in said
    assert "25.9 k, 31.0 G" in said
    assert "parameters, FLOPs for 6 s of reference" in said
    assert "untrained (1, 2)" in said
    assert "vocoder diffusion was not trained beside this GPT" in said
    markdown = Path("run/report.md").read_text()
    assert "## Parts" in markdown
    assert "1. vocoder diffusion was not trained beside this GPT" in markdown
    assert "were not trained together" in markdown.split("## Results")[0]
    assert "The parts of" in markdown.split("## How to read this")[1]
    assert "its parts were not trained together" in markdown.split("## Methods")[1]
    assert "s, untrained" in markdown.split("## Ablation")[1].split("## Parts")[0]


QUICK: dict[str, Any] = {
    "texts": {"name": "builtin", "languages": ["en", "de"], "per_language": 2},
    "speakers": {"name": "synthetic", "count": 2, "references": 1, "enrolment": 0},
    "metrics": [{"name": "duration"}],
}
TWO_ARMS: dict[str, Any] = {**QUICK, "ablate": {}, "statistics": {}}


def _content(run: str) -> dict[str, bytes | str]:
    folder = Path(run)
    trials = pd.read_parquet(folder / "trials.parquet").drop(columns="synthesis_s")
    files = ("arms.csv", "summary.csv", "report.md")
    return {"trials": trials.to_csv()} | {name: (folder / name).read_bytes() for name in files}


def test_details_survive_cache_workers_and_resumption() -> None:
    runs = {"first": [], "cached": [], "two": ["--no-cache", "--workers", "2"]}
    for name, flags in runs.items():
        assert _run(name, *flags, **TWO_ARMS) == 0
    trials = pd.read_parquet("first/trials.parquet")
    known = trials[trials["system"] == "built"]
    assert set(known["prefix_length"]) <= {30, 31}
    assert set(known["reference_s"]) == {5.25}
    assert set(known["tight_steps"]) == {1}
    assert str(trials["tight_steps"].dtype) == "Int64"
    assert trials[trials["arm"] == "plain"][["prefix_length", "tight_steps"]].isna().all().all()
    journal = Path("first/.state/trials.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    before = _content("first")
    journal.write_bytes(b"".join(lines[:5]) + lines[5][:20])  # killed while it wrote a record
    Path("first/.state/finished.json").unlink()
    assert _run("first", "--no-cache", **TWO_ARMS) == 0
    assert _content("first") == before == _content("cached") == _content("two")


def test_details_of_a_wrong_type_fail_their_trial(capfd: pytest.CaptureFixture[str]) -> None:
    systems = {"built": {"name": "built", "details": "wrong"}}
    assert _run("run", **{**TWO_ARMS, "systems": systems}) == 1
    capfd.readouterr()
    errors = set(pd.read_csv("run/failures.csv")["error"])
    assert errors == {"the system's prefix_length must be an integer, not 'long'"}


def test_without_details_the_facts_stand_in_for_them() -> None:
    systems = {"built": {"name": "built", "details": "none"}}
    assert _run("run", **{**TWO_ARMS, "systems": systems}) == 0
    arms = pd.read_csv("run/arms.csv").set_index("part")
    assert arms.loc["conditioner", ["prefix_length", "reference_s"]].tolist() == [32.0, 6.0]
    assert pd.read_parquet("run/trials.parquet")["prefix_length"].isna().all()


def _prompts(folder: Path) -> dict[str, Any]:
    """Three clips, of which one has a known text, and an experiment that clones them."""
    import torch

    from xtts_lab import audio
    from xtts_lab.types import Audio

    rows = []
    for i, text in enumerate(["", "Known words.", ""]):
        tone = 0.1 * torch.sin(torch.arange(16_000) * 0.05 * (i + 1))
        audio.save(folder / f"ref{i}.wav", Audio(tone, 16_000))
        reference = {"audio": f"ref{i}.wav"} | ({"text": text} if text else {})
        rows.append({"id": f"u{i}", "text": f"Sentence {i}.", "language": "de",
                     "speaker": f"s{i}", "references": [reference]})  # fmt: skip
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = {"name": "manifest", "path": str(folder / "m.jsonl")}
    return {
        "systems": {"built": {"name": "built"}},
        "ablate": {"systems.built.conditioner.name": ["perceiver", "valle"]},
        "texts": manifest, "speakers": manifest, "pairing": "own", "repeats": 2,
        "metrics": [{"name": "duration"}], "statistics": {},
    }  # fmt: skip


VALLE = "built[name=valle]"


def test_references_are_transcribed_once_for_arms_that_need_it(bench: Path) -> None:
    asked = _prompts(bench)
    assert _run("without", **{**asked, "ablate": {}}) == 0
    assert _run("run", **asked, transcriber="deaf") == 0
    trials = pd.read_parquet("run/trials.parquet")
    other = trials[trials["arm"] != VALLE]
    assert other[["reference_text", "reference_text_source"]].isna().all().all()
    plain = pd.read_parquet("without/trials.parquet")
    assert other["audio_sha256"].tolist() == plain["audio_sha256"].tolist()
    own = trials[trials["arm"] == VALLE].drop_duplicates("utterance_id").set_index("utterance_id")
    assert own["reference_text_source"].to_dict() == {"u0": "deaf", "u1": "manifest", "u2": "deaf"}
    assert [json.loads(text) for text in own["reference_text"]] == [
        ["so said in de"], ["Known words."], ["so said in de"],
    ]  # fmt: skip
    assert Path("heard.txt").read_text().split() == ["ref0.wav", "ref2.wav"]
    assert _run("again", **asked, transcriber="deaf") == 0
    assert Path("heard.txt").read_text().split() == ["ref0.wav", "ref2.wav"]
    methods = Path("run/report.md").read_text().split("## Methods")[1]
    assert "are from the transcriber `deaf`" in methods
    assert "are from the test set" in methods
    assert "**Judges.**" not in methods  # nobody judged: it only transcribed


def test_only_what_the_limit_leaves_is_transcribed(bench: Path) -> None:
    assert _run("run", "--limit", "1", **_prompts(bench), transcriber="deaf") == 0
    assert Path("heard.txt").read_text().split() == ["ref0.wav"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"x.yaml:\d+: systems.built: arm 'built\[name=valle\]' needs .*ref0.wav has none: .*"
             r"`transcriber: whisper`"),
        ({"transcriber": "deef"}, r"x.yaml:\d+: transcriber: .*did you mean 'deaf'"),
        ({"transcriber": "d", "instruments": {"d": {"name": "deaf", "fails": True}}},
         r"ref0.wav the transcriber 'd' cannot transcribe it: it is deaf"),
        ({"transcriber": "d", "instruments": {"d": {"name": "deaf", "text": " "}}},
         r"ref0.wav the transcriber 'd' hears no words in it"),
        ({"transcriber": "levels"}, r"the transcriber 'levels' gives no text; .*whisper"),
    ],
    ids=["none", "unknown", "fails", "silent", "no recogniser"],
)  # fmt: skip
def test_unknown_words_are_a_mistake(
    changes: dict[str, Any], message: str, bench: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _run("run", **_prompts(bench), **changes) == 2
    err = capfd.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, err), err
    assert not Path("run").exists()


def test_runs_compared_say_that_parts_are_strangers(capfd: pytest.CaptureFixture[str]) -> None:
    assert _run("a", **QUICK) == 0
    assert run_app(["compare", "a", "a", "--arm", f"{TRAINED}={STRANGER}"]) == 0
    assert "random or were not trained together" in capfd.readouterr().out


def test_a_system_that_says_nothing_has_no_section_of_parts() -> None:
    assert _run("run", **{**TWO_ARMS, "systems": {"plain": {"name": "null"}}}) == 0
    assert 'id="parts"' not in Path("run/report.html").read_text()
    assert pd.read_csv("run/arms.csv")["arm"].tolist() == ["plain"]


def test_large_numbers_and_many_names_are_short() -> None:
    assert [scaled(v) for v in (float("nan"), 0, 999, 25_900, 46.2e6, 1.2e9, 999.9e6)] == [
        "–", "0", "999", "25.9 k", "46.2 M", "1.20 G", "1.00 G",
    ]  # fmt: skip
    assert named(["a", "b"], 9, "arm") == "a and b"
    assert named(["a"] * 9, 9, "arm") == "all 9 arms"
    assert named(["a"] * 9, 35, "arm") == "9 of 35 arms"
