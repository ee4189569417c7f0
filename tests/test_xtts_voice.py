"""Voices from references: exact in blocks, independent of order, flat in memory."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.xtts_fixtures import tiny_model, write_voice
from xtts_lab.audio import AudioError, load
from xtts_lab.conditioners.references import Chunker, StreamResampler
from xtts_lab.errors import UsageError
from xtts_lab.inference.voice import blend, clone
from xtts_lab.model import CloningDefaults
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Voice

SETTINGS = CloningDefaults(chunk_s=2.0, window_s=5.0)


@pytest.mark.parametrize(
    ("rate", "new_rate"),
    [(44100, 22050), (48000, 22050), (16000, 22050), (22050, 16000), (8000, 22050), (11025, 16000)],
)
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 4000), max_size=8), length=st.integers(1, 12000))
def test_resampling_in_blocks_equals_the_whole(
    rate: int, new_rate: int, cuts: list[int], length: int
) -> None:
    samples = torch.randn(length, generator=torch.Generator().manual_seed(length))
    expected = import_torchaudio("functional").resample(samples, rate, new_rate)
    resampler = StreamResampler(rate, new_rate)
    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    parts = [resampler.push(samples[a:b]) for a, b in pairwise(edges)]
    joined = torch.cat([*parts, resampler.finish()])
    assert joined.shape == expected.shape
    torch.testing.assert_close(joined, expected, rtol=0, atol=2e-6)


@given(st.lists(st.integers(0, 50), max_size=10), st.integers(1, 30))
def test_chunks_lose_nothing(sizes: list[int], length: int) -> None:
    samples = torch.arange(sum(sizes))
    chunker, chunks = Chunker(length), []
    for part in samples.split(sizes):
        chunks += list(chunker.push(part))
    assert all(chunk.shape[0] == length for chunk in chunks)
    assert chunker.rest().shape[0] < length
    assert torch.equal(torch.cat([*chunks, chunker.rest()]).long(), samples)


def clips(folder: Path) -> list[Path]:
    return [
        write_voice(folder / "a.wav", 7.3, 44100, 1),
        write_voice(folder / "b.wav", 3.05, 16000, 2),
        write_voice(folder / "c.flac", 11.0, 22050, 3),
        write_voice(folder / "short.wav", 0.2, 22050, 4),
    ]


@torch.inference_mode()
def test_the_mean_equals_the_same_mean_computed_at_once(tmp_path: Path) -> None:
    model, paths = tiny_model(), clips(tmp_path)
    prefixes, vectors, weights, lengths = [], [], [], []
    resample = import_torchaudio("functional").resample
    for path in paths:
        whole = load(path, 22050).samples.clamp(-1, 1)
        for chunk in whole.split(int(2.0 * 22050)):
            if len(chunk) >= 0.33 * 22050:
                prefixes.append(model.conditioner(chunk[None])[0])
                weights.append(len(chunk))
        for window in resample(whole, 22050, 16000).split(5 * 16000):
            if len(window) >= 0.33 * 16000:
                vectors.append(model.speaker_encoder(window[None])[0])
                lengths.append(len(window))
    share = torch.tensor(weights, dtype=torch.float32) / sum(weights)
    prefix = (torch.stack(prefixes) * share[:, None, None]).sum(0)
    mean = (torch.stack(vectors) * torch.tensor(lengths)[:, None]).sum(0)
    cloned = clone(model, paths, SETTINGS)
    torch.testing.assert_close(cloned.voice.prefix, prefix, rtol=0, atol=1e-5)
    torch.testing.assert_close(cloned.voice.embedding, mean / mean.norm(), rtol=0, atol=1e-5)
    assert cloned.prefix_s == pytest.approx(sum(weights) / 22050)
    assert cloned.prefix_s == pytest.approx(7.3 + 3.05 - 0.0 + 11.0, abs=1.1)


def test_the_order_of_references_does_not_matter(tmp_path: Path) -> None:
    model, paths = tiny_model(), clips(tmp_path)
    forward, backward = clone(model, paths, SETTINGS), clone(model, paths[::-1], SETTINGS)
    torch.testing.assert_close(forward.voice.prefix, backward.voice.prefix, rtol=0, atol=1e-6)
    torch.testing.assert_close(forward.voice.embedding, backward.voice.embedding, rtol=0, atol=1e-6)
    without = clone(model, paths[:2], SETTINGS)  # the later references do count
    assert float((forward.voice.prefix - without.voice.prefix).abs().max()) > 1e-2


def test_the_reference_implementation_forgets_later_references(tmp_path: Path) -> None:
    model, paths = tiny_model(), clips(tmp_path)
    narrow = CloningDefaults(chunk_s=2.0, window_s=5.0, limit_s=4.0)
    few = clone(model, paths[:1], narrow, coqui_compat=True)
    many = clone(model, paths[:3], narrow, coqui_compat=True)
    assert torch.equal(few.voice.prefix, many.voice.prefix)
    assert float((few.voice.embedding - many.voice.embedding).abs().max()) > 1e-3
    assert (few.prefix_s, many.prefix_s) == (4.0, 4.0)


MEASURE = """
import sys
from pathlib import Path

