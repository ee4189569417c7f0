"""A DVAE with finite scalar quantisation: sizes, windows, and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.xtts_fixtures import write_voice
from xtts_lab import audio
from xtts_lab.checkpoint.codec import load_dvae, save_dvae
from xtts_lab.checkpoint.dvae import published_dvae_state, random_dvae
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig

GRID = DvaeConfig.grid((5, 5, 4), width=16, layers=1, residual_blocks=2)
CONFIGS = [
    GRID,
    DvaeConfig.grid((8, 5, 5, 5), width=8, layers=2, residual_blocks=1),
    DvaeConfig(codes=32, code_width=8, width=8, residual_blocks=1),
    replace(GRID, blocks="convnext", inner=24, decoder_blocks=1, decoder_dilations=(2,)),
]


def made(config: DvaeConfig) -> Dvae:
    return random_dvae(config, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("config", CONFIGS)
def test_a_dvae_comes_back_from_its_file(tmp_path: Path, config: DvaeConfig) -> None:
    dvae = made(config)
    save_dvae(tmp_path / "dvae.safetensors", dvae)
    read = load_dvae(tmp_path / "dvae.safetensors")
    assert read.config == config
    assert not any(weight.requires_grad for weight in read.parameters())
    samples = audio.load(write_voice(tmp_path / "a.wav", 1.0)).samples.view(1, -1)
    codes = dvae(samples)
    assert torch.equal(read(samples), codes)
    assert torch.equal(read.log_mel(codes), dvae.log_mel(codes))


def test_a_code_of_two_frames_stands_for_512_samples(tmp_path: Path) -> None:
    dvae = made(GRID)
    samples = audio.load(write_voice(tmp_path / "a.wav", 2.0)).samples.view(1, -1)
    codes = dvae(samples)
    assert dvae.code_stride == 512
    assert codes.shape == (1, -(-(samples.shape[1] // 256 + 1) // 2))
    assert len(codes.unique()) > 10
    assert int(codes.max()) < 100


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (7, 9), (0, 40), (39, 40)])
def test_a_window_equals_the_whole(start: int, stop: int) -> None:
    dvae = made(GRID).double()
    codes = torch.randint(GRID.codes, (2, 40), generator=torch.Generator().manual_seed(1))
    whole = dvae.decode(codes)[..., 2 * start : 2 * stop]
    torch.testing.assert_close(dvae.decode_window(codes, start, stop), whole, rtol=0, atol=1e-12)


def test_the_log_mel_is_that_of_the_power() -> None:
    dvae, codes = made(GRID), torch.arange(100).view(1, -1)
    torch.testing.assert_close(dvae.log_mel(codes), dvae.denormalise(dvae.decode(codes)).log())


@pytest.mark.parametrize("wrong", [{"codes": 99}, {"code_width": 4}, {"levels": (5, 1, 20)}])
def test_a_grid_must_fit_its_sizes(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"grid|levels"):
        Dvae(replace(GRID, **wrong))  # type: ignore[arg-type]


def test_the_published_format_knows_no_grid() -> None:
    with pytest.raises(UsageError, match="finite scalar quantisation"):
        published_dvae_state(made(GRID))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "train a DVAE first"),
        (b"nothing", "cannot be read as safetensors"),
        ({"format": "other"}, "holds no DVAE"),
        ({"format": "xtts_lab.dvae"}, "does not say what sizes"),
        ({"format": "xtts_lab.dvae", "config": '{"codes": 3}'}, "dvae.safetensors"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, content: bytes | dict[str, str] | None, expected: str
) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "dvae.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        save_file({"a": torch.zeros(1)}, path, content)
    with pytest.raises(UsageError) as caught:
        load_dvae(path)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
