"""Error rates against jiwer and by hand; speaker similarity against numpy and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xtts_lab import registry
from xtts_lab.metrics.duration import Duration
from xtts_lab.metrics.error_rate import Cer, Wer, character_edits, word_edits
from xtts_lab.metrics.secs import Secs, cosine
from xtts_lab.text.scoring import CHARACTER_LANGUAGES, normalise
from xtts_lab.types import LANGUAGES, Evidence, Metric, Timings, Utterance


def heard(text: str, hypothesis: str, language: str = "en") -> Evidence:
    said = Utterance("u", text, language, "s")
    return Evidence(said, 1.0, Timings(), {"whisper": {"text": hypothesis}})


def sums_of(metric: Metric, trials: list[Evidence]) -> dict[str, float]:
    """Add components up as the engine does, unit by unit."""
    total: dict[str, float] = {}
    for trial in trials:
        for name, value in metric.components([trial]).items():
            total[name] = total.get(name, 0.0) + value
    return total


sentences = st.lists(
    st.sampled_from(["Aber", "l'eau", "well-known", "Zoë,", "no.", "Да!", "a", "ñu"]), max_size=7
).map(" ".join)
languages = st.sampled_from(LANGUAGES)


@given(st.lists(st.tuples(sentences, sentences), min_size=1, max_size=5))
def test_rates_equal_jiwer_on_the_stored_texts(pairs: list[tuple[str, str]]) -> None:
    trials = [heard(*pair) for pair in pairs if pair[0]]
    assume(trials)
    for metric, rate in ((Wer(), jiwer.wer), (Cer(), jiwer.cer)):
        stored = [metric.detail([trial]) for trial in trials]
        texts = [(str(d["reference"]), str(d["hypothesis"])) for d in stored]
        values = metric.values(sums_of(metric, trials))
        pooled = rate([r for r, _ in texts], [h for _, h in texts])
        assert values["micro"] == pytest.approx(pooled, abs=1e-12)
        assert values["macro"] == pytest.approx(np.mean([rate(r, h) for r, h in texts]), abs=1e-12)


def levenshtein(a: Any, b: Any) -> int:
    """Textbook dynamic programming over two sequences."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


@given(sentences, sentences)
def test_edits_are_levenshteins(reference: str, hypothesis: str) -> None:
    a, b = normalise(reference, "en"), normalise(hypothesis, "en")
    assume(a)
    words, characters = word_edits(a, b), character_edits(a, b)
    assert (words.edits, words.length) == (levenshtein(a.split(), b.split()), len(a.split()))
    assert (characters.edits, characters.length) == (levenshtein(a, b), len(a))


@given(sentences.filter(bool), languages)
def test_the_same_text_has_no_errors_however_it_is_written(text: str, language: str) -> None:
    loud = f"«{text.replace(' ', '  ')}»!"
    for metric in (Wer(), Cer()):
        components = metric.components([heard(text, loud, language)])
        if metric.applies(Utterance("u", text, language, "s")):
            assert metric.values(components) == {"micro": 0.0, "macro": 0.0}
        else:
            assert components == {}


def test_a_rate_by_hand() -> None:
    # One word of three replaced; both words of two lost.
    trials = [heard("The cat sat.", "the hat sat"), heard("Good morning", "")]
    assert sums_of(Wer(), trials) == {
        "edits": 3.0,
        "length": 5.0,
        "rate": pytest.approx(1 / 3 + 1),
        "n": 2.0,
    }
    assert Wer().values(sums_of(Wer(), trials)) == {
        "micro": pytest.approx(0.6),
        "macro": pytest.approx(2 / 3),
    }
    assert Cer().components([trials[0]])["length"] == len("the cat sat")


def test_rates_are_not_clipped() -> None:
    assert Wer().components([heard("yes", "no no no no")])["rate"] == 4.0


def test_languages_without_spaces_have_cer_alone_and_no_spaces_in_it() -> None:
    for language, text in {
        "zh-cn": "今天天气很好",
        "ja": "いい天気です",
        "ko": "날씨가 좋다",
    }.items():
        trial = heard(text, " ".join(text) + "。", language)
        assert language in CHARACTER_LANGUAGES
        assert Wer().components([trial]) == {}
        components = Cer().components([trial])
        assert (components["edits"], components["length"]) == (0.0, len(text.replace(" ", "")))