import torch

from tests.xtts_fixtures import tiny_model
from xtts_lab.inference.voice import clone


def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


torch.set_num_threads(1)
for name in sys.argv[1:]:
    made = clone(tiny_model(), [Path(name)])
    print(peak_mb(), made.prefix_s, made.embedding_s)
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="reads the peak from Linux's /proc"
)
def test_ten_minutes_of_references_cost_the_memory_of_a_minute(tmp_path: Path) -> None:
    minute = (np.random.default_rng(0).standard_normal(60 * 8000) * 0.1).astype(np.float32)
    lengths = (1, 10)
    for minutes in lengths:
        with soundfile.SoundFile(str(tmp_path / f"{minutes}.wav"), "w", 8000, 1) as file:
            for _ in range(minutes):
                file.write(minute)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *(str(tmp_path / f"{n}.wav") for n in lengths)],
        cwd=Path(__file__).parent.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [[*map(float, line.split())] for line in done.stdout.splitlines()]
    for minutes, (_, *seconds) in zip(lengths, rows, strict=True):
        assert seconds == pytest.approx([60.0 * minutes] * 2, abs=0.01)
    assert rows[1][0] - rows[0][0] < 16  # the file alone is 19 MB as float32


def test_bad_references_are_refused_in_one_line(tmp_path: Path) -> None:
    model = tiny_model()
    with pytest.raises(UsageError, match="none given"):
        clone(model, [])
    with pytest.raises(UsageError, match=r"short\.wav: nothing is as long as 0\.33 s"):
        clone(model, [write_voice(tmp_path / "short.wav", 0.2)])
    with pytest.raises(AudioError, match=r"absent\.wav: cannot be read"):
        clone(model, [tmp_path / "absent.wav"])
    soundfile.write(tmp_path / "nan.wav", np.full(22050, np.nan, np.float32), 22050, "FLOAT")
    with pytest.raises(AudioError, match="not finite"):
        clone(model, [tmp_path / "nan.wav"])
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.float32), 22050)
    with pytest.raises(AudioError, match="no samples"):
        clone(model, [tmp_path / "empty.wav"])


def voice(seed: int, length: float = 1.0) -> Voice:
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.nn.functional.normalize(torch.randn(32, generator=generator), dim=0)
    return Voice(torch.randn(8, 64, generator=generator), embedding * length)


@given(st.floats(0.01, 100))
def test_blending_one_voice_gives_it_back(weight: float) -> None:
    original = voice(0, 0.8)
    mixed = blend([(original, weight), (voice(1), 0.0)])
    torch.testing.assert_close(mixed.prefix, original.prefix, rtol=0, atol=1e-6)
    torch.testing.assert_close(mixed.embedding, original.embedding, rtol=0, atol=1e-6)


def test_half_and_half_lies_between() -> None:
    a, b = voice(0), voice(1)
    mixed = blend([(a, 2.0), (b, 2.0)])
    torch.testing.assert_close(mixed.prefix, (a.prefix + b.prefix) / 2)
    assert float(mixed.embedding.norm()) == pytest.approx(1.0, abs=1e-6)
    assert float(mixed.embedding @ a.embedding) == pytest.approx(
        float(mixed.embedding @ b.embedding)
    )


def test_impossible_blends_are_refused() -> None:
    codes = Voice(torch.zeros(8, dtype=torch.long), torch.zeros(32))
    lost = [[(voice(0), weight), (voice(1), 1.0)] for weight in (math.nan, math.inf, -math.inf)]
    bad = ([], [(voice(0), 0.0)], [(voice(0), 2.0), (voice(1), -1.0)], [(codes, 1.0)], *lost)
    for voices in bad:
        with pytest.raises(UsageError):
            blend(voices)
