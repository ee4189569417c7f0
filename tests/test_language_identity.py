"""Is speech heard as the language that was asked for? Said by the recogniser at work anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_recognition import brief as brief  # a fixture
from tests.test_recognition import clips as clips
from tests.test_recognition import needs_base
from xtts_lab.experiment.construction import content_of
from xtts_lab.instruments.whisper.recogniser import Whisper
from xtts_lab.metrics.language_identity import LanguageIdentity
from xtts_lab.types import Clip, Evidence, Json, Timings, Utterance


def evidence(language: str, output: dict[str, Json]) -> Evidence:
    said = Utterance("u", "Guten Morgen.", language, "s")
    return Evidence(said, 1.0, Timings(), {"whisper": output}, 0)


def test_probability_and_share_are_those_of_the_language_that_was_asked_for() -> None:
    metric = LanguageIdentity()
    heard = [
        metric.components([evidence("zh-cn", {"languages": {"zh": 0.9, "en": 0.1}})]),
        metric.components([evidence("de", {"languages": {"nl": 0.7, "de": 0.2}})]),
        metric.components([evidence("de", {"languages": {"en": 1.0}})]),
    ]
    sums = {name: sum(one[name] for one in heard) for name in heard[0]}
    assert metric.values(sums) == {
        "probability": pytest.approx((0.9 + 0.2 + 0.0) / 3), "likeliest": pytest.approx(1 / 3),
    }  # fmt: skip
    assert metric.components([]) == {}


def test_a_recogniser_that_was_not_asked_is_named_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"detect_language: true under instruments\.whisper"):
        LanguageIdentity().components([evidence("de", {"text": "guten morgen"})])


@needs_base
def test_whisper_says_the_language_beside_the_text(clips: list[Clip], brief: Path) -> None:
    plain, found = [], []
    for model, some in (("base", clips[:2]), (str(brief), clips[2:3])):  # Spanish, English; noise
        plain += Whisper(model=model, device="cpu").measure(some)
        found += Whisper(model=model, device="cpu", detect_language=True).measure(some)
    for one, other in zip(plain, found, strict=True):
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        assert {**one, "languages": other["languages"]} == other  # nothing else changes
        values = list(other["languages"].values())
        assert values == sorted(values, reverse=True)
        assert len(values) == 5
    first = [next(iter(output["languages"])) for output in found[:2] if isinstance(output, dict)]
    assert first == ["es", "en"]


def test_a_clip_over_one_window_is_known_by_its_beginning(tmp_path: Path, brief: Path) -> None:
    import torch

    from xtts_lab import audio
    from xtts_lab.types import Audio

    audio.save(tmp_path / "long.wav", Audio(torch.zeros(16_000 * 31), 16_000))
    judge = Whisper(model=str(brief), device="cpu", detect_language=True)
    (output,) = judge.measure([Clip(tmp_path / "long.wav")])
    assert isinstance(output, dict)
    assert len(output["languages"]) == 5


@needs_base
def test_the_setting_enters_the_key_only_where_it_changes_the_output() -> None:
    spec = {"name": "whisper", "model": "base", "beam_size": 1, "device": "cpu"}
    before = content_of(Whisper(device="cpu"), spec, "cpu").key
    off = content_of(Whisper(device="cpu"), {**spec, "detect_language": False}, "cpu").key
    made = Whisper(device="cpu", detect_language=True)
    on = content_of(made, {**spec, "detect_language": True}, "cpu").key
    assert off == before
    assert on != before
