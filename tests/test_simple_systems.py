"""espeak, recordings and null on the bench."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from xtts_lab.audio import save
from xtts_lab.errors import UsageError
from xtts_lab.registry import lookup
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.systems.null import NullSystem
from xtts_lab.systems.recordings import RecordingsSystem
from xtts_lab.types import LANGUAGES, Audio, Failure, Reference, Request, StreamingSystem, Synthesis


def request(text="Good morning.", language="en", references=(), seed=0, target=None) -> Request:
    return Request(text, language, tuple(references), seed, target)


@pytest.fixture(scope="module")
def espeak():
    system = EspeakSystem()
    yield system
    system.close()


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    seconds = torch.arange(16_000) / 16_000
    save(path, Audio(0.5 * torch.sin(2 * torch.pi * 440 * seconds), 16_000))
    return path


@pytest.mark.parametrize("name", ["espeak", "recordings", "null"])
def test_systems_keep_the_protocol(name):
    system = lookup("systems", name)()
    assert system.languages == frozenset(LANGUAGES)
    assert system.sample_rate > 0
    assert dict(system.identity) == dict(lookup("systems", name)().identity)
    assert list(system.synthesise([])) == []


def test_espeak_results_come_in_order_and_do_not_depend_on_it(espeak):
    requests = [request(text) for text in ("One.", "Two and three.", "", "Four.")]
    forward = list(espeak.synthesise(requests))
    backward = list(espeak.synthesise(requests[::-1]))[::-1]
    assert isinstance(forward[2], Failure)
    for one, other in zip(forward, backward, strict=True):
        if isinstance(one, Synthesis):
            assert torch.equal(one.audio.samples, other.audio.samples)
        else:
            assert one == other


def test_espeak_audio_and_timings(espeak):
    (result,) = espeak.synthesise([request()])
    assert result.audio.sample_rate == espeak.sample_rate == 22_050
    assert result.audio.samples.dtype == torch.float32
    assert 0.01 < result.audio.samples.abs().max() <= 1
    assert 0 < result.timings.first_audio_ms <= result.timings.total_ms
    assert result.timings.condition_ms >= 0


def test_espeak_streams_what_it_synthesises(espeak):
    assert isinstance(espeak, StreamingSystem)
    said = request("A rather longer sentence, which arrives in several chunks.")
    chunks = list(espeak.stream(said, espeak.prepare(said.references)))
    assert len(chunks) > 10
    (whole,) = espeak.synthesise([said])
    assert torch.equal(torch.cat([chunk.samples for chunk in chunks]), whole.audio.samples)


def test_espeak_ignores_the_seed_and_real_references(espeak, tone):
    (plain,) = espeak.synthesise([request()])
    (seeded,) = espeak.synthesise([request(seed=9)])
    (referred,) = espeak.synthesise([request(references=[Reference(tone)])])
    assert torch.equal(plain.audio.samples, seeded.audio.samples)
    assert torch.equal(plain.audio.samples, referred.audio.samples)


def test_espeak_speaks_faster_when_told(espeak):
    (normal,) = espeak.synthesise([request()])
    (fast,) = EspeakSystem(speed_wpm=330).synthesise([request()])
    assert fast.audio.duration_s < 0.75 * normal.audio.duration_s


def test_espeak_failures_are_one_line_without_paths(espeak, tmp_path):
    missing = Reference(tmp_path / "absent.wav")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF nothing")
    requests = [
        request(language="hi"),
        request(text=" "),
        request(references=[missing]),
        request(references=[Reference(broken)]),
    ]
    failures = list(espeak.synthesise(requests))
    assert all(isinstance(failure, Failure) for failure in failures)
    assert [failure.error.split(";")[0] for failure in failures] == [
        "espeak: unknown language 'hi'",
        "espeak: there is nothing to say in ' '",
        "espeak: absent.wav: cannot be read as audio (no such file, or no right to read it)",
        "espeak: broken.wav: cannot be read as audio (Format not recognised)",
    ]


@pytest.mark.parametrize("options", [{"speaker": "me"}, {"speed_wpm": 20}, {"speed_wpm": 1000}])
def test_espeak_refuses_what_cannot_be(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        EspeakSystem(**options)


def test_recordings_returns_the_target_at_its_rate(tone):
    (result,) = RecordingsSystem().synthesise([request(target=tone)])
    assert result.audio.sample_rate == 24_000
    assert result.audio.samples.shape == (24_000,)
    spectrum = torch.fft.rfft(result.audio.samples).abs()
    assert int(spectrum.argmax()) == 440  # one second: bins are Hz
    assert abs(float(result.audio.samples.pow(2).mean().sqrt()) - 0.5 / 2**0.5) < 0.01


def test_recordings_reads_opus_and_leaves_24_khz_alone(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 24_000).astype(np.float32)
    soundfile.write(tmp_path / "a.opus", noise, 24_000, format="OGG", subtype="OPUS")
    soundfile.write(tmp_path / "a.wav", noise, 24_000, subtype="FLOAT")
    targets = [tmp_path / "a.opus", tmp_path / "a.wav"]
    opus, wav = RecordingsSystem().synthesise([request(target=target) for target in targets])
    assert opus.audio.sample_rate == 24_000
    assert abs(opus.audio.duration_s - 1) < 0.02
    assert np.array_equal(wav.audio.samples.numpy(), noise)


def test_recordings_without_a_recording_fail(tmp_path):
    absent, none = RecordingsSystem().synthesise(
        [request(target=tmp_path / "absent.wav"), request("Nobody read this.")]
    )
    assert absent.error.startswith("absent.wav: ")
    assert str(tmp_path) not in absent.error
    assert none == Failure("no natural recording of this text: 'Nobody read this.'")


def test_null_audio_depends_on_text_language_and_seed_alone():
    system = NullSystem()
    requests = [request(), request(seed=1), request("Good evening."), request(language="de")]
    results = [result.audio.samples for result in system.synthesise(requests)]
    again = [result.audio.samples for result in system.synthesise(requests[::-1])][::-1]
    for index, samples in enumerate(results):
        assert samples.shape == (400,)
        assert torch.equal(samples, again[index])
        assert not any(torch.equal(samples, other) for other in results[:index])
        assert 1e-4 < samples.abs().max() <= 1e-3
        assert abs(float(samples.mean())) < 1e-4


def test_null_shape_and_refusals():
    (result,) = NullSystem(sample_rate=16_000, duration_s=0.25).synthesise([request()])
    assert (result.audio.sample_rate, len(result.audio.samples)) == (16_000, 4_000)
    for options in ({"duration_s": 0.0}, {"sample_rate": -1}, {"fail_every": -1}):
        with pytest.raises(UsageError, match="null"):
            NullSystem(**options)


def test_null_fails_and_crashes_when_told():
    results = list(NullSystem(fail_every=3).synthesise([request(seed=s) for s in range(1, 7)]))
    assert [isinstance(result, Failure) for result in results] == [False, False, True] * 2
    crashing = NullSystem(crash_every=2).synthesise([request(seed=1), request(seed=2)])
    assert isinstance(next(crashing), Synthesis)
    with pytest.raises(RuntimeError, match="crash at seed 2"):
        next(crashing)
