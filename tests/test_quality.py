"""DNSMOS, DistillMOS, UTMOS: the packages' own numbers, noise lowers them, what they refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xtts_lab import audio
from xtts_lab.device import full_precision
from xtts_lab.errors import UsageError
from xtts_lab.instruments import dnsmos
from xtts_lab.instruments.distillmos import DistillMos
from xtts_lab.instruments.dnsmos import Dnsmos
from xtts_lab.instruments.optional import import_optional, package_folder
from xtts_lab.instruments.utmos import weights as utmos_weights
from xtts_lab.instruments.utmos.predictor import Utmos
from xtts_lab.metrics.naturalness import Naturalness
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.types import Audio, Clip, Evidence, Failure, Request, Synthesis, Timings, Utterance

TEXT = "The weather is very nice today, and we are going to the beach with all of our friends."


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """espeak-ng's reading of a sentence, at 24 kHz."""
    (made,) = EspeakSystem().synthesise([Request(TEXT, "en", (), 0)])
    assert isinstance(made, Synthesis)
    path = tmp_path_factory.mktemp("quality") / "clean.wav"
    audio.save(path, audio.resample(made.audio, 24_000))
    return path


def with_noise(path: Path, snr_db: float) -> Path:
    """Add white noise at a signal-to-noise ratio over the whole clip."""
    loaded = audio.load(path)
    noise = torch.randn(loaded.samples.shape, generator=torch.Generator().manual_seed(0))
    gain = loaded.samples.square().mean().sqrt() * 10.0 ** (-snr_db / 20.0)
    mixed = loaded.samples + gain * noise
    out = path.with_name(f"{path.stem}-{snr_db:.0f}dB.wav")
    audio.save(out, Audio(mixed / max(1.0, float(mixed.abs().max())), loaded.sample_rate))
    return out


@pytest.fixture(scope="module")
def heard(clean: Path) -> dict[str, Any]:
    """What DNSMOS says of the clean sentence by itself."""
    return only(Dnsmos().measure([Clip(clean)]))


def only(results: Iterator[Any]) -> dict[str, Any]:
    (result,) = results
    assert isinstance(result, dict), result
    return result


def test_dnsmos_equals_the_package_by_itself(clean: Path, heard: dict[str, Any]) -> None:
    from speechmos import dnsmos as package

    ours = heard
    theirs = package.run(audio.load(clean, 16_000).samples.numpy(), sr=16_000)
    for name, field in {"ovrl": "ovrl_mos", "sig": "sig_mos", "bak": "bak_mos"}.items():
        assert ours[name] == pytest.approx(float(theirs[field]), abs=1e-3)
    assert ours["p808"] == pytest.approx(float(theirs["p808_mos"]), abs=1e-3)


class Recorded:
    """In a session's place: keeps what the package gives it."""

    def __init__(self) -> None:
        self.windows: list[np.ndarray[Any, Any]] = []

    def run(self, _outputs: None, inputs: dict[str, Any]) -> Any:
        self.windows.append(inputs["input_1"][0])
        return [np.ones((1, 3), dtype=np.float32)]


@settings(max_examples=25, deadline=None)
@given(st.integers(8_000, 25 * 16_000))
def test_dnsmos_cuts_windows_as_the_package_does(length: int) -> None:
    from speechmos import dnsmos as package

    samples = np.random.default_rng(length).uniform(-1.0, 1.0, length).astype(np.float32)
    theirs, network = Recorded(), package.DNSMOS.__new__(package.DNSMOS)
    network.onnx_sess, network.p808_onnx_sess = theirs, Recorded()
    network.audio_melspec = lambda audio: audio[None]  # takes the time
    network(samples, 16_000, False)
    ours = dnsmos._windows(samples, package.INPUT_LENGTH)
    assert [len(window) for window in ours] == [len(window) for window in theirs.windows]
    assert all(np.array_equal(*pair) for pair in zip(ours, theirs.windows, strict=True))


