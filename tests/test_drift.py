"""Drift within a take, window by window, and how a blend stands to its parents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.instruments.speaker_windows import SpeakerWindows, cut
from xtts_lab.metrics.blend import Blend
from xtts_lab.metrics.drift import Drift, slope
from xtts_lab.metrics.speed import Speed
from xtts_lab.types import Audio, Clip, Evidence, Failure, Timings, Utterance


def at(angle: float) -> list[float]:
    """A voice at an angle, in degrees, on a circle."""
    return [math.cos(math.radians(angle)), math.sin(math.radians(angle))]


def evidence(outputs: dict[str, Any], speaker: str = "a", clips: int = 1) -> Evidence:
    held = tuple(Path(f"{i}.wav") for i in range(clips))
    said = Utterance("u", "Hello.", "en", speaker, enrolment=held)
    return Evidence(said, 1.0, Timings(), outputs)


def take(angles: Sequence[float], every_s: float, encoder: str = "resemblyzer") -> Evidence:
    windows = [
        {"embedding": at(angle), "speech_s": every_s * (i + 0.5)} for i, angle in enumerate(angles)
    ]
    return evidence(
        {
            "speaker_windows": {"encoder": encoder, "windows": windows},
            "resemblyzer:enrolment": [{"embedding": at(0.0)}],
        }
    )


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=20), st.floats(0.5, 9.0))
def test_the_slope_is_that_of_least_squares(values: list[float], every: float) -> None:
    times = [every * i for i in range(len(values))]
    assert slope(times, values) == pytest.approx(np.polyfit(times, values, 1)[0], abs=1e-9)


def test_a_voice_that_leaves_has_a_slope_below_zero_and_one_that_stays_has_none() -> None:
    metric = Drift()
    stays = metric.values(metric.components([take([20, 20, 20, 20], 5.0)]))
    assert stays["slope"] == pytest.approx(0.0, abs=1e-12)
    assert stays["first"] == stays["last"] == pytest.approx(math.cos(math.radians(20)))
    leaves = metric.values(metric.components([take([0, 30, 60], 5.0)]))
    # From 1 to a half in 10 s of speech between the middles of the first and the last window.
    assert leaves["slope"] == pytest.approx(-0.5)
    assert (leaves["first"], leaves["worst"]) == (1.0, pytest.approx(0.5))


def test_takes_are_averaged_and_short_ones_left_out() -> None:
    metric = Drift()
    both = metric.components([take([0, 30, 60], 5.0), take([0, 0, 0], 5.0), take([0, 90], 5.0)])
    assert both["takes"] == 2.0
    assert metric.values(both)["slope"] == pytest.approx(-0.25)
    assert metric.components([take([0, 90], 5.0)]) == {}
    assert metric.values({}) == {}


def test_windows_of_another_encoder_are_refused() -> None:
    with pytest.raises(UsageError, match="cuts for the encoder 'ecapa'"):
        Drift().components([take([0, 0, 0], 5.0, "ecapa")])


class Loudness:
    """An encoder for tests: a clip's level is its voice."""

    uses_language = False
    identity: ClassVar[dict[str, int]] = {"version": 1}

    def __init__(self) -> None:
        self.heard_s: list[float] = []

    def measure(self, clips: Sequence[Clip]) -> Iterator[Any]:
        for clip in clips:
            heard = audio.load(clip.path)
            self.heard_s.append(heard.duration_s)
            level = round(float(heard.samples.abs().max()), 1)
            silent = Failure(f"{clip.path.name}: silent")
            yield silent if level == 0 else {"embedding": [level], "speech_s": 1.0}


def test_each_window_is_embedded_and_silent_ones_are_left_out(tmp_path: Path) -> None:
    samples = torch.cat([torch.full((16_000,), level) for level in (0.1, 0.0, 0.3, 0.4)])
    path = tmp_path / "take.wav"
    audio.save(path, Audio(samples[:-10_000], 16_000))
    windows = SpeakerWindows(window_s=1.0)
    windows.__dict__["_encoder"] = encoder = Loudness()
    (found,) = windows.measure([Clip(path)])
    assert not isinstance(found, Failure)
    # The last 0.375 s are under half a window.
    assert encoder.heard_s == [1.0, 1.0, 1.0]
    assert [w["embedding"] for w in found["windows"]] == [[0.1], [0.3]]  # type: ignore
    assert [w["speech_s"] for w in found["windows"]] == [0.5, 1.5]  # type: ignore
    audio.save(path, Audio(torch.zeros(16_000), 16_000))
    (nothing,) = windows.measure([Clip(path)])
    assert isinstance(nothing, Failure)
    assert "finds no voice" in nothing.error


def test_a_clip_of_less_than_a_window_is_one() -> None:
    short = Audio(torch.zeros(100), 16_000)
    assert [len(part.samples) for part in cut(short, 5.0)] == [100]


def test_what_windows_cannot_be() -> None:
    with pytest.raises(UsageError, match="window_s must be 1 to 60"):
        SpeakerWindows(window_s=0.1)
    with pytest.raises(UsageError, match="another instrument"):
        SpeakerWindows(encoder="speaker_windows")


def blended(own: float, first: float, second: float) -> dict[str, float]:
    metric = Blend()
    outputs = {
        "resemblyzer": {"embedding": at(own)},
        "resemblyzer:enrolment": [{"embedding": at(angle)} for angle in (first, second)],
    }
    return dict(metric.values(metric.components([evidence(outputs, "a+b", 2)])))


def test_a_voice_half_way_is_between_its_parents() -> None:
    half = blended(50, 0, 100)
    assert half["between"] == 1.0
    assert half["nearer"] == pytest.approx(half["farther"])
    assert half["apart"] == 1.0  # cos 50 is .64, below Resemblyzer's .70
    assert half["parents"] == pytest.approx(math.cos(math.radians(100)))
    own = blended(0, 0, 100)
    assert (own["between"], own["apart"], own["first"]) == (0.0, 0.0, 1.0)
    assert blended(200, 0, 100)["between"] == 0.0  # away from both


def test_a_blend_needs_two_parents() -> None:
    one = evidence({}, "a", 2).utterance
    odd = evidence({}, "a+b", 3).utterance
    assert not Blend().applies(one)
    assert not Blend().applies(odd)
    assert Blend().applies(evidence({}, "a+b", 4).utterance)
    with pytest.raises(UsageError, match="same_from"):
        Blend(same_from=2.0)


def test_speed_is_without_cloning_and_absent_where_nothing_was_timed() -> None:
    metric = Speed()
    said = evidence({}).utterance
    timed = [
        Evidence(said, 2.0, Timings(condition_ms=100.0, total_ms=1100.0), {}),
        Evidence(said, 4.0, Timings(total_ms=2000.0), {}),
    ]
    found = metric.values(metric.components(timed))
    assert found == {"utterance_ms": 1500.0, "rtf": 0.5}
    assert metric.components([evidence({})]) == {}
