"""Pitch, contours and distances: closed forms, WORLD, librosa, and what must not change them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.instruments import cepstrum, contour, f0
from xtts_lab.instruments.contour import Contour
from xtts_lab.instruments.frames import levels_dbfs, speech_span
from xtts_lab.instruments.pitch import Pitch
from xtts_lab.metrics import alignment, target_distance
from xtts_lab.metrics.prosody import Prosody
from xtts_lab.metrics.target_distance import MCD_DB, TargetDistance, Track, compare, unpack
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import Audio, Clip, Evidence, Failure, Request, Synthesis, Timings, Utterance

RATE = 16_000
TEXT = "We saw the river this morning."


def only(results: Iterator[Any]) -> dict[str, Any]:
    (result,) = results
    assert isinstance(result, dict), result
    return result


def vowel(hertz: Any, formants: tuple[float, ...] = (700.0, 1200.0, 2600.0)) -> Any:
    """Return a glottal pulse train of the given F0 per sample, through resonances."""
    phase = np.cumsum(np.asarray(hertz) / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    # A pulse falls between samples: its share goes to both, so that F0 is not rounded.
    at = np.nonzero(pulses)[0]
    late = (phase[at] % 1.0) / (np.asarray(hertz)[at] / RATE)
    sound = np.zeros(len(phase) + 1)
    sound[at] += late
    sound[at + 1] += 1.0 - late
    sound = scipy.signal.lfilter([1.0], [1.0, -0.98], sound[:-1])
    for centre in formants:
        radius = np.exp(-np.pi * 80.0 / RATE)
        poles = [1.0, -2.0 * radius * np.cos(2.0 * np.pi * centre / RATE), radius**2]
        sound = scipy.signal.lfilter([1.0], poles, sound)
    sound = sound - sound.mean()
    return 0.5 * sound / np.abs(sound).max()


def saved(path: Path, samples: Any, rate: int = RATE) -> Clip:
    """Write 32-bit floats, so that a gain loses nothing."""
    soundfile.write(str(path), np.asarray(samples), rate, subtype="FLOAT")
    return Clip(path)


@pytest.fixture(scope="module")
def spoken() -> Audio:
    """espeak-ng's reading of a sentence at 16 kHz."""
    (made,) = EspeakSystem().synthesise([Request(TEXT, "en", (), 0)])
    assert isinstance(made, Synthesis)
    return audio.resample(made.audio, RATE)


def test_levels_of_a_tone_are_its_rms() -> None:
    time = np.arange(RATE) / RATE
    levels = levels_dbfs(0.1 * np.sin(2 * np.pi * 400.0 * time), RATE)
    assert len(levels) == 101
    np.testing.assert_allclose(levels[2:-2], -20.0 - 10.0 * np.log10(2.0), atol=1e-6)
    assert levels_dbfs(np.zeros(1), RATE).tolist() == [-120.0]
    assert speech_span(levels_dbfs(np.zeros(RATE), RATE)) is None


