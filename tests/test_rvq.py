"""The residual codec: its levels, its training through the loop, its floor, EnCodec beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tone_corpus
from tests.test_codec_training import losses, train, validation
from xtts_lab.audio import load, save
from xtts_lab.checkpoint.rvq import RVQ, load_encodec, load_rvq, save_rvq
from xtts_lab.errors import UsageError
from xtts_lab.nn.rvq import ResidualQuantiser, RvqCodec, RvqConfig
from xtts_lab.systems.copy_synthesis import CopySynthesisSystem
from xtts_lab.types import Audio, Request, Synthesis
from xtts_lab.vocoders.stages import Local
from xtts_lab.vocoders.streaming import VocoderStream

SIZES: dict[str, Any] = {
    "levels": 3, "codes": 24, "code_width": 4, "vector": 16, "width": 24, "inner": 48,
    "encoder_layers": 2, "decoder_layers": 2,
}  # fmt: skip
TINY = RvqConfig(**SIZES)
STAGE: dict[str, Any] = {
    "name": "rvq", "corpora": ["tones"], **SIZES, "rows": 4, "crop": 12288,
    "mel_only_steps": 22, "autoencoder_steps": 8, "decay": 0.7, "dead": 0.5, "channels": 4,
    "validation_batches": 1, "lr": 3e-3,
}  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and a codec trained on it for some steps, a few of them against discriminators."""
    folder = tmp_path_factory.mktemp("rvq")
    tone_corpus.write(folder / "tones")
    assert train(folder, "rvq", STAGE, 25) == 0
    return folder