def test_dnsmos_by_torch_says_what_onnx_runtime_says(clean: Path, heard: dict[str, Any]) -> None:
    judge = Dnsmos(batch_size=3)
    judge._graphs = tuple(dnsmos._OnDevice(weights, "cpu") for weights in dnsmos._weights())  # type: ignore[assignment]
    noisy = with_noise(clean, 10.0)
    made = list(judge.measure([Clip(clean), Clip(noisy)]))
    expected = [heard, only(Dnsmos().measure([Clip(noisy)]))]
    for ours, theirs in zip(made, expected, strict=True):
        assert ours == pytest.approx(theirs, abs=1.01e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_dnsmos_on_a_gpu_says_what_it_says_on_a_cpu(clean: Path) -> None:
    with full_precision():  # as workers judge: TF32 moves the third digit
        (ours,), (theirs,) = (
            list(Dnsmos(device=device).measure([Clip(clean)])) for device in ("cuda", "cpu")
        )
    assert ours == pytest.approx(theirs, abs=2.01e-4)


def test_distillmos_equals_the_package_by_itself(clean: Path) -> None:
    judge = DistillMos(device="cpu")
    ours = only(judge.measure([Clip(clean)]))
    import distillmos

    reference = distillmos.ConvTransformerSQAModel().eval()
    with torch.no_grad():
        theirs = reference(audio.load(clean, 16_000).samples[None])
    assert ours["mos"] == pytest.approx(float(theirs), abs=1e-3)


def test_noise_lowers_dnsmos(clean: Path, heard: dict[str, Any]) -> None:
    noisy = only(Dnsmos().measure([Clip(with_noise(clean, 5.0))]))
    assert heard["ovrl"] > noisy["ovrl"] >= 1.0


def test_distillmos_does_not_hear_a_gain(clean: Path, tmp_path: Path) -> None:
    loaded = audio.load(clean, 16_000)
    loud = Audio(loaded.samples / loaded.samples.abs().max(), 16_000)
    paths = []
    for gain in (1.0, 0.25):
        paths.append(tmp_path / f"{gain}.wav")
        audio.save(paths[-1], Audio(gain * loud.samples, 16_000))
    scores = [only(iter([o]))["mos"] for o in DistillMos().measure([Clip(p) for p in paths])]
    assert scores[0] == pytest.approx(scores[1], abs=5e-3)  # 16-bit rounding


@pytest.fixture(scope="module")
def judges(utmos_checkpoint: Path) -> list[Any]:
    return [Dnsmos(), DistillMos(), Utmos(model=str(utmos_checkpoint))]


def test_what_cannot_be_judged_is_a_failure_of_that_clip(
    judges: list[Any], clean: Path, heard: dict[str, Any], tmp_path: Path
) -> None:
    audio.save(tmp_path / "silence.wav", Audio(torch.zeros(32_000), 16_000))
    audio.save(tmp_path / "dither.wav", Audio(torch.rand(32_000) * 6e-5, 16_000))
    audio.save(tmp_path / "click.wav", Audio(torch.ones(1), 16_000))
    (tmp_path / "text.wav").write_text("no audio")
    names = ["silence.wav", "dither.wav", "click.wav", "text.wav", "absent.wav"]
    clips = [*(Clip(tmp_path / name) for name in names), Clip(clean)]
    for judge in judges:
        *failures, good = judge.measure(clips)
        alone = heard if isinstance(judge, Dnsmos) else only(judge.measure([Clip(clean)]))
        assert good == alone
        for name, failure in zip(names, failures, strict=True):
            assert isinstance(failure, Failure)
            assert failure.error.startswith(name)
            assert "\n" not in failure.error
            assert str(tmp_path) not in failure.error


class Assembled(torch.nn.Module):
    """The parts of `utmos-pytorch`, put together at a size of our choice."""

    def __init__(self) -> None:
        reference = pytest.importorskip("utmos_pytorch.utmos_torch", reason="needs utmos-pytorch")
        from utmos_pytorch.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model

        super().__init__()
        self.run = reference.UTMOSModel.forward
        settings = Wav2Vec2Config(
            conv_feature_layers="[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2",
            encoder_layers=2,
            encoder_embed_dim=128,
            encoder_ffn_embed_dim=192,
            encoder_attention_heads=2,
        )
        self.feature_extractors = torch.nn.ModuleList(
            [
                reference.SSL_model(Wav2Vec2Model(settings), 128),
                reference.DomainEmbedding(3, 16),
            ]
        )
        self.output_layers = torch.nn.ModuleList(
            [
                reference.LDConditioner(input_dim=144, judge_dim=24, num_judges=300),
                reference.Projection(1024, 64, torch.nn.ReLU()),
            ]
        )

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """[B, T] -> [B], as the package's UTMOSScoreTorch does around its model."""
        size = len(waveforms)
        zeros = torch.zeros(size, dtype=torch.int)
        output = self.run(self, waveforms[:, None], zeros, zeros + 288)
        return output.mean(dim=1).squeeze(1) * 2 + 3


@pytest.fixture(scope="module")
def reference_utmos() -> Assembled:
    """The reference with random weights, every tensor different from its initial value."""
    torch.manual_seed(7)
    network = Assembled().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


@pytest.fixture(scope="module")
def utmos_checkpoint(reference_utmos: Assembled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow checkpoint in the layout of the published state dict."""
    path = tmp_path_factory.mktemp("weights") / "utmos_state_dict.pt"
    torch.save(reference_utmos.state_dict(), path)
    return path


def as_speechmos(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Write the same weights as SpeechMOS's `utmos22_strong_step7459_v1.pt` names them."""
    names = {
        "feature_extractors.0.ssl_model": "wav2vec2",
        "output_layers.0.decoder_rnn": "blstm",
        "output_layers.1.net.0": "projection.0",
        "output_layers.1.net.3": "projection.2",
    }
    found = {"wav2vec2.mask_emb": torch.zeros(128)}
    for name, tensor in weights.items():
        for old, new in names.items():
            if name.startswith(f"{old}."):
                found[name.replace(old, new)] = tensor
    found["domain_emb"] = weights["feature_extractors.1.embedding.weight"][:1]
    found["judge_emb"] = weights["output_layers.0.judge_embedding.weight"][288:289]
    return found


@pytest.mark.parametrize("samples", [400 + 320 * 7, 16_000, 16_123])
def test_utmos_equals_the_reference(
    reference_utmos: Assembled, utmos_checkpoint: Path, tmp_path: Path, samples: int
) -> None:
    from xtts_lab.instruments.utmos.network import UtmosNetwork

    generator = torch.Generator().manual_seed(samples)
    waveforms = 0.3 * torch.randn(2, samples, generator=generator)
    torch.save(as_speechmos(reference_utmos.state_dict()), tmp_path / "speechmos.pt")
    with torch.no_grad():
        expected = reference_utmos(waveforms)
        for path in (utmos_checkpoint, tmp_path / "speechmos.pt"):
            ours = UtmosNetwork(utmos_weights.read(path))(waveforms)
            torch.testing.assert_close(ours, expected, rtol=0, atol=2e-5)
    assert float((expected[0] - expected[1]).abs()) > 1e-4  # the score depends on the audio


def test_utmos_scores_a_clip_from_a_file_or_its_folder(
    reference_utmos: Assembled, utmos_checkpoint: Path, clean: Path
) -> None:
    with torch.no_grad():
        expected = float(reference_utmos(audio.load(clean, 16_000).samples[None]))
    for model in (utmos_checkpoint, utmos_checkpoint.parent):
        judge = Utmos(model=str(model), device="cpu")
        assert only(judge.measure([Clip(clean)]))["mos"] == pytest.approx(expected, abs=1e-3)
        assert judge.identity["weights_sha256"] == audio.sha256(utmos_checkpoint)


def test_utmos_checkpoints_that_do_not_fit_are_named(
    reference_utmos: Assembled, tmp_path: Path
) -> None:
    full = dict(reference_utmos.state_dict())
    lacking = {k: v for k, v in full.items() if "decoder_rnn" not in k}
    narrow = {**full, "output_layers.0.judge_embedding.weight": torch.zeros(10, 24)}
    more = {**full, "phoneme_encoder.weight": torch.zeros(3)}
    clip = tmp_path / "tone.wav"
    audio.save(clip, Audio(0.3 * torch.sin(torch.arange(16_000) * 0.1), 16_000))
    for name, content in {"lacking": lacking, "narrow": narrow, "more": more}.items():
        torch.save(content, tmp_path / f"{name}.pt")
        with pytest.raises(UsageError, match=f"{name}.*no UTMOS22 strong learner"):
            list(Utmos(model=str(tmp_path / f"{name}.pt")).measure([Clip(clip)]))
    torch.save({"state_dict": 3}, tmp_path / "number.pt")
    (tmp_path / "text.pt").write_text("no weights")
    for name, problem in {"number": "no state dict", "text": "no torch checkpoint"}.items():
        with pytest.raises(UsageError, match=problem):
            list(Utmos(model=str(tmp_path / f"{name}.pt")).measure([Clip(clip)]))
    with pytest.raises(UsageError, match=r"5 checkpoints"):
        _ = Utmos(model=str(tmp_path)).identity
    with pytest.raises(UsageError, match=re.escape("did you mean 'Blinorot/UTMOS-PyTorch'")):
        Utmos(model="Blinorot/UTMOS-Pytorch")


def test_without_the_hub_the_remedy_is_named() -> None:
    with pytest.raises(UsageError, match=r"cannot be fetched from the hub .* give its path"):
        _ = Utmos().identity


def test_an_absent_package_names_its_extra() -> None:
    for find in (package_folder, import_optional):
        with pytest.raises(UsageError, match=r"package no_such_judge .* EXTRAS=...,quality"):
            find("no_such_judge", "quality")


def test_naturalness_is_the_mean_of_either_predictors_score() -> None:
    said = Utterance("u", TEXT, "en", "s")
    outputs = [{"dnsmos": {"ovrl": 3.0, "sig": 3.5, "bak": 4.0}}, {"dnsmos": {"ovrl": 2.0}}]
    trials = [Evidence(said, 1.0, Timings(), output) for output in outputs]
    metric = Naturalness()
    assert metric.values(metric.components(trials)) == {"": 2.5}
    assert metric.detail(trials[:1]) == outputs[0]["dnsmos"]
    other = Naturalness(predictor="distillmos")
    trial = Evidence(said, 1.0, Timings(), {"distillmos": {"mos": 4.25}})
    assert other.values(other.components([trial])) == {"": 4.25}
    assert other.needs == ("distillmos",)


def test_a_predictor_stands_in_the_id_alone() -> None:
    from xtts_lab.runs.metric_use import metric_uses
    from xtts_lab.yaml_file import Document, Where

    specs = [{"name": "naturalness"}, {"name": "naturalness", "predictor": "utmos"}]
    uses = metric_uses(specs, Where(Document("test")))
    assert [use.ids for use in uses] == [{"": "naturalness.dnsmos"}, {"": "naturalness.utmos"}]


@pytest.mark.parametrize(("judge", "name"), [(Dnsmos(), "ovrl"), (DistillMos(), "mos")])
def test_noise_lowers_the_score_of_human_speech(
    judge: Any, name: str, speech_pack: Path, tmp_path: Path
) -> None:
    # On espeak-ng's speech this does not hold of DistillMOS: 2.50 clean, 2.73 at 20 dB.
    source = sorted((speech_pack / "audio" / "en").glob("*.opus"))[0]
    spoken = audio.load(source, 16_000).samples[
        : int(2.3 * 16_000)
    ]  # DNSMOS hears it four times over
    audio.save(tmp_path / "human.wav", Audio(spoken, 16_000))
    paths = [tmp_path / "human.wav"]
    paths += [with_noise(paths[0], snr) for snr in (20.0, 5.0)]
    scores = [only(iter([o]))[name] for o in judge.measure([Clip(p) for p in paths])]
    assert np.all(np.diff(scores) < 0)