@pytest.mark.parametrize("hertz", [70.0, 123.4, 200.0, 333.3, 500.0])
def test_f0_of_a_pure_tone_is_its_frequency(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(RATE // 2) / RATE)
    found = f0.track(tone)
    assert len(found) == 51
    inside = found[5:-8]
    assert np.isfinite(inside).all()
    np.testing.assert_allclose(inside, hertz, rtol=1e-3)


def test_f0_follows_a_glide() -> None:
    hertz = np.geomspace(110.0, 220.0, RATE)  # an octave in a second
    found = f0.track(vowel(hertz))
    centres = hertz[np.minimum(np.arange(len(found)) * 160, RATE - 1)]
    voiced = np.isfinite(found)
    assert voiced[5:-8].all()
    errors = f0.semitones(found)[voiced] - f0.semitones(centres)[voiced]
    assert np.abs(errors[5:-8]).max() < 0.1  # what the octave moves in 8 ms


def test_f0_agrees_with_world() -> None:
    pyworld = pytest.importorskip("pyworld", reason="needs pyworld", exc_type=ImportError)
    for hertz in (95.0, 140.0, 230.0):
        sound = vowel(np.full(RATE, hertz))
        theirs, _ = pyworld.harvest(sound, RATE, 60.0, 600.0, frame_period=10.0)
        ours = np.nanmedian(f0.track(sound))
        assert ours == pytest.approx(float(np.median(theirs[theirs > 0.0])), rel=1e-3)
        assert ours == pytest.approx(hertz, rel=1e-3)


def test_f0_of_speech_agrees_with_world(spoken: Audio) -> None:
    pyworld = pytest.importorskip("pyworld", reason="needs pyworld", exc_type=ImportError)
    sound = spoken.samples.numpy().astype(np.float64)
    coarse, times = pyworld.harvest(sound, RATE, 60.0, 600.0, frame_period=10.0)
    theirs = pyworld.stonemask(sound, coarse, times, RATE)
    ours = f0.track(sound)[: len(theirs)]
    both = np.isfinite(ours) & (theirs[: len(ours)] > 0.0)
    assert both.mean() > 0.4
    differences = np.abs(f0.semitones(ours[both]) - f0.semitones(theirs[: len(ours)][both]))
    assert np.median(differences) < 0.15  # windows differ, and the pitch moves
    assert np.median(ours[both]) == pytest.approx(np.median(theirs[: len(ours)][both]), rel=1e-2)


def test_noise_and_silence_have_no_pitch(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=RATE) * 0.1
    assert np.isfinite(f0.track(noise)).mean() < 0.1
    clips = [saved(tmp_path / "noise.wav", noise), saved(tmp_path / "zeros.wav", np.zeros(RATE))]
    found, silent = Pitch().measure(clips)
    assert isinstance(found, dict)
    assert found["voiced"] < 0.1
    assert isinstance(silent, Failure)
    assert silent.error == "zeros.wav: silent, which has no prosody"


def test_pitch_statistics_of_a_known_melody(tmp_path: Path) -> None:
    # Half at 100 Hz, half a fifth higher: the SD is half the interval, the median at either end.
    hertz = np.concatenate([np.full(RATE, 100.0), np.full(RATE, 100.0 * 2.0 ** (7 / 12))])
    found = only(Pitch().measure([saved(tmp_path / "fifth.wav", vowel(hertz))]))
    assert found["f0_sd_semitones"] == pytest.approx(3.5, abs=0.1)
    assert found["voiced"] > 0.95
    assert found["speech_s"] == pytest.approx(2.0, abs=0.03)
    flat = only(Pitch().measure([saved(tmp_path / "flat.wav", vowel(np.full(RATE, 150.0)))]))
    assert flat["f0_median_hz"] == pytest.approx(150.0, rel=1e-3)
    assert flat["f0_median_semitones"] == pytest.approx(12 * np.log2(1.5), abs=0.02)
    assert flat["f0_sd_semitones"] < 0.05


def test_gain_and_padding_change_nothing_that_is_claimed(spoken: Audio, tmp_path: Path) -> None:
    samples = spoken.samples.numpy() / 2.0
    padded = np.concatenate([np.zeros(3200), samples, np.zeros(4800)])
    clips = [
        saved(tmp_path / "as_is.wav", samples),
        saved(tmp_path / "quiet.wav", 0.25 * samples),
        saved(tmp_path / "padded.wav", padded),
    ]
    as_is, *others = (only(iter([output])) for output in Pitch().measure(clips))
    for other in others:
        for name in ("f0_median_semitones", "f0_sd_semitones", "voiced", "energy_sd_db"):
            assert other[name] == pytest.approx(as_is[name], abs=0.01), name
        assert other["speech_s"] == pytest.approx(as_is["speech_s"], abs=0.011)
    assert others[0]["energy_mean_dbfs"] == pytest.approx(
        as_is["energy_mean_dbfs"] - 12.041, abs=0.005
    )
    tracks = [unpack(only(iter([output]))) for output in Contour().measure(clips)]
    for other in tracks[1:]:
        assert compare(tracks[0], other)["mcd"] < 0.01
        assert compare(tracks[0], other)["f0_rmse"] < 0.01


def test_a_range_that_cannot_be_tracked_is_refused() -> None:
    for low, high in ((10.0, 600.0), (300.0, 200.0), (60.0, 5000.0)):
        with pytest.raises(UsageError, match="cannot be tracked"):
            Pitch(min_hz=low, max_hz=high)


def test_mcd_is_librosas_mfcc_distance(spoken: Audio) -> None:
    import librosa

    samples = spoken.samples.numpy().astype(np.float64)
    noisy = samples + 0.01 * np.random.default_rng(1).normal(size=len(samples))
    ours = [cepstrum.mel_cepstra(x) for x in (samples, noisy)]
    theirs = []
    for x in (samples, noisy):
        mel = librosa.feature.melspectrogram(
            y=x, sr=RATE, n_fft=1024, win_length=400, hop_length=160, n_mels=80, pad_mode="constant"
        )
        decibels = librosa.power_to_db(mel, ref=1.0, amin=1e-30, top_db=cepstrum.RANGE_DB)
        theirs.append(librosa.feature.mfcc(S=decibels, n_mfcc=14)[1:].T)
    expected = np.linalg.norm(theirs[0] - theirs[1], axis=1) / np.sqrt(80)
    found = MCD_DB * np.linalg.norm(ours[0] - ours[1], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert expected.mean() > 1.0


@pytest.mark.parametrize("order", [1, 6, 13])
def test_mcd_of_a_ripple_is_its_rms_in_db(order: int) -> None:
    # A ripple of 3 dB over the mel axis differs by 3 / sqrt(2) dB, root mean square.
    cepstra = np.random.default_rng(order).normal(size=(40, 13))
    rippled = cepstra.copy()
    rippled[:, order - 1] += 3.0 * np.log(10.0) / 20.0
    paired = MCD_DB * np.linalg.norm(cepstra - rippled, axis=1)
    np.testing.assert_allclose(paired, 3.0 / np.sqrt(2.0), rtol=1e-9)


def test_a_contour_survives_its_packing(spoken: Audio, tmp_path: Path) -> None:
    clip = saved(tmp_path / "clip.wav", spoken.samples.numpy())
    output = only(Contour().measure([clip]))
    samples = audio.load(clip.path, RATE).samples.numpy()
    speech = speech_span(levels_dbfs(samples, RATE))
    found = unpack(output)
    assert output["frames"] == len(found.semitones) == len(found.cepstra)
    np.testing.assert_allclose(found.cepstra, cepstrum.mel_cepstra(samples)[speech], atol=1.3e-4)
    np.testing.assert_allclose(
        found.semitones, f0.semitones(f0.track(samples))[speech], atol=0.0051
    )
    shared = ("CEPSTRUM_STEP", "SEMITONE_STEP", "UNVOICED")
    assert [getattr(contour, n) for n in shared] == [getattr(target_distance, n) for n in shared]
    assert cepstrum.ORDER == target_distance.ORDER


arrays = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10_000))


@settings(deadline=None)  # librosa compiles at its first call
@given(arrays)
def test_warping_equals_librosas(sizes: tuple[int, int, int]) -> None:
    import librosa

    m, n, seed = sizes
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(m, 3)), generator.normal(size=(n, 3))
    cost = alignment.distances(a, b)
    np.testing.assert_allclose(cost, np.linalg.norm(a[:, None] - b[None], axis=2), atol=1e-6)
    path = alignment.warp(cost)
    total, _ = librosa.sequence.dtw(C=cost)
    assert cost[path[:, 0], path[:, 1]].sum() == pytest.approx(total[-1, -1], rel=1e-9)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [m - 1, n - 1]
    steps = {tuple(int(v) for v in later - earlier) for earlier, later in pairwise(path)}
    assert steps <= {(1, 1), (1, 0), (0, 1)}