@pytest.mark.parametrize("text", ["", "  ", "…!?"])
def test_without_a_text_no_rate_applies(text: str) -> None:
    for metric in (Wer(), Cer()):
        assert metric.components([heard(text, "something")]) == {}
        assert not metric.applies(heard(text, "something").utterance)


def test_another_recogniser_is_the_only_thing_needed() -> None:
    metric = Cer(recognizer="large")
    assert metric.needs == ("large",)
    trial = Evidence(Utterance("u", "a b", "en", "s"), 1.0, Timings(), {"large": {"text": "a"}})
    assert metric.components([trial])["edits"] == 2.0


vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(
    lambda v: float(np.linalg.norm(v)) > 1e-3
)


@given(vectors, vectors, st.floats(0.01, 100))
def test_cosine_is_symmetric_bounded_and_blind_to_length(
    a: list[float], b: list[float], scale: float
) -> None:
    expected = float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
    assert cosine(a, b) == cosine(b, a)
    assert cosine(a, b) == pytest.approx(expected, abs=1e-12)
    assert cosine([scale * x for x in a], b) == pytest.approx(expected, abs=1e-9)
    assert cosine(a, a) == pytest.approx(1.0)
    assert abs(cosine(a, b)) <= 1.0 + 1e-12


def test_embeddings_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="zeros"):
        cosine([0.0, 0.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="of 2 and of 1"):
        cosine([1.0, 0.0], [1.0])


def embedded(own: list[float], **roles: list[list[float]]) -> Evidence:
    outputs: dict[str, Any] = {"resemblyzer": {"embedding": own}}
    for role in ("enrolment", "references", "impostors"):
        clips = [{"embedding": vector} for vector in roles.get(role, [])]
        outputs[f"resemblyzer:{role}"] = clips
    said = Utterance("u", "", "en", "s", enrolment=(Path("e.wav"),))
    return Evidence(said, 1.0, Timings(), outputs)


def test_similarity_is_the_mean_of_cosines_by_hand() -> None:
    trial = embedded([1, 0], enrolment=[[2, 0], [0, 1]], references=[[3, 4]], impostors=[[-1, 0]])
    components = Secs().components([trial])
    assert components == {
        "enrolment": 0.5,  # not the cosine with the mean, which is .89
        "enrolment_n": 1.0,
        "prompt": pytest.approx(0.6),
        "prompt_n": 1.0,
        "impostor": -1.0,
        "impostor_n": 1.0,
    }


def test_a_role_without_clips_has_no_quantity() -> None:
    trials = [embedded([1, 0], enrolment=[[1, 0]]), embedded([1, 0], references=[[0, 1]])]
    assert Secs().values(sums_of(Secs(), trials)) == {"enrolment": 1.0, "prompt": 0.0}
    assert Secs().components([embedded([1, 0])]) == {}


def test_the_encoder_names_what_is_needed_and_stands_in_the_id() -> None:
    metric = Secs(encoder="ecapa")
    assert metric.instrument == "ecapa"
    assert metric.needs == ("ecapa", "ecapa:enrolment", "ecapa:references", "ecapa:impostors")


@pytest.mark.parametrize("name", ["wer", "cer", "secs"])
def test_every_ratio_gives_the_value(name: str) -> None:
    metric = registry.lookup("metrics", name)()
    if name == "secs":
        trial = embedded([1, 2], enrolment=[[2, 1]], references=[[3, 4]], impostors=[[1, 0]])
    else:
        trial = heard("one two three", "one too tree four")
    components = metric.components([trial])
    values = metric.values(components)
    assert values.keys() == metric.directions.keys() == metric.units.keys()
    for quantity, (above, below) in metric.ratios.items():
        assert values[quantity] == components[above] / components[below]


def test_duration_has_no_rate_where_no_text_is_known() -> None:
    metric = Duration()
    said = Evidence(Utterance("a", "one two", "en", "x"), 2.0, Timings(), {})
    unknown = Evidence(Utterance("b", "", "en", "x"), 3.0, Timings(), {})
    assert metric.values(metric.components([said])) == {"seconds": 2.0, "characters_per_s": 3.0}
    assert metric.values(metric.components([unknown])) == {"seconds": 3.0}
