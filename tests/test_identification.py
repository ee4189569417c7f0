"""Identification: scikit-learn's ROC, closed forms, and the statistics of pooled counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xtts_lab.experiment.pairing import MAX_IMPOSTORS, pair
from xtts_lab.metrics.identification import DIGITS, Identification, equal_error_rate
from xtts_lab.metrics.info import MetricInfo
from xtts_lab.statistics import bootstrap, pooled
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.types import Evidence, SpeakerAudio, Timings, Utterance

Floats = NDArray[np.float64]


def trial(
    own: Floats, enrolment: Sequence[Floats], impostors: dict[str, Sequence[Floats]]
) -> Evidence:
    outputs: dict[str, Any] = {
        "resemblyzer": {"embedding": own.tolist()},
        "resemblyzer:enrolment": [{"embedding": v.tolist()} for v in enrolment],
        "resemblyzer:impostors": [
            {"embedding": v.tolist()} for clips in impostors.values() for v in clips
        ],
    }
    names = [name for name, clips in impostors.items() for _ in clips]
    said = Utterance("u", "", "en", "s")
    return Evidence(said, 1.0, Timings(), outputs, 0, {"resemblyzer:impostors": names})


def at(score: float) -> Floats:
    """A vector whose cosine with [1, 0] is `score`."""
    return np.array([score, np.sqrt(1.0 - score**2)])


def scored(own: float, impostors: Sequence[float]) -> Evidence:
    others = {f"i{k}": [at(score)] for k, score in enumerate(impostors)}
    return trial(np.array([1.0, 0.0]), [at(own)], others)


def sums_of(metric: Identification, trials: Sequence[Evidence]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for one in trials:
        for name, amount in metric.components([one]).items():
            sums[name] = sums.get(name, 0.0) + amount
    return sums


def roc_eer(genuine: Floats, impostor: Floats) -> float:
    """The equal error rate on scikit-learn's ROC, linear between its points."""
    from scipy.optimize import brentq
    from sklearn.metrics import roc_curve

    labels = np.r_[np.ones(genuine.size), np.zeros(impostor.size)]
    alarms, hits, _ = roc_curve(labels, np.r_[genuine, impostor])
    return float(brentq(lambda x: 1.0 - x - np.interp(x, alarms, hits), 0.0, 1.0, xtol=1e-12))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gap", [0.02, 0.1, 0.25])
def test_the_eer_is_that_of_scikit_learns_roc(seed: int, gap: float) -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(seed)
    genuine = np.clip(rng.normal(0.6 + gap, 0.08, 60), -1, 1)
    impostor = np.clip(rng.normal(0.6, 0.08, (60, 19)), -1, 1)
    trials = [scored(own, others) for own, others in zip(genuine, impostor, strict=True)]
    metric = Identification()
    found = metric.values(sums_of(metric, trials))["eer"]
    assert found == pytest.approx(roc_eer(genuine, impostor.ravel()), abs=1e-3)
    rounded = [np.round(x, DIGITS) for x in (genuine, impostor.ravel())]
    assert found == pytest.approx(roc_eer(*rounded), abs=1e-9)


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 0.0),  # apart
        ([1, 1, 0, 0], [0, 0, 1, 1], 1.0),  # the wrong way round
        ([1, 2, 1, 0], [1, 2, 1, 0], 0.5),  # alike
        ([0, 0, 5, 0], [0, 0, 7, 0], 0.5),  # all tied
        ([1, 0, 0, 3], [3, 0, 0, 1], 0.25),  # a quarter of each beyond the other
        ([0, 1], [0, 0], np.nan),
    ],
)
def test_closed_forms_of_the_eer(
    genuine: list[float], impostor: list[float], expected: float
) -> None:
    rate = equal_error_rate(np.array(genuine, float), np.array(impostor, float))
    np.testing.assert_allclose(rate, expected, atol=1e-12)


counts = st.lists(st.integers(0, 9), min_size=2, max_size=12)


@given(counts, counts, st.integers(1, 5))
def test_properties_of_the_eer(a: list[int], b: list[int], times: int) -> None:
    size = min(len(a), len(b))
    genuine, impostor = np.array(a[:size], float), np.array(b[:size], float)
    genuine[0] += 1
    impostor[-1] += 1
    rate = float(equal_error_rate(genuine, impostor))
    assert 0.0 <= rate <= 1.0
    # Only shares count, and judging by the negated score exchanges misses and alarms.
    assert rate == pytest.approx(float(equal_error_rate(genuine * times, impostor)))
    assert rate == pytest.approx(float(equal_error_rate(impostor[::-1], genuine[::-1])))
    assert rate == pytest.approx(1.0 - float(equal_error_rate(impostor, genuine)))
    both = equal_error_rate(
        np.stack([genuine, genuine[::-1]]), np.stack([impostor, impostor[::-1]])
    )
    assert both[0] == pytest.approx(rate)