def random_track(frames: int, seed: int) -> Track:
    generator = np.random.default_rng(seed)
    tones = np.cumsum(generator.normal(size=frames)) * 0.3
    tones[generator.random(frames) < 0.3] = np.nan
    return Track(generator.normal(size=(frames, 13)), tones)


@given(st.integers(20, 60), st.integers(0, 1000))
def test_speech_is_at_no_distance_from_itself(frames: int, seed: int) -> None:
    track = random_track(frames, seed)
    found = compare(track, track)
    assert found["mcd"] == 0.0
    if "f0_rmse" in found:
        assert found["f0_rmse"] == 0.0
        assert found["f0_correlation"] == pytest.approx(1.0)


@given(st.floats(-12.0, 12.0), st.integers(0, 1000))
def test_a_transposed_voice_is_that_far_and_correlates(shift: float, seed: int) -> None:
    track = random_track(60, seed)
    found = compare(track, Track(track.cepstra, track.semitones + shift))
    assert found["f0_rmse"] == pytest.approx(abs(shift), abs=1e-9)
    assert found["f0_correlation"] == pytest.approx(1.0)


def test_a_slower_reading_is_aligned() -> None:
    track = random_track(50, 3)
    slow = Track(np.repeat(track.cepstra, 2, axis=0), np.repeat(track.semitones, 2))
    assert compare(track, slow)["mcd"] == 0.0
    assert compare(track, slow)["f0_rmse"] == 0.0


