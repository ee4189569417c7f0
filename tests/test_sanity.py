"""Levels by closed form, loops and speeds by hand, and faults counted as they should be."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab.errors import UsageError
from xtts_lab.instruments.levels import Levels
from xtts_lab.languages import BY_CODE
from xtts_lab.metrics.sanity import (
    Sanity,
    is_looped,
    most_repeats,
    rate_is_impossible,
)
from xtts_lab.types import LANGUAGES, Clip, Evidence, Failure, Timings, Utterance

RATE = 16_000


def only(results: Iterator[Any]) -> dict[str, Any]:
    (result,) = results
    assert isinstance(result, dict), result
    return result


def measured(path: Path, samples: Any, rate: int = RATE) -> dict[str, Any]:
    soundfile.write(str(path), np.asarray(samples), rate, subtype="FLOAT")
    return only(Levels().measure([Clip(path)]))


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
def test_silence_before_within_and_after_a_tone(rate: int, tmp_path: Path) -> None:
    def tone(seconds: float) -> Any:
        return 0.1 * np.sin(2 * np.pi * 500.0 * np.arange(round(seconds * rate)) / rate)

    def still(seconds: float) -> Any:
        return np.zeros(round(seconds * rate))

    clip = np.concatenate([still(0.5), tone(1.0), still(0.3), tone(0.7), still(1.5)])
    found = measured(tmp_path / "clip.wav", clip, rate)
    window = pytest.approx  # a frame of 25 ms sees a tone up to 12 ms away
    assert found["leading_s"] == window(0.5, abs=0.02)
    assert found["trailing_s"] == window(1.5, abs=0.03)
    assert found["longest_pause_s"] == window(0.3, abs=0.03)
    assert found["speech_s"] == window(2.0, abs=0.03)
    assert found["silent"] == window(2.3 / 4.0, abs=0.02)
    assert found["duration_s"] == 4.0
    assert found["peak_dbfs"] == pytest.approx(-20.0, abs=0.01)
    assert found["rms_dbfs"] == pytest.approx(-20.0 + 10 * np.log10(0.5 * 1.7 / 4.0), abs=0.01)


def test_clipped_samples_are_counted(tmp_path: Path) -> None:
    samples = np.full(1000, 0.5)
    samples[:7], samples[7:10] = 1.0, -0.999
    assert measured(tmp_path / "clip.wav", samples)["clipped"] == 0.01


def test_silence_is_no_failure(tmp_path: Path) -> None:
    for samples in (np.zeros(1), np.zeros(RATE), np.full(RATE, 1e-3)):
        found = measured(tmp_path / "clip.wav", samples)
        assert found["silent"] == 1.0
        assert found["leading_s"] == found["trailing_s"] == found["duration_s"]
        assert (found["speech_s"] > 0.0) == samples.any()  # a quiet clip may still speak
    (failure,) = Levels().measure([Clip(tmp_path / "absent.wav")])
    assert isinstance(failure, Failure)


@given(st.lists(st.sampled_from("ab"), max_size=30))
def test_repeats_equal_a_search_by_definition(units: list[str]) -> None:
    def by_definition() -> int:
        most = min(1, len(units))
        for start in range(len(units)):
            for size in range(1, len(units) - start + 1):
                phrase, count = units[start : start + size], 1
                at = start + size
                while units[at : at + size] == phrase:
                    count, at = count + 1, at + size
                most = max(most, count)
        return most

    assert most_repeats(units) == by_definition()


def test_loops_are_what_the_text_does_not_ask_for() -> None:
    assert is_looped("Thank you.", "thank you thank you thank you thank you", "en")
    assert is_looped("今天很好", "今天很好今天很好今天很好今天很好", "zh-cn")
    assert not is_looped("Thank you.", "thank you thank you thank you", "en")
    assert not is_looped("No, no, no, no, no!", "no no no no no no", "en")
    assert not is_looped("哈哈", "哈哈哈哈哈哈", "zh-cn")  # one character, as laughter is written
    assert is_looped("哈哈", "哈哈哈哈哈哈哈哈", "zh-cn")
    assert not is_looped("Good morning.", "", "en")


def said(text: str, language: str = "en", spoken: str | None = None) -> Utterance:
    return Utterance("u", text, language, "s", spoken=spoken)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_rate_is_impossible_beyond_the_languages_bounds_only(language: str) -> None:
    low, high = BY_CODE[language].rate
    utterance = said("好" * 60 if language == "zh-cn" else "a" * 60, language)
    assert rate_is_impossible(utterance, 60 / high * 0.99) is True
    assert rate_is_impossible(utterance, 60 / high * 1.01) is False
    assert rate_is_impossible(utterance, 60 / low * 0.99) is False
    assert rate_is_impossible(utterance, 60 / low * 1.01) is True
    assert rate_is_impossible(said("", language), 1.0) is None


def test_a_text_is_as_long_as_it_is_read() -> None:
    assert rate_is_impossible(said("1789"), 2.0) is True
    assert rate_is_impossible(said("1789", spoken="seventeen eighty-nine"), 2.0) is False


LEVELS = {"silent": 0.2, "clipped": 0.0, "speech_s": 2.0}


def trial(heard: str | None = "good morning to you", **changed: Any) -> Evidence:
    outputs = {"levels": {**LEVELS, **changed}, "whisper": heard and {"text": heard}}
    return Evidence(said("Good morning to you."), 3.0, Timings(), outputs)


def test_faults_are_counted_by_hand() -> None:
    metric = Sanity()
    trials = [
        trial(),
        trial(silent=0.9),
        trial(clipped=0.002, speech_s=0.1),
        trial("good good good good good"),
        trial(None),
    ]
    faults = [metric.detail([one])["faults"] for one in trials]
    assert faults == [[], ["silent"], ["clipped", "rate_impossible"], ["looped"], []]
    assert metric.values(metric.components(trials)) == {
        "silent": 0.2,
        "clipped": 0.2,
        "rate_impossible": 0.2,
        "looped": 0.25,  # of the four that the recogniser heard
        "any": 0.6,
    }


def test_a_recogniser_that_failed_leaves_the_other_faults_to_be_counted() -> None:
    from xtts_lab.experiment.judging import Need
    from xtts_lab.experiment.score import score
    from xtts_lab.runs.metric_use import MetricUse

    item = SimpleNamespace(utterance=said("Good morning to you."), reference_language=None)
    one = SimpleNamespace(id="t", arm=SimpleNamespace(id="a"), item=item, repeat=0)
    use = MetricUse("sanity", Sanity(), {"name": "sanity"})
    needs = [Need(n, "t", n, "audio", 0, Clip(Path("t.wav")), "") for n in ("levels", "whisper")]
    evidence = {
        "levels": {"error": None, "output": {**LEVELS, "silent": 1.0}},
        "whisper": {"error": "t.wav: too short for Whisper (0.010 s)", "output": None},
    }
    trials = {"t": {"status": "ok", "duration_s": 0.01, "timings": {}}}
    plan: Any = SimpleNamespace(metrics=[use], trials=[one])
    records: Any = (trials, evidence)
    rows = {row["metric"]: row["value"] for row in score(plan, needs, *records)}
    assert rows == {
        "sanity.silent": 1.0,
        "sanity.clipped": 0.0,
        "sanity.rate_impossible": 0.0,
        "sanity.any": 1.0,
    }


def test_without_a_recogniser_nothing_is_said_of_loops() -> None:
    metric = Sanity(recognizer=None)
    assert metric.needs == ("levels",)
    assert "looped" not in metric.directions
    assert "looped" not in metric.values(metric.components([trial("no no no no no no")]))


def test_shares_are_shares() -> None:
    with pytest.raises(UsageError, match="max_silent is 80"):
        Sanity(max_silent=80.0)


def test_human_speech_is_sane(speech_pack: Path) -> None:
    with (speech_pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == "eval" and r["transcript"]]
    chosen = [row for row in rows if row["language"] not in ("ar",)][::3]  # ar: words apart
    metric = Sanity(recognizer=None)
    outputs = Levels().measure([Clip(speech_pack / row["path"]) for row in chosen])
    trials = [
        Evidence(
            said(row["transcript"], row["language"]), 1.0, Timings(), {"levels": only(iter([o]))}
        )
        for row, o in zip(chosen, outputs, strict=True)
    ]
    assert len(trials) > 20
    assert metric.values(metric.components(trials))["rate_impossible"] == 0.0
