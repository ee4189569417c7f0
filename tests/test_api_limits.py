"""What the public interface refuses in one line: numbers that cannot be, silence, lost values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from tests.test_vocoders import CodeTable
from tests.xtts_fixtures import write_voice
from xtts_lab import XTTS
from xtts_lab.audio import AudioError
from xtts_lab.errors import UsageError
from xtts_lab.model import CloningDefaults
from xtts_lab.types import Reference, Request

HELLO: dict[str, Any] = {"language": "en", "voice": "one"}


@pytest.fixture(scope="module")
def model() -> XTTS:
    return XTTS.from_pretrained("random-tiny", device="cpu")


@pytest.fixture(scope="module")
def by_codes() -> XTTS:
    """With a vocoder that reads codes."""
    model = XTTS.from_pretrained("random-tiny", device="cpu")
    model.model.vocoder = CodeTable().eval()
    return model


BAD = [
    *(("speed", value) for value in (math.nan, math.inf, -math.inf, 0, 0.0, -1, -0.5, 100, 1e9)),
    *(("speed", value) for value in ("fast", None, 0.01)),
    *(("max_codes", value) for value in (-1, 0, 2.5, math.nan, math.inf, "3")),
    *(("seed", value) for value in (2**70, -(2**70), 2**64, 1.5, math.nan, "7")),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_number_that_cannot_be_is_refused(model: XTTS, name: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"^{name}: .* must be ") as synthesised:
        model.synthesise("Hello.", **HELLO, **{name: value})
    with pytest.raises(UsageError) as streamed:
        model.stream("Hello.", **HELLO, **{name: value})
    assert str(streamed.value) == str(synthesised.value)
    assert "\n" not in str(streamed.value)


@pytest.mark.parametrize("value", [0, -1, -20, 0.5, math.nan, math.inf, "4"])
def test_chunks_without_codes_are_refused(model: XTTS, value: Any) -> None:
    with pytest.raises(UsageError, match=r"^chunk_codes: "):
        model.stream("Hello.", **HELLO, chunk_codes=value)


@pytest.mark.parametrize("seed", [0, 2**32, 2**63, 2**64 - 1, -1, np.int64(7)])
def test_any_seed_that_torch_takes_will_do(model: XTTS, seed: int) -> None:
    assert model.synthesise("Hello.", **HELLO, seed=seed, max_codes=3).samples.shape[0] > 0


@pytest.mark.parametrize("speed", [2.0, 0.5, 1.01])
def test_codes_have_one_speed(by_codes: XTTS, speed: float) -> None:
    said: dict[str, Any] = {**HELLO, "max_codes": 8}
    for call in (by_codes.synthesise, by_codes.stream):
        with pytest.raises(UsageError, match=r"^speed: the vocoder '\w+' reads codes"):
            call("Hello.", **said, speed=speed)
    whole = by_codes.synthesise("Hello.", **said, speed=1.0)
    joined = torch.cat([c.samples for c in by_codes.stream("Hello.", **said, chunk_codes=3)])
    torch.testing.assert_close(joined, whole.samples, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("speed", [0.3, 0.99, 1.5, 10.0])
def test_a_stream_at_a_speed_is_the_synthesis(model: XTTS, speed: float) -> None:
    said: dict[str, Any] = {**HELLO, "max_codes": 12, "speed": speed}
    whole = model.synthesise("Hello there.", **said)
    joined = torch.cat([c.samples for c in model.stream("Hello there.", **said, chunk_codes=2)])
    torch.testing.assert_close(joined, whole.samples, rtol=0.0, atol=1e-4)


def test_nothing_asked_for_is_nothing(model: XTTS) -> None:
    assert model.synthesise_batch([]) == []
    assert model.synthesise_batch((), voice="one") == []


@pytest.mark.parametrize("part", ["gpt", "conditioner", "vocoder", "head", "one code", "inf"])
def test_lost_values_are_refused_and_never_heard(part: str, tmp_path: Path) -> None:
    model = XTTS.from_pretrained("random-tiny", device="cpu")
    damaged = {
        "gpt": model.model.gpt.blocks[0].mlp.up.weight,
        "conditioner": model.model.conditioner.encoder.input.weight,
        "vocoder": model.model.vocoder.generator.input.weight,
        "head": model.model.gpt.audio_head.weight,
        "one code": model.model.gpt.audio_head.weight[3],
        "inf": model.model.gpt.text_embedding.weight,
    }[part]
    with torch.no_grad():
        damaged.fill_(math.inf if part == "inf" else math.nan)
    request = Request("Hello.", "en", (Reference(write_voice(tmp_path / "v.wav", 2.0)),), 1)
    with pytest.raises(UsageError, match=r"not finite: its weights or the voice"):
        model.synthesise_batch([request], max_codes=6)
    voice = model.clone_voice([r.audio for r in request.references])
    with pytest.raises(UsageError, match=r"not finite: its weights or the voice"):
        list(model.stream("Hello.", language="en", voice=voice, max_codes=6))


@pytest.mark.parametrize("field", ["chunk_s", "window_s", "min_chunk_s"])
@pytest.mark.parametrize("seconds", [0.0, -1.0, -4.0, math.nan, 1e-6, 0.1])
def test_chunks_of_no_length_are_refused(field: str, seconds: float) -> None:
    if field == "min_chunk_s" and seconds > 0:
        return
    with pytest.raises(UsageError, match=rf"^{field}: must be "):
        CloningDefaults(**{field: seconds})


@pytest.mark.parametrize(
    "conditioner",
    [
        {"name": "tortoise", "clip_s": -1.0},
        {"name": "tortoise", "clip_s": 0.0},
        {"name": "tortoise", "clip_s": 0.01},
        {"name": "perceiver", "pooling": "concatenate", "max_s": 0.0},
        {"name": "perceiver", "pooling": "concatenate", "max_s": -3.0},
        {"name": "code_prompt", "max_s": -1.0},
        {"name": "valle", "max_s": -1.0},
    ],
)
def test_parts_that_hear_nothing_are_refused(conditioner: dict[str, Any], tmp_path: Path) -> None:
    clip = write_voice(tmp_path / "v.wav", 2.0)

    def cloned() -> None:
        model = XTTS.from_pretrained("random-tiny", device="cpu", conditioner=conditioner)
        model.clone_voice([Reference(clip, "Hello.", "en")])

    with pytest.raises(UsageError):
        cloned()


def test_a_reference_that_is_not_there_is_named(model: XTTS, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"^absent\.wav: .* \(no such file, or no right"):
        model.clone_voice([tmp_path / "absent.wav"])
    with pytest.raises(AudioError, match=r"\(it is a folder\)"):
        model.clone_voice([tmp_path])
    with pytest.raises(AudioError, match=r"\(file name too long\)"):
        model.clone_voice([tmp_path / ("x" * 300)])
    with pytest.raises(AudioError, match=r"\(it is no regular file\)"):
        model.clone_voice([Path("/dev/zero")])
    (tmp_path / "page.wav").write_text("<html>not found</html>")
    with pytest.raises(AudioError, match=r"^page\.wav: cannot be read as audio \(Format not rec"):
        model.clone_voice([tmp_path / "page.wav"])


def test_a_replaced_file_is_another_voice(model: XTTS, tmp_path: Path) -> None:
    path = write_voice(tmp_path / "a.wav", 2.0, seed=1)
    request = Request("Hello.", "en", (Reference(path),), 1)

    def said() -> torch.Tensor:
        return model.synthesise_batch([request], max_codes=6)[0].audio.samples

    first = said()
    assert torch.equal(said(), first)
    write_voice(path, 2.0, seed=2)
    second = said()
    assert not torch.equal(second, first)
    write_voice(path, 2.0, seed=1)
    assert torch.equal(said(), first)
    copied = Request("Hello.", "en", (Reference(write_voice(tmp_path / "b.wav", 2.0, seed=2)),), 1)
    same = model.synthesise_batch([copied], max_codes=6)[0]
    assert torch.equal(same.audio.samples, second)
    assert same.timings.condition_ms is None  # known already, under another name


def test_times_are_a_requests_own_or_absent(model: XTTS, tmp_path: Path) -> None:
    clips = [write_voice(tmp_path / f"{i}.wav", 1.0 + i, seed=70 + i) for i in range(3)]
    requests = [Request("Hello.", "en", (Reference(clip),), 1) for clip in (*clips, clips[0])]
    together = [r.timings for r in model.synthesise_batch(requests, max_codes=4)]
    assert [t.total_ms for t in together] == [None] * 4
    assert [t.condition_ms is None for t in together] == [False, False, False, True]
    assert len({t.condition_ms for t in together}) == 4
    alone = model.synthesise_batch([requests[1]], max_codes=4)[0].timings
    assert alone.condition_ms is None
    assert alone.total_ms is not None
    assert alone.total_ms > 0


def silence(path: Path, kind: str, seconds: float = 3.0, rate: int = 22050) -> Path:
    random = np.random.default_rng(0)
    count = int(seconds * rate)
    mono = {
        "zeros": np.zeros(count),
        "quiet": 1e-5 * random.standard_normal(count).clip(-1, 1),
        "dither": random.integers(-1, 2, count) / 32768,
        "constant": np.full(count, 0.25),
    }
    if kind == "antiphase":
        left = 0.3 * random.standard_normal(count)
        samples = np.stack([left, -left], axis=1)
    else:
        samples = mono[kind]
    soundfile.write(path, samples.astype(np.float32), rate, subtype="FLOAT", format="WAV")
    return path


SILENCES = ["zeros", "antiphase", "quiet", "dither", "constant"]


@pytest.mark.parametrize("kind", SILENCES)
@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize("peak", [False, True])
def test_silence_alone_is_refused(
    model: XTTS, tmp_path: Path, kind: str, compat: bool, peak: bool
) -> None:
    path = silence(tmp_path / "silent.wav", kind)
    as_coqui = XTTS(model.checkpoint, "cpu", coqui_compat=compat)
    with pytest.raises(UsageError, match=r"silent\.wav: is silent \(nothing above -80 dBFS\)"):
        as_coqui.clone_voice([path, path], cloning=CloningDefaults(normalise_peak=peak))


@pytest.mark.parametrize("kind", SILENCES)
@pytest.mark.parametrize("peak", [False, True])
def test_silence_beside_others_is_left_out_and_named(
    model: XTTS, tmp_path: Path, kind: str, peak: bool
) -> None:
    spoken = write_voice(tmp_path / "spoken.wav", 5.0)
    silent = silence(tmp_path / "silent.wav", kind)
    cloning = CloningDefaults(normalise_peak=peak)
    alone = model.clone_voice([spoken], cloning=cloning)
    for order in ([spoken, silent], [silent, spoken, silent]):
        with pytest.warns(UserWarning, match=r"silent\.wav: is silent .*; left out"):
            voice = model.clone_voice(order, cloning=cloning)
        assert torch.equal(voice.prefix, alone.prefix)
        assert torch.equal(voice.embedding, alone.embedding)
        assert voice.reference_s == alone.reference_s
    request = Request("Hello.", "en", (Reference(silent), Reference(spoken)), 1)
    (said,) = model.synthesise_batch([request], max_codes=3)
    assert str(said.details["references_left_out"]).startswith("silent.wav: is silent")


def test_silence_does_not_weigh_in_a_mean(model: XTTS, tmp_path: Path) -> None:
    """12 s of speech and a minute of nothing are 12 s of speech, wherever the nothing stands."""
    spoken, rate = soundfile.read(write_voice(tmp_path / "spoken.wav", 12.0))
    alone = model.clone_voice([tmp_path / "spoken.wav"])
    nothing = np.zeros(60 * rate)
    for name, samples in {"after": (spoken, nothing), "before": (nothing, spoken)}.items():
        soundfile.write(tmp_path / f"{name}.wav", np.concatenate(samples), rate)
        voice = model.clone_voice([tmp_path / f"{name}.wav"])
        assert voice.reference_s == pytest.approx(12.0, abs=0.05)
        torch.testing.assert_close(voice.prefix, alone.prefix, rtol=0, atol=1e-4)
    soundfile.write(tmp_path / "partly.wav", np.concatenate([spoken[: 6 * rate], nothing]), rate)
    assert model.clone_voice([tmp_path / "partly.wav"]).reference_s == pytest.approx(6.0, abs=0.11)


def test_short_recordings_beside_others_are_named(model: XTTS, tmp_path: Path) -> None:
    spoken, short = write_voice(tmp_path / "a.wav", 3.0), write_voice(tmp_path / "short.wav", 0.2)
    with pytest.warns(UserWarning, match=r"short\.wav: nothing is as long as 0\.33 s; left out"):
        voice = model.clone_voice([short, spoken])
    assert torch.equal(voice.prefix, model.clone_voice([spoken]).prefix)