@pytest.mark.parametrize("rate", [12.5, 25.0, 37.5, 50.0, 75.0])
def test_a_code_stands_for_a_whole_number_of_samples(rate: float) -> None:
    codec = RvqCodec(RvqConfig(**SIZES, frame_rate=rate)).eval()
    samples = 0.1 * torch.randn(2, 24000 + 7)
    codes = codec.encode(samples)
    assert codec.code_hop == round(24000 / rate)
    assert codes.shape == (2, 3, -(-samples.shape[1] // codec.code_hop))
    assert codec.decode(codes[:, :1]).shape == (2, codes.shape[2] * codec.code_hop)
    assert torch.equal(codec(samples), codes[:, 0])


def test_rates_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="frame_rate 43 does not divide"):
        RvqConfig(frame_rate=43.0)
    with pytest.raises(ValueError, match="there are 3"):
        RvqCodec(TINY).decode(torch.zeros(1, 4, 5, dtype=torch.long))


def test_rows_and_pieces_do_not_depend_on_company() -> None:
    codec = RvqCodec(TINY).eval()
    samples = 0.1 * torch.randn(3, 24000)
    codes = codec.encode(samples)
    assert torch.equal(codec.encode(samples[1:2])[0], codes[1])
    whole = codec.decode(codes[:1])[0]
    stream = VocoderStream(
        (Local(lambda c: codec.decode(c).unsqueeze(1), codec.code_hop, codec.context_codes),)
    )
    pieces = [stream.push(codes[0, :, at : at + 7]) for at in range(0, codes.shape[2], 7)]
    torch.testing.assert_close(torch.cat([*pieces, stream.finish()]), whole, rtol=1e-4, atol=1e-5)


def test_each_level_quantises_what_is_left() -> None:
    """Against a plain loop over levels; the gradient passes; rows use as many levels as told."""
    quantiser = ResidualQuantiser(TINY)
    vectors = torch.randn(2, 16, 9, requires_grad=True)
    made = quantiser(vectors, torch.tensor([3, 1]))
    rest, total = vectors.detach()[:1], torch.zeros(1, 16, 9)
    for at, level in enumerate(quantiser.levels):
        direction = level.down(rest)
        direction = direction / direction.norm(dim=1, keepdim=True)
        distance = torch.cdist(direction.transpose(1, 2), level.quantiser.codebook[None])
        assert torch.equal(distance.argmin(-1)[0], made.codes[0, at])
        entry = level.up(level.quantiser.codebook[made.codes[0, at]].t()[None])
        total, rest = total + entry, rest - entry
    torch.testing.assert_close(made.vectors[:1], total)
    torch.testing.assert_close(made.vectors[1:], quantiser.vectors(made.codes[1:, :1]))
    torch.testing.assert_close(quantiser.encode(vectors), made.codes)
    made.vectors.square().sum().backward()
    assert vectors.grad is not None
    assert bool((vectors.grad.abs().sum((1, 2)) > 0).all())


def test_a_codec_learns_and_uses_its_codes(out: Path) -> None:
    table = losses(out / "rvq")
    assert table["mel"].iloc[-5:].mean() < 0.7 * table["mel"].iloc[:3].mean()
    assert table["discriminator"].iloc[-1] > 0  # the game has begun
    found = validation(out / "rvq")
    assert {"mel", "mel_1", "mel_2", "used_1", "used_3", "perplexity_3"} <= set(found)
    assert min(found[f"used_{level}"] for level in (1, 2, 3)) > 0.5
    assert (out / "rvq" / "examples" / "0-made.wav").is_file()


def test_a_codec_comes_back_from_its_file(out: Path, tmp_path: Path) -> None:
    codec = load_rvq(out / "rvq" / RVQ)
    save_rvq(tmp_path / RVQ, codec)
    samples = 0.1 * torch.randn(1, 12000)
    assert torch.equal(load_rvq(tmp_path / RVQ).encode(samples), codec.encode(samples))
    (tmp_path / "x.safetensors").write_bytes((out / "rvq" / RVQ).read_bytes()[:200])
    with pytest.raises(UsageError, match=r"x\.safetensors"):
        load_rvq(tmp_path / "x.safetensors")


def test_copy_synthesis_keeps_the_levels_it_is_told(out: Path, tmp_path: Path) -> None:
    save(tmp_path / "a.wav", Audio(0.1 * torch.randn(24000), 24000))
    request = Request("a", "en", (), 0, target=tmp_path / "a.wav")
    codec = load_rvq(out / "rvq" / RVQ)
    codes = codec.encode(load(tmp_path / "a.wav", 24000).samples[None])
    for levels in (None, 1):
        system = CopySynthesisSystem(codec=out / "rvq", levels=levels, device="cpu")
        (made,) = system.synthesise([request])
        assert isinstance(made, Synthesis)
        torch.testing.assert_close(made.audio.samples, codec.decode(codes[:, :levels])[0])
    assert set(system.identity) == {"version", RVQ}
    with pytest.raises(UsageError, match="levels: 4 of 3"):
        next(CopySynthesisSystem(codec=out / "rvq", levels=4, device="cpu").synthesise([request]))
    with pytest.raises(UsageError, match="has one level of codes"):
        CopySynthesisSystem(codec=Path("nano"), levels=2)


@pytest.fixture
def encodec(tmp_path: Path) -> Path:
    """A folder with an EnCodec of its published layout and tiny random weights."""
    transformers = pytest.importorskip("transformers")
    config = transformers.EncodecConfig(
        num_filters=4, hidden_size=8, codebook_dim=8, num_lstm_layers=1, codebook_size=1024,
        target_bandwidths=[1.5, 6.0], upsampling_ratios=[8, 5, 4, 2],
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.EncodecModel(config).save_pretrained(tmp_path / "encodec")
    return tmp_path / "encodec"


def test_encodec_is_a_codec_like_ours(encodec: Path, tmp_path: Path) -> None:
    codec = load_encodec(encodec)
    assert (codec.sample_rate, codec.code_hop, codec.levels) == (24000, 320, 8)
    samples = 0.1 * torch.randn(2, 9600)
    codes = codec.encode(samples)
    assert codes.shape == (2, 8, 30)
    # transformers' own way there and back, with which nothing was shared
    given = codec.model.encode(samples[:, None], bandwidth=6.0)
    assert torch.equal(given.audio_codes[0], codes)
    theirs = codec.model.decode(given.audio_codes, given.audio_scales)[0][:, 0]
    torch.testing.assert_close(codec.decode(codes), theirs.clamp(-1, 1))
    save(tmp_path / "a.wav", Audio(samples[0], 24000))
    system = CopySynthesisSystem(codec=encodec, levels=2, device="cpu")
    (made,) = system.synthesise([Request("a", "en", (), 0, target=tmp_path / "a.wav")])
    assert isinstance(made, Synthesis)
    assert made.audio.samples.shape == (9600,)
    assert set(system.identity) == {"version", "config.json", "model.safetensors"}


def test_encodec_of_the_hub_is_pinned(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pin the revision"):
        load_encodec(Path("facebook/encodec_24khz"))
    (tmp_path / "config.json").write_text('{"model_type": "encodec"}')
    with pytest.raises(UsageError, match="cannot be read as an EnCodec"):
        load_encodec(tmp_path)