def test_without_voice_in_both_only_the_spectra_are_compared() -> None:
    track = random_track(50, 3)
    whispered = Track(track.cepstra, np.full(50, np.nan))
    assert compare(track, whispered).keys() == {"mcd"}
    flat = Track(track.cepstra, np.zeros(50))
    assert compare(track, flat).keys() == {"mcd", "f0_rmse"}


def test_another_voice_is_further_than_noise_and_noise_than_nothing(
    spoken: Audio, tmp_path: Path
) -> None:
    samples = spoken.samples.numpy()
    noise = 0.003 * np.random.default_rng(0).normal(size=len(samples))
    (other,) = EspeakSystem().synthesise([Request("Seven green bottles.", "en", (), 0)])
    assert isinstance(other, Synthesis)
    clips = [
        saved(tmp_path / "clean.wav", samples),
        saved(tmp_path / "noisy.wav", samples + noise),
        saved(tmp_path / "noisier.wav", samples + 4.0 * noise),
        saved(tmp_path / "other.wav", audio.resample(other.audio, RATE).samples.numpy()),
    ]
    tracks = [unpack(only(iter([output]))) for output in Contour().measure(clips)]
    far = [compare(tracks[0], track)["mcd"] for track in tracks]
    assert far[0] == 0.0
    assert far[0] < far[1] < far[2] < far[3]


def evidence(outputs: dict[str, Any], text: str = TEXT, target: bool = True) -> Evidence:
    said = Utterance("u", text, "en", "s", target=Path("natural.wav") if target else None)
    return Evidence(said, 2.0, Timings(), outputs)


def test_prosody_by_hand() -> None:
    pitch = {
        "f0_median_hz": 200.0,
        "f0_median_semitones": 12.0,
        "f0_sd_semitones": 2.0,
        "voiced": 0.5,
        "energy_sd_db": 8.0,
        "speech_s": 2.0,
    }
    unvoiced = {**pitch, **dict.fromkeys([n for n in pitch if n.startswith("f0")]), "speech_s": 1.0}
    metric = Prosody()
    # "wesawtheriverthismorning" has 24 letters; without a known text there is no rate.
    trials = [evidence({"pitch": pitch}), evidence({"pitch": unvoiced}, text="")]
    assert metric.values(metric.components(trials)) == {
        "f0_median_hz": 200.0,
        "f0_median_semitones": 12.0,
        "f0_sd": 2.0,
        "voiced": 0.5,
        "energy_sd": 8.0,
        "rate": 12.0,
        "rate_sd": 0.0,
    }
    assert "rate" not in metric.values(metric.components(trials[1:]))
    slower = evidence({"pitch": {**pitch, "speech_s": 4.0}})
    assert metric.values(metric.components([trials[0], slower]))["rate_sd"] == pytest.approx(3.0)


def test_target_distance_needs_a_target_that_can_be_read(spoken: Audio, tmp_path: Path) -> None:
    metric = TargetDistance()
    output = only(Contour().measure([saved(tmp_path / "clip.wav", spoken.samples.numpy())]))
    assert metric.applies(evidence({}).utterance)
    assert not metric.applies(evidence({}, target=False).utterance)
    assert metric.components([evidence({"contour": output, "contour:target": []})]) == {}
    trial = evidence({"contour": output, "contour:target": [output]})
    assert metric.values(metric.components([trial, trial])) == {
        "mcd": 0.0,
        "f0_rmse": 0.0,
        "f0_correlation": pytest.approx(1.0),
    }
