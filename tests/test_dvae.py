"""The DVAE: shapes, windows, batches, and its published file."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.xtts_fixtures import write_voice
from xtts_lab import audio
from xtts_lab.checkpoint.dvae import (
    CODEBOOK,
    dvae_from_tensors,
    dvae_tensors,
    published_dvae_state,
    random_dvae,
    read_dvae,
)
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig

TINY = DvaeConfig(codes=64, code_width=24, width=16)
SHAPES = [
    TINY,
    DvaeConfig(codes=8, code_width=8, width=8, layers=1, residual_blocks=1),
    DvaeConfig(codes=8, code_width=8, width=4, layers=3, residual_blocks=2, kernel=5),
    DvaeConfig(codes=8, code_width=8, width=4, layers=2, residual_blocks=1, kernel=7),
]
DILATED = DvaeConfig(codes=8, code_width=8, width=4, layers=1, residual_blocks=3, dilations=(1, 3))
"""The published files know of no dilations; ours do."""
CONVNEXT = DvaeConfig(
    codes=12, code_width=2, levels=(4, 3), width=8, layers=1, residual_blocks=2, blocks="convnext",
    inner=12, block_kernel=5, dilations=(1, 4), decoder_blocks=3, decoder_dilations=(1, 1, 2),
)  # fmt: skip
NORMED = replace(CONVNEXT, blocks="normed")


def made(config: DvaeConfig = TINY, seed: int = 0) -> Dvae:
    return random_dvae(config, torch.Generator().manual_seed(seed))


def voice(tmp_path: Path, seconds: float = 2.0, seed: int = 0) -> Tensor:
    loaded = audio.load(write_voice(tmp_path / f"{seed}.wav", seconds, seed=seed))
    return loaded.samples.view(1, -1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dvae = made()
    torch.save(published_dvae_state(dvae), tmp_path / "dvae.pth")
    torch.save(dvae.mel.mel_stats, tmp_path / "mel_stats.pth")
    return tmp_path


def rewritten(folder: Path, **changes: Tensor | None) -> Path:
    state = torch.load(folder / "dvae.pth", weights_only=True) | changes
    kept = {name: tensor for name, tensor in state.items() if tensor is not None}
    torch.save(kept, folder / "dvae.pth")
    return folder / "dvae.pth"


def refused(path: Path, stats: Path | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        read_dvae(path, stats)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path.parent) not in message
    return message


@pytest.mark.parametrize("length", [513, 1023, 1024, 4096, 22050])
def test_one_code_stands_for_1024_samples(tmp_path: Path, length: int) -> None:
    dvae = made()
    assert (dvae.sample_rate, dvae.code_stride) == (22050, 1024)
    codes = dvae(voice(tmp_path)[:, :length])
    assert codes.dtype == torch.int64
    assert codes.shape == (1, math.ceil((length // 256 + 1) / 4))
    assert dvae.decode(codes).shape == (1, 80, 4 * codes.shape[1])


def test_codes_vary_and_mels_differ(tmp_path: Path) -> None:
    dvae = made()
    codes = dvae(voice(tmp_path))
    assert len(codes.unique()) > 10
    mel = dvae.decode(codes)
    assert float(mel.std(dim=-1).mean()) > 0.1
    again = dvae.encode(mel)
    assert again.shape == codes.shape
    assert len(again.unique()) > 3


def test_same_seed_same_weights(tmp_path: Path) -> None:
    one, two, other = made(seed=1), made(seed=1), made(seed=2)
    assert all(torch.equal(a, b) for a, b in zip(one.buffers(), two.buffers(), strict=True))
    samples = voice(tmp_path)
    assert torch.equal(one(samples), two(samples))
    assert not torch.equal(one(samples), other(samples))


def test_a_row_does_not_depend_on_its_batch(tmp_path: Path) -> None:
    dvae = made()
    batch = torch.cat([voice(tmp_path, seed=seed) for seed in range(4)])
    codes = dvae(batch)
    mels = dvae.decode(codes)
    for row in range(4):
        alone = dvae(batch[row : row + 1])
        assert torch.equal(alone, codes[row : row + 1])
        torch.testing.assert_close(dvae.decode(alone)[0], mels[row], rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", [*SHAPES, DILATED, CONVNEXT, NORMED])
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 60), (7, 9), (23, 40), (59, 60)])
def test_a_window_equals_the_whole(config: DvaeConfig, start: int, stop: int) -> None:
    dvae = made(config).double()
    codes = torch.randint(config.codes, (2, 60), generator=torch.Generator().manual_seed(1))
    whole = dvae.decode(codes)[..., config.stride * start : config.stride * stop]
    torch.testing.assert_close(dvae.decode_window(codes, start, stop), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("config", [*SHAPES, DILATED, CONVNEXT, NORMED])
def test_the_context_covers_the_receptive_field(config: DvaeConfig) -> None:
    """Frames of a code do not change with codes farther away than the context; nearer ones do."""
    dvae = made(config).double()
    reach, stride = config.context_codes, config.stride
    middle = 2 * reach
    codes = torch.zeros(1, 4 * reach + 1, dtype=torch.int64)
    changed = codes.clone()
    changed[:, : middle - reach] = 1
    changed[:, middle + reach + 1 :] = 1
    frames = slice(stride * middle, stride * (middle + 1))
    same = dvae.decode(codes)[..., frames], dvae.decode(changed)[..., frames]
    torch.testing.assert_close(same[0], same[1], rtol=0, atol=1e-12)
    changed[:, middle - reach] = 1
    changed[:, middle + reach] = 1
    assert not torch.allclose(dvae.decode(changed)[..., frames], same[0], rtol=0, atol=1e-12)


def test_denormalising_gives_the_power_mel_back(tmp_path: Path) -> None:
    dvae = made()
    samples = voice(tmp_path)
    power = dvae.mel.mel(samples).clamp(min=1e-5)
    torch.testing.assert_close(dvae.denormalise(dvae.mel(samples)), power, rtol=1e-4, atol=0)


def test_it_is_built_on_meta() -> None:
    with torch.device("meta"):
        dvae = Dvae(DvaeConfig())
    assert all(weight.is_meta for weight in dvae.parameters())
    assert dvae.quantiser.codebook.is_meta
    assert not dvae.mel.mel.filters.is_meta


@pytest.mark.parametrize("config", [DvaeConfig(kernel=4), DvaeConfig(residual_blocks=0)])
def test_impossible_sizes_are_refused(config: DvaeConfig) -> None:
    with pytest.raises(ValueError, match="odd kernel"):
        Dvae(config)


@pytest.mark.parametrize("config", SHAPES)
def test_round_trip_through_the_published_names(config: DvaeConfig) -> None:
    dvae = made(config)
    read = dvae_from_tensors(published_dvae_state(dvae), "dvae.pth")
    assert read.config == config
    assert not read.training
    wanted = dvae.state_dict() | {"mel.mel_stats": torch.ones(80)}
    got = read.state_dict()
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


def test_reading_files(folder: Path, tmp_path: Path) -> None:
    dvae, samples = made(), voice(tmp_path)
    read = read_dvae(folder / "dvae.pth")
    assert torch.equal(read.mel.mel_stats, dvae.mel.mel_stats)
    assert torch.equal(read(samples), dvae(samples))
    (folder / "mel_stats.pth").rename(folder / "elsewhere.pth")
    assert "mel_stats.pth: no such file" in refused(folder / "dvae.pth")
    again = read_dvae(folder / "dvae.pth", folder / "elsewhere.pth")
    assert torch.equal(again.mel.mel_stats, dvae.mel.mel_stats)


def test_a_fine_tune_carries_its_dvae(tmp_path: Path) -> None:
    dvae, samples = made(), voice(tmp_path)
    state = {f"dvae.{name}": tensor for name, tensor in published_dvae_state(dvae).items()}
    state |= {"xtts.gpt.text_head.bias": torch.zeros(3), "xtts.mel_stats": dvae.mel.mel_stats}
    torch.save({"model": state}, tmp_path / "best_model.pth")
    read = read_dvae(tmp_path / "best_model.pth")
    assert torch.equal(read(samples), dvae(samples))
    assert dvae_tensors({"gpt.text_head.bias": torch.zeros(3)}) == {}


def test_half_precision_is_read_as_fp32(folder: Path) -> None:
    state = torch.load(folder / "dvae.pth", weights_only=True)
    torch.save({k: v.half() for k, v in state.items()}, folder / "dvae.pth")
    assert all(weight.dtype == torch.float32 for weight in read_dvae(folder / "dvae.pth").buffers())


def test_what_does_not_fit_is_refused(folder: Path) -> None:
    path = rewritten(folder, **{"encoder.5.bias": None, "decoder.9.bias": torch.zeros(2)})
    message = refused(path)
    assert "missing: encoder.5.bias" in message
    assert "unexpected: decoder.9.bias" in message


@pytest.mark.parametrize(
    ("name", "tensor", "expected"),
    [
        ("decoder.2.net.0.weight", torch.zeros(3, 3), "decoder.2.net.0.weight 3x3, not 32x32x3"),
        (CODEBOOK, None, f"missing: {CODEBOOK}"),
        (CODEBOOK, torch.zeros(3), f"{CODEBOOK} 3"),
        ("encoder.0.0.weight", None, "missing: encoder.0.0.weight"),
        ("encoder.0.0.weight", torch.zeros(16, 80, 4), "encoder.0.0.weight 16x80x4"),
        ("encoder.2.net.0.weight", None, "missing: encoder.2.net.0.weight"),
        ("encoder.0.0.weight", torch.zeros(0, 80, 3), "encoder.0.0.weight 0x80x3"),
    ],
)
def test_other_shapes_are_refused(
    folder: Path, name: str, tensor: Tensor | None, expected: str
) -> None:
    assert expected in refused(rewritten(folder, **{name: tensor}))


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        (torch.ones(79), "is 79, but the DVAE has 80 bands"),
        ({"a": torch.ones(80)}, "holds no tensor"),
        (torch.zeros(80), "nothing can be divided by"),
    ],
)
def test_other_statistics_are_refused(folder: Path, stats: object, expected: str) -> None:
    torch.save(stats, folder / "mel_stats.pth")
    assert expected in refused(folder / "dvae.pth")


def test_files_without_a_dvae_are_refused(folder: Path) -> None:
    torch.save({"model": {"gpt.text_head.bias": torch.zeros(3)}}, folder / "model.pth")
    assert "holds no DVAE" in refused(folder / "model.pth")
    (folder / "broken.pth").write_bytes((folder / "dvae.pth").read_bytes()[:2000])
    assert "is it complete?" in refused(folder / "broken.pth")
    assert "no such file" in refused(folder / "absent.pth")
