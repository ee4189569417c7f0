"""`world_ctc`: its file, what it writes, and error rates by sounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
import torch

from tests.xtts_fixtures import write_voice
from xtts_lab import registry
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.espeak.engine import Engine
from xtts_lab.espeak.ipa import to_ipa
from xtts_lab.instruments.world_ctc import SHIPPED, WorldCtc
from xtts_lab.metrics.error_rate import Cer, Wer
from xtts_lab.metrics.sanity import Sanity
from xtts_lab.nn import ctc_weights
from xtts_lab.nn.ctc import CtcConfig, CtcRecogniser
from xtts_lab.nn.ctc_weights import Knowledge
from xtts_lab.text.sounds import sounds
from xtts_lab.types import Clip, Evidence, Failure, Timings, Utterance

CONFIG = CtcConfig(symbols=6, languages=2, width=16, inner=32, layers=2, kernel=5)
KNOWN = Knowledge(CONFIG, "aeioʃː", ("de", "en"), {"de": 0.02, "en": 0.031}, {"tones": "abc"})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    ctc_weights.save(tmp_path / "own.safetensors", CtcRecogniser(CONFIG), KNOWN)
    return tmp_path / "own.safetensors"


def test_a_recogniser_comes_back_from_its_file(weights: Path) -> None:
    torch.manual_seed(0)
    network = CtcRecogniser(CONFIG).eval()
    assert ctc_weights.knowledge(weights) == KNOWN
    read = ctc_weights.load(weights)
    mel = torch.randn(1, 80, 30)
    given = mel, torch.tensor([30]), torch.tensor([1])
    torch.testing.assert_close(read(*given), network(*given), rtol=0, atol=2e-2)  # half precision
    assert not any(weight.requires_grad for weight in read.parameters())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"nothing", "cannot be read as safetensors"),
        ({"format": "other"}, "holds no phoneme recogniser"),
        ({"format": "xtts_lab.ctc", "knowledge": "{}"}, "does not say what its recogniser knows"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, content: bytes | dict[str, str], expected: str
) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "own.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        save_file({"a": torch.zeros(1)}, path, content)
    with pytest.raises(UsageError, match=expected):
        ctc_weights.load(path)


def test_it_writes_sounds_and_the_same_each_time(weights: Path, tmp_path: Path) -> None:
    judge = WorldCtc(weights=weights, device="cpu")
    clips = [
        Clip(write_voice(tmp_path / f"{seed}.wav", 1.0 + seed, seed=seed), "de")
        for seed in range(3)
    ]
    together = list(judge.measure(clips))
    for clip, heard in zip(clips, together, strict=True):
        assert isinstance(heard, dict)
        assert set(heard) == {"text", "alphabet", "avg_logprob"}
        assert heard["alphabet"] == "ipa"
        assert set(str(heard["text"])) <= set(KNOWN.symbols)
        assert next(iter(judge.measure([clip]))) == heard
    assert judge.uses_language
    assert judge.identity["floor"] == KNOWN.floor
    assert json.dumps(dict(judge.identity))


@pytest.mark.parametrize("language", ["fr", "ja", None])
def test_a_language_that_it_does_not_know_is_a_failure(
    weights: Path, tmp_path: Path, language: str | None
) -> None:
    clip = Clip(write_voice(tmp_path / "a.wav", 1.0), language)
    (heard,) = WorldCtc(weights=weights, device="cpu").measure([clip])
    assert isinstance(heard, Failure)
    assert "knows de, en" in heard.error


def test_short_and_broken_clips_are_failures(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "b.wav").write_bytes(b"no audio")
    soundfile.write(tmp_path / "c.wav", [0.0] * 100, 16000)
    clips = [Clip(tmp_path / "b.wav", "de"), Clip(tmp_path / "c.wav", "en")]
    broken, short = WorldCtc(weights=weights, device="cpu").measure(clips)
    assert isinstance(broken, Failure)
    assert isinstance(short, Failure)
    assert "are needed" in short.error


def test_absent_weights_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="train one with the stage `ctc`"):
        WorldCtc(weights=tmp_path / "absent.safetensors")
    if not SHIPPED.is_file():
        with pytest.raises(UsageError, match="world_ctc"):
            WorldCtc()


TEXTS = [
    ("en", "Good morning, dear friends!"),
    ("de", "Zwei Äpfel für 3 Euro."),
    ("es", "¿Qué hora es?"),
    ("pt", "Não, obrigado."),
    ("it", "Perché no?"),
    ("zh-cn", "你好吗？"),
]


def trial(language: str, text: str, heard: str) -> Evidence:
    utterance = Utterance("u", text, language, "s")
    output = {"text": heard, "alphabet": "ipa"}
    return Evidence(utterance, 1.0, Timings(), {"world_ctc": output})


@pytest.mark.parametrize(("language", "text"), TEXTS)
def test_the_rate_compares_sounds(language: str, text: str) -> None:
    metric = Cer(recognizer="world_ctc")
    with Engine() as engine:
        told = sounds(to_ipa(engine, text, language), language)
    right = metric.components([trial(language, text, told)])
    assert (right["edits"], right["length"]) == (0.0, float(len(told)))
    wrong = metric.components([trial(language, text, "x" + told[1:-1])])
    assert wrong["edits"] == 2.0
    nothing = metric.components([trial(language, text, "")])
    assert metric.values(nothing)["micro"] == 1.0
    detail = metric.detail([trial(language, text, told)])
    assert detail["reference"] == detail["hypothesis"] == told
    assert str(detail["normaliser"]).startswith("espeak-ipa.")


def test_its_rates_have_ids_of_their_own() -> None:
    assert Cer(recognizer="world_ctc").instrument == "world_ctc"
    assert Cer().instrument is None
    assert Cer().identity != Cer(recognizer="world_ctc").identity
    with pytest.raises(UsageError, match="writes sounds, not words"):
        Wer(recognizer="world_ctc")


def test_sounds_are_no_loop() -> None:
    evidence = trial("zh-cn", "你好吗", "nixaʊma" * 3)
    levels = {"silent": 0.0, "clipped": 0.0, "speech_s": 1.0}
    outputs = {**evidence.outputs, "levels": levels}
    told = Evidence(evidence.utterance, 1.0, Timings(), outputs)
    assert "looped" not in Sanity(recognizer="world_ctc").faults(told)


def test_an_experiment_shows_its_floor(weights: Path, tmp_path: Path) -> None:
    """From configuration to report: ids, caveat, and a failure counted for another language."""
    experiment = tmp_path / "e.yaml"
    experiment.write_text(
        f"""
name: ruler
systems: {{espeak: {{name: espeak}}}}
texts: {{name: builtin, languages: [en, de], per_language: 1}}
speakers: {{name: synthetic, count: 2}}
metrics: [{{name: cer, recognizer: world_ctc}}]
instruments: {{world_ctc: {{name: world_ctc, weights: {weights}, device: cpu}}}}
"""
    )
    out = tmp_path / "run"
    assert run_app(["run", str(experiment), "--out", str(out)]) == 0
    summary = (out / "summary.csv").read_text()
    assert "cer.world_ctc.micro" in summary
    assert "cer.micro" not in summary
    report = (out / "report.md").read_text()
    assert "de 2.0% and en 3.1%" in report
    assert "world_ctc" in registry.targets("instruments")
