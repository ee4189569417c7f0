"""The DVAE: codes and mels equal the reference's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.xtts_fixtures import write_voice
from xtts_lab import audio
from xtts_lab.checkpoint.dvae import published_dvae_state, random_dvae, read_dvae
from xtts_lab.nn.dvae import Dvae, DvaeConfig
from xtts_lab.torchaudio_cpu import import_torchaudio

REDUCED = DvaeConfig(codes=256, code_width=48, width=32)
XTTS_V2 = DvaeConfig()
XTTS_V1 = DvaeConfig(codes=8192)
SIZES = pytest.mark.parametrize(
    "config",
    [REDUCED, DvaeConfig(codes=64, code_width=16, width=16, layers=3, kernel=5), XTTS_V2, XTTS_V1],
    ids=["reduced", "deeper", "v2", "v1"],
)


def make_pair(folder: Path, config: DvaeConfig) -> tuple[Dvae, Any]:
    """One file, loaded strictly by both; the reference built as its trainer does."""
    import_torchaudio()
    from TTS.tts.layers.xtts.dvae import DiscreteVAE

    made = random_dvae(config, torch.Generator().manual_seed(0))
    torch.save(published_dvae_state(made), folder / "dvae.pth")
    torch.save(made.mel.mel_stats, folder / "mel_stats.pth")
    reference = DiscreteVAE(
        channels=config.bands,
        normalization=None,
        positional_dims=1,
        num_tokens=config.codes,
        codebook_dim=config.code_width,
        hidden_dim=config.width,
        num_resnet_blocks=config.residual_blocks,
        kernel_size=config.kernel,
        num_layers=config.layers,
        use_transposed_convs=False,
    )
    reference.load_state_dict(torch.load(folder / "dvae.pth", weights_only=True), strict=True)
    return read_dvae(folder / "dvae.pth"), reference.eval()


def voices(folder: Path) -> Tensor:
    """Two voices of 3.1 s, [2, T]."""
    paths = [write_voice(folder / f"{seed}.wav", 3.1, seed=seed) for seed in (1, 2)]
    return torch.stack([audio.load(path).samples for path in paths])


@SIZES
def test_codes_and_mels(tmp_path: Path, config: DvaeConfig) -> None:
    ours, reference = make_pair(tmp_path, config)
    for length in (6700, 25600, 30000, 68353):  # every remainder of the frames by four
        mel = ours.mel(voices(tmp_path)[:, :length])
        codes = reference.get_codebook_indices(mel)
        got = ours.encode(mel)
        assert got.dtype == codes.dtype
        assert torch.equal(got, codes)
        with torch.inference_mode():
            expected = reference.decode(codes)[0]
        torch.testing.assert_close(ours.decode(codes), expected, rtol=0, atol=1e-4)
    assert len(codes.unique()) > 10
    assert float(expected.std(dim=-1).mean()) > 0.2  # so that equality means something


@pytest.mark.parametrize("config", [REDUCED, XTTS_V2], ids=["reduced", "v2"])
def test_any_codes_decode_alike(tmp_path: Path, config: DvaeConfig) -> None:
    ours, reference = make_pair(tmp_path, config)
    codes = torch.randint(config.codes, (2, 150), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = reference.decode(codes)[0]
    torch.testing.assert_close(ours.decode(codes), expected, rtol=0, atol=1e-4)
    window = ours.decode_window(codes, 40, 60)
    torch.testing.assert_close(window, expected[..., 160:240], rtol=0, atol=1e-4)


def test_the_front_end(tmp_path: Path) -> None:
    from TTS.tts.layers.tortoise.arch_utils import TorchMelSpectrogram

    ours, reference = make_pair(tmp_path, REDUCED)
    theirs = TorchMelSpectrogram(
        mel_norm_file=str(tmp_path / "mel_stats.pth"), sampling_rate=ours.sample_rate
    )
    samples = voices(tmp_path)
    expected = theirs(samples.unsqueeze(1))
    torch.testing.assert_close(ours.mel(samples), expected, rtol=0, atol=1e-5)
    codes = reference.get_codebook_indices(expected)
    assert torch.equal(ours(samples), codes)
