"""Speaker encoders against the libraries called directly, and the guards that they share."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.instruments import guards, speechbrain_yaml
from xtts_lab.instruments.ecapa import Ecapa
from xtts_lab.instruments.wavlm_sv import WavLmSv
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Audio, Clip, Failure, Request, Synthesis

# The file of the published model with narrower layers; written from its documented keys.
HYPERPARAMS = """\
n_mels: 80
out_n_neurons: 11
pretrained_path: {folder}
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: !ref <n_mels>
mean_var_norm: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
    std_norm: False
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    channels: [16, 16, 16, 16, 48]
    kernel_sizes: [5, 3, 3, 3, 1]
    dilations: [1, 2, 3, 4, 1]
    attention_channels: 8
    lin_neurons: 12
classifier: !new:speechbrain.lobes.models.ECAPA_TDNN.Classifier
    input_size: 12
    out_neurons: !ref <out_n_neurons>
mean_var_norm_emb: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
    std_norm: False
modules:
    compute_features: !ref <compute_features>
    mean_var_norm: !ref <mean_var_norm>
    embedding_model: !ref <embedding_model>
    mean_var_norm_emb: !ref <mean_var_norm_emb>
    classifier: !ref <classifier>
label_encoder: !new:speechbrain.dataio.encoder.CategoricalEncoder
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        embedding_model: !ref <embedding_model>
        mean_var_norm_emb: !ref <mean_var_norm_emb>
        classifier: !ref <classifier>
        label_encoder: !ref <label_encoder>
    paths:
        embedding_model: !ref <pretrained_path>/embedding_model.ckpt
        mean_var_norm_emb: !ref <pretrained_path>/mean_var_norm_emb.ckpt
        classifier: !ref <pretrained_path>/classifier.ckpt
        label_encoder: !ref <pretrained_path>/label_encoder.txt
"""


@pytest.fixture(autouse=True)
def _without_lazy_modules() -> Iterator[None]:
    """Take SpeechBrain's redirects of old names out of `sys.modules` after each test.

    Hypothesis asks every module for its `__file__`, at which those import packages that are absent.
    """
    yield
    for name, module in list(sys.modules.items()):
        if type(module).__name__ in ("LazyModule", "DeprecatedModuleRedirect"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two sentences by espeak-ng, of different lengths."""
    folder = tmp_path_factory.mktemp("spoken")
    texts = ["The weather is very nice, and we go to the beach.", "Where did you put my keys?"]
    requests = [Request(text, "en", (), 0) for text in texts]
    for i, made in enumerate(EspeakSystem().synthesise(requests)):
        assert isinstance(made, Synthesis)
        audio.save(folder / f"{i}.wav", made.audio)
    return [folder / f"{i}.wav" for i in range(len(texts))]