def test_top1_by_hand() -> None:
    trials = [scored(0.9, [0.8, 0.1]), scored(0.5, [0.6, 0.4]), scored(0.7, [0.7, 0.2, 0.1])]
    metric = Identification()
    values = metric.values(sums_of(metric, trials))
    assert values["top1"] == pytest.approx(1 / 3)  # the tie is lost
    assert values["candidates"] == pytest.approx(10 / 3)
    detail = metric.detail([trials[1]])
    assert (detail["rank"], detail["candidates"], detail["nearest"]) == (2, 3, "i0")


def test_a_speakers_score_is_the_mean_over_clips_not_the_best_one() -> None:
    one = trial(
        np.array([1.0, 0.0]), [at(0.9), at(0.5)], {"a": [at(0.95), at(0.1)], "b": [at(0.69)]}
    )
    assert Identification().components([one]) == {
        "trials": 1.0,
        "candidates": 3.0,
        "top1": 1.0,
        "genuine@0.70000": 1.0,
        "impostor@0.52500": 1.0,
        "impostor@0.69000": 1.0,
    }


def test_without_enrolment_or_impostors_it_does_not_apply() -> None:
    own = np.array([1.0, 0.0])
    assert Identification().components([trial(own, [], {"a": [at(0.1)]})]) == {}
    assert Identification().components([trial(own, [at(0.9)], {})]) == {}


@given(st.permutations(range(5)))
def test_the_order_of_trials_does_not_matter(order: list[int]) -> None:
    rng = np.random.default_rng(1)
    trials = [scored(rng.uniform(0.4, 0.9), rng.uniform(0.2, 0.8, 4)) for _ in order]
    metric = Identification()
    shuffled = metric.values(sums_of(metric, [trials[i] for i in order]))
    assert shuffled == pytest.approx(metric.values(sums_of(metric, trials)))


class Crowd:
    """A source of speakers with a few clips each."""

    def __init__(self, clips: dict[str, int]) -> None:
        self._clips = clips

    def ids(self, language: str) -> tuple[str, ...]:  # noqa: ARG002
        return tuple(self._clips)

    def voice(self, speaker: str, *_: Any, **__: Any) -> SpeakerAudio:
        paths = tuple(Path(f"{speaker}-{i}.wav") for i in range(self._clips[speaker]))
        return SpeakerAudio((), paths, "en")


class Said:
    id, text, language, speaker, target, spoken = "t", "one two", "en", None, None, None
    audio = None


def test_impostors_are_19_other_speakers_with_as_many_clips_as_the_speaker() -> None:
    crowd = Crowd({f"s{i:02d}": 1 + i % 4 for i in range(50)})
    items = pair([Said()], crowd, pairing="cross", prompts=lambda _: (), folder=Path())
    assert len(items) == 50
    served: dict[str, int] = {}
    for item in items:
        speakers = list(dict.fromkeys(item.impostor_speakers))
        assert len(speakers) == MAX_IMPOSTORS == 19
        assert item.utterance.speaker not in speakers
        for path, name in zip(item.impostors, item.impostor_speakers, strict=True):
            assert path.name.startswith(name)
        for name in speakers:
            served[name] = served.get(name, 0) + 1
            most = len(item.utterance.enrolment)
            assert 1 <= item.impostor_speakers.count(name) <= most
    assert min(served.values()) >= 15  # nobody is a favourite
    assert max(served.values()) <= 23


def test_few_speakers_are_all_impostors() -> None:
    items = pair(
        [Said()],
        Crowd({"a": 1, "b": 2, "c": 0}),
        pairing="cross",
        prompts=lambda _: (),
        folder=Path(),
    )
    assert [set(item.impostor_speakers) for item in items] == [{"b"}, {"a"}, {"a", "b"}]