def randomise(module: torch.nn.Module) -> None:
    """Draw every weight and running statistic, so that no layer is a neutral one."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            low = 0.5 if "running_var" in name else -0.5
            tensor.copy_(torch.rand_like(tensor) + low)


@pytest.fixture(scope="module")
def ecapa_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import_torchaudio()
    pytest.importorskip("speechbrain", reason="the extra `speakers` is not installed")
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier

    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("ecapa")
    network = ECAPA_TDNN(80, channels=[16, 16, 16, 16, 48], attention_channels=8, lin_neurons=12)
    randomise(network)
    torch.save(network.state_dict(), folder / "embedding_model.ckpt")
    torch.save(Classifier(12, out_neurons=11).state_dict(), folder / "classifier.ckpt")
    statistics = {"count": 3, "glob_mean": torch.rand(12), "glob_std": torch.ones(12)}
    torch.save(statistics, folder / "mean_var_norm_emb.ckpt")
    labels = [f"'id{i:05d}' => {i}" for i in range(11)]
    (folder / "label_encoder.txt").write_text(
        "\n".join([*labels, "================", "'starting_index' => 0"]) + "\n"
    )
    (folder / "hyperparams.yaml").write_text(HYPERPARAMS.format(folder=folder))
    return folder


def only(results: Iterator[Any]) -> dict[str, Any]:
    (result,) = results
    assert isinstance(result, dict), result
    return result


def unit(vector: Any) -> Any:
    flat = np.asarray(vector, np.float64).reshape(-1)
    return flat / np.linalg.norm(flat)


def test_ecapa_equals_speechbrain_called_directly(
    ecapa_folder: Path, spoken: list[Path], tmp_path: Path
) -> None:
    from speechbrain.inference.classifiers import EncoderClassifier

    library = EncoderClassifier.from_hparams(str(ecapa_folder), savedir=str(tmp_path))
    judge = Ecapa(model=str(ecapa_folder), device="cpu")
    for path in spoken:
        with torch.no_grad():
            expected = library.encode_batch(audio.load(path, 16_000).samples)
        got = judge.embed(audio.load(path, 16_000).samples)
        torch.testing.assert_close(got, expected[0, 0], rtol=0, atol=1e-6)
        output = only(judge.measure([Clip(path)]))
        np.testing.assert_allclose(output["embedding"], unit(expected), rtol=0, atol=1e-5)
    # The clips are told apart, so the agreement is not that of a constant.
    first, second = (only(judge.measure([Clip(path)]))["embedding"] for path in spoken)
    assert np.abs(np.subtract(first, second)).max() > 1e-3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("!new:speechbrain.lobes.features.Fbank", "!apply:os.system", "compute_features must be"),
        ("n_mels: !ref <n_mels>", "n_mels: !apply:os.getcwd []", "compute_features.n_mels"),
        ("    attention_channels: 8", "    activation: !name:torch.nn.Tanh", "must be a number"),
        ("channels: [16,", "channels: [32,", "not the weights of the network"),
        ("lin_neurons: 12", "lin_neurones: 12", "lin_neurones"),
        ("n_mels: 80\n", "n_mels: [80\n", "YAML"),
    ],
)
def test_hyperparams_are_data_and_nothing_else(
    ecapa_folder: Path, spoken: list[Path], tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (ecapa_folder / "hyperparams.yaml").read_text()
    assert old in text
    (tmp_path / "hyperparams.yaml").write_text(text.replace(old, new))
    weights = (ecapa_folder / "embedding_model.ckpt").read_bytes()
    (tmp_path / "embedding_model.ckpt").write_bytes(weights)
    with pytest.raises(UsageError, match=message):
        list(Ecapa(model=str(tmp_path)).measure([Clip(spoken[0])]))


def test_other_tags_in_hyperparams_never_run(tmp_path: Path) -> None:
    path = tmp_path / "hyperparams.yaml"
    mark = tmp_path / "ran"
    path.write_text(
        f"a: !apply:pathlib.Path.touch [!new:pathlib.Path [{mark}]]\n"
        f"b: !!python/object/apply:os.system ['touch {mark}']\n"
    )
    with pytest.raises(UsageError, match=r"hyperparams\.yaml"):
        speechbrain_yaml.read(path, {"x": "y.Z"})
    assert not mark.exists()


def test_pickled_code_in_a_checkpoint_never_runs(
    ecapa_folder: Path, spoken: list[Path], tmp_path: Path
) -> None:
    mark = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (mark,))

    (tmp_path / "hyperparams.yaml").write_bytes((ecapa_folder / "hyperparams.yaml").read_bytes())
    torch.save({"fc": Bomb()}, tmp_path / "embedding_model.ckpt")
    with pytest.raises(UsageError, match="not the weights"):
        list(Ecapa(model=str(tmp_path)).measure([Clip(spoken[0])]))
    assert not mark.exists()


@pytest.fixture(scope="module", params=["model.safetensors", "pytorch_model.bin"])
def wavlm_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow WavLM with an x-vector head, in both file formats."""
    import_torchaudio()
    pytest.importorskip("transformers", reason="the extra `speakers` is not installed")
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector

    torch.manual_seed(5)
    config = WavLMConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        conv_dim=(12, 12, 12),
        conv_kernel=(10, 8, 4),
        conv_stride=(10, 8, 4),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        tdnn_dim=(16, 16, 24),
        tdnn_kernel=(5, 3, 1),
        tdnn_dilation=(1, 2, 1),
        xvector_output_dim=10,
        use_weighted_layer_sum=True,
    )
    network = WavLMForXVector(config)
    randomise(network)
    folder = tmp_path_factory.mktemp("wavlm")
    network.save_pretrained(folder)
    if request.param == "pytorch_model.bin":
        from safetensors.torch import load_file

        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder


def test_wavlm_equals_transformers_called_directly(wavlm_folder: Path, spoken: list[Path]) -> None:
    from transformers import AutoFeatureExtractor, WavLMForXVector

    network = WavLMForXVector.from_pretrained(str(wavlm_folder)).eval()
    prepare = AutoFeatureExtractor.from_pretrained(str(wavlm_folder))
    judge = WavLmSv(model=str(wavlm_folder), device="cpu")
    seen = []
    for path in spoken:
        samples = audio.load(path, 16_000).samples.numpy()
        with torch.no_grad():
            prepared = prepare(samples, sampling_rate=16_000, return_tensors="pt")
            expected = network(**prepared).embeddings[0]
        torch.testing.assert_close(judge.embed(torch.from_numpy(samples)), expected)
        output = only(judge.measure([Clip(path)]))
        np.testing.assert_allclose(output["embedding"], unit(expected), rtol=0, atol=1e-5)
        seen.append(output["embedding"])
    assert np.abs(np.subtract(*seen)).max() > 1e-4


def test_a_wavlm_that_lacks_tensors_is_refused(
    wavlm_folder: Path, spoken: list[Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    weights = next(p for p in wavlm_folder.iterdir() if p.suffix in (".safetensors", ".bin"))
    state = (
        load_file(weights)
        if weights.suffix == ".safetensors"
        else torch.load(weights, weights_only=True)
    )
    kept = {k: v.contiguous() for k, v in state.items() if not k.startswith("tdnn.1")}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((wavlm_folder / name).read_bytes())
    with pytest.raises(UsageError, match=r"lacks tdnn\.1"):
        list(WavLmSv(model=str(tmp_path)).measure([Clip(spoken[0])]))


ENCODERS = [Ecapa, WavLmSv]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_cannot_be_had_is_one_line_with_the_remedy(encoder: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a folder nor a hub id"):
        encoder(model="./nowhere")
    with pytest.raises(UsageError, match="needs `revision`"):
        encoder(model="someone/else")
    with pytest.raises(UsageError, match="needs `revision`"):
        encoder(revision="main")
    with pytest.raises(UsageError, match="connect once"):  # tests are offline
        _ = encoder().identity
    with pytest.raises(UsageError, match=r"no (hyperparams\.yaml|config\.json)"):
        _ = encoder(model=str(tmp_path)).identity


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_encoders_identity_follows_its_files(
    encoder: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if encoder is WavLmSv:
        pytest.importorskip("transformers")
        for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
            (tmp_path / name).write_text(name)
        changed = "preprocessor_config.json"
    else:
        folder = request.getfixturevalue("ecapa_folder")
        for name in ("hyperparams.yaml", "embedding_model.ckpt"):
            (tmp_path / name).write_bytes((folder / name).read_bytes())
        changed = "hyperparams.yaml"
    before = dict(encoder(model=str(tmp_path)).identity)
    assert str(tmp_path.parent) not in str(before)
    with (tmp_path / changed).open("a") as file:
        file.write("\n")
    assert dict(encoder(model=str(tmp_path)).identity) != before


def test_an_embedding_depends_on_its_clip_alone(ecapa_folder: Path, spoken: list[Path]) -> None:
    judge = Ecapa(model=str(ecapa_folder))
    together = list(judge.measure([Clip(p) for p in [*spoken, *reversed(spoken)]]))
    assert together == together[::-1]
    assert together[:2] == [only(Ecapa(model=str(ecapa_folder)).measure([Clip(p)])) for p in spoken]


def test_clips_that_hold_no_voice_are_failures(
    ecapa_folder: Path, spoken: list[Path], tmp_path: Path
) -> None:
    whole = audio.load(spoken[0], 16_000)
    torch.manual_seed(0)
    audio.save(tmp_path / "short.wav", Audio(whole.samples[:8000], 16_000))
    audio.save(tmp_path / "silence.wav", Audio(torch.zeros(48_000), 16_000))
    audio.save(tmp_path / "one.wav", Audio(torch.ones(1), 16_000))
    padded = torch.cat([torch.zeros(32_000), whole.samples[:8000], torch.zeros(32_000)])
    audio.save(tmp_path / "padded.wav", Audio(padded, 16_000))
    (tmp_path / "text.wav").write_text("no audio")
    clips = [Clip(path) for path in sorted(tmp_path.glob("*.wav"))]
    for clip, result in zip(clips, Ecapa(model=str(ecapa_folder)).measure(clips), strict=True):
        assert isinstance(result, Failure)
        assert result.error.startswith(clip.path.name)
        if clip.path.name != "text.wav":
            assert "too short" in result.error
            assert "needs 1.00 s" in result.error


def test_a_telephone_band_is_marked(ecapa_folder: Path, spoken: list[Path], tmp_path: Path) -> None:
    judge = Ecapa(model=str(ecapa_folder))
    wide = only(judge.measure([Clip(spoken[0])]))
    narrow = audio.resample(audio.load(spoken[0]), 8_000)
    audio.save(tmp_path / "narrow.wav", narrow)
    audio.save(tmp_path / "upsampled.wav", audio.resample(narrow, 24_000))
    assert not wide["band_limited"]
    for name in ("narrow", "upsampled"):
        found = only(judge.measure([Clip(tmp_path / f"{name}.wav")]))
        assert found["band_limited"]
        assert 3_000 <= found["bandwidth_hz"] <= guards.BAND_LIMIT_HZ < wide["bandwidth_hz"]


@given(st.floats(300, 7_600), st.floats(1e-3, 1.0))
@settings(max_examples=25, deadline=None)
def test_the_bandwidth_of_a_tone_is_its_frequency_at_any_gain(hertz: float, gain: float) -> None:
    seconds = torch.arange(16_000) / 16_000
    found = guards.bandwidth_hz(gain * torch.sin(2 * torch.pi * hertz * seconds))
    assert hertz - 1 <= found <= hertz + 500  # the edge of its band, or of the next one


def test_speech_is_counted_without_pauses_and_at_any_gain(spoken: list[Path]) -> None:
    samples = audio.load(spoken[0], 16_000).samples
    bare = guards.detected_speech_s(samples)
    assert 0.6 * len(samples) / 16_000 < bare <= len(samples) / 16_000
    paused = torch.cat([torch.zeros(4_800), samples, torch.zeros(48_000)])
    assert guards.detected_speech_s(paused) == pytest.approx(bare, abs=0.25)
    assert guards.detected_speech_s(samples * 0.01) == pytest.approx(bare, abs=0.1)


def test_human_speech_passes_the_guards_and_its_telephone_copy_is_marked(speech_pack: Path) -> None:
    with (speech_pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::60]
    wide, narrow = 0, 0
    for row in rows:
        speech = guards.load_speech(speech_pack / row["path"])
        if isinstance(speech, Failure):
            continue
        wide += not speech.outputs["band_limited"]
        telephone = audio.resample(audio.resample(speech.audio, 8_000), 16_000)
        narrow += guards.is_band_limited(guards.bandwidth_hz(telephone.samples))
    assert len(rows) > 15
    assert min(wide, narrow) >= 0.9 * len(rows)