def runs(arms: dict[str, float], speakers: int = 12, texts: int = 20) -> tuple[Any, Any]:
    """Scores and trials of arms whose genuine scores lie so far above the impostors'."""
    rng = np.random.default_rng(3)
    metric = Identification()
    scores, trials = [], []
    for arm, gap in arms.items():
        for s in range(speakers):
            for t in range(texts):
                one = scored(
                    np.clip(rng.normal(0.6 + gap, 0.05), -1, 1),
                    np.clip(rng.normal(0.6, 0.05, 11), -1, 1),
                )
                parts = dict(metric.components([one]))
                base = {"trial_id": f"{arm}/{s}/{t}", "arm": arm, "language": "en"}
                trials.append(
                    base
                    | {"utterance_id": f"{s}/{t}", "text": f"text {t}", "speaker": f"s{s}"}
                    | {"reference_language": "en", "status": "ok"}
                )
                detail = json.dumps({"components": parts})
                value = metric.values(parts)["eer"]
                scores.append(
                    base
                    | {"metric": "i.eer", "value": value, "detail": detail}
                    | {"numerator": np.nan, "denominator": np.nan}
                )
    texts = {"trial_id": "string", "arm": "string", "language": "string"}  # as a run has them
    return (
        pd.DataFrame(scores).astype({**texts, "metric": "string", "detail": "string"}),
        pd.DataFrame(trials).astype({**texts, "speaker": "string", "text": "string"}),
    )


POOL = pooled.Pool(partial(Identification().pool, "eer"), partial(Identification().merge, "eer"))
INFO = {"i.eer": MetricInfo("ratio", "lower", pool=POOL)}


def test_statistics_pool_scores_and_do_not_average_rates() -> None:
    scores, trials = runs({"good": 0.15, "poor": 0.05})
    settings: dict[str, Any] = {"confidence": 0.95, "resamples": 200, "seed": 0}
    summary = summarise(scores, trials, INFO, **settings)
    for arm in ("good", "poor"):
        merged: dict[str, float] = {}
        for detail in scores.loc[scores["arm"] == arm, "detail"]:
            for name, amount in json.loads(detail)["components"].items():
                merged[name] = merged.get(name, 0.0) + amount
        row = summary[(summary["arm"] == arm) & (summary["language"] == "en")].iloc[0]
        assert row["mean"] == pytest.approx(Identification().values(merged)["eer"])
        assert row["ci_low"] < row["mean"] < row["ci_high"]
        assert row["ci_high"] - row["ci_low"] < 0.15
    comparison = compare(scores, trials, INFO, baseline="poor", **settings).iloc[0]
    assert comparison["arm"] == "good"
    assert comparison["verdict"] == "better"
    assert comparison["ci_high"] < 0 < comparison["p_value"] < 0.01


def test_many_sums_are_resampled_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    speaker, sentence = (x.ravel() for x in np.meshgrid(np.arange(6), np.arange(8), indexing="ij"))
    order = np.argsort(sentence, kind="stable")
    speaker, sentence = speaker[order].astype(np.int64), sentence[order].astype(np.int64)
    cells = bootstrap.Cells(speaker, sentence, (sentence // 4).astype(np.int64))
    sums = rng.integers(0, 3, (48, 5)).astype(float)

    def draw() -> Floats:
        parts = bootstrap.resampled(cells, sums, 30, np.random.default_rng(7))
        return np.concatenate(list(parts))

    few = draw()
    monkeypatch.setattr(bootstrap, "MANY_SUMS", 0)
    np.testing.assert_allclose(draw(), few, atol=1e-9)
    assert few.shape == (30, 2, 5)


def test_merging_scores_for_resampling_moves_the_rate_little() -> None:
    scores, _ = runs({"good": 0.1, "poor": 0.03})
    for _, part in scores.groupby("arm"):
        found = [json.loads(detail)["components"] for detail in part["detail"]]
        column = pd.Series(found, dtype=object)
        whole, short = pooled.totals_of(POOL, [column])
        rates = [float(t.statistic(t.sums[0].sum(axis=0))) for t in (whole, short)]
        assert rates[0] == pytest.approx(rates[1], abs=1 / len(column))
        assert short.sums[0].shape[1] < whole.sums[0].shape[1] / 4


def test_components_of_cells_share_their_columns() -> None:
    columns = [pd.Series([{"b": 1.0}, {"a": 2.0}]), pd.Series([{"a": 3.0, "c": 1.0}, {}])]
    names, (first, second) = pooled.sums_of(columns)
    assert names == ["a", "b", "c"]
    np.testing.assert_array_equal(first, [[0, 1, 0], [2, 0, 0]])
    np.testing.assert_array_equal(second, [[3, 0, 1], [0, 0, 0]])
