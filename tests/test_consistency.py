"""Consistency over repeats: closed forms, invariances, and how repeats reach the metric."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab import audio, registry
from xtts_lab.cli import run_app
from xtts_lab.metrics.consistency import (
    NATURAL_EER_THRESHOLDS,
    Consistency,
    Total,
    mean_pairwise_cosine,
    total,
    unit,
)
from xtts_lab.metrics.secs import cosine
from xtts_lab.types import (
    Audio,
    Evidence,
    Failure,
    Json,
    Request,
    Synthesis,
    Timings,
    Utterance,
)

TEXT = "one two three four five"


def repeat(
    embedding: Sequence[float] = (1.0, 0.0),
    *,
    duration_s: float = 2.0,
    hertz: float | None = 100.0,
    heard: str | None = TEXT,
    enrolment: Sequence[Sequence[float]] = ((1.0, 0.0),),
    text: str = TEXT,
) -> Evidence:
    outputs: dict[str, Any] = {
        "resemblyzer": {"embedding": list(embedding)},
        "resemblyzer:enrolment": [{"embedding": list(v)} for v in enrolment],
        "pitch": {"f0_median_hz": hertz},
        "whisper": None if heard is None else {"text": heard},
    }
    return Evidence(Utterance("u", text, "en", "s"), duration_s, Timings(), outputs)


def values(trials: Sequence[Evidence], metric: Consistency | None = None) -> dict[str, float]:
    metric = metric or Consistency()
    return dict(metric.values(metric.components(trials)))


def test_the_same_thing_five_times_is_perfectly_consistent() -> None:
    assert values([repeat()] * 5) == {
        "speaker": pytest.approx(1.0),
        "duration_sd": 0.0,
        "f0_sd": 0.0,
        "cer_sd": 0.0,
        "speaker_lost": 0.0,
    }


def test_one_repeat_is_none() -> None:
    assert Consistency().components([repeat()]) == {}


def test_closed_forms() -> None:
    # Vectors 60 degrees apart; lengths a factor e^.2 apart; an octave apart; one error of 23.
    trials = [
        repeat((1, 0), duration_s=1.0, hertz=110.0, heard=TEXT),
        repeat((0.5, math.sqrt(0.75)), duration_s=math.exp(0.2), hertz=220.0, heard=TEXT[:-1]),
    ]
    found = values(trials)
    # Two values d apart have a standard deviation of d / sqrt(2).
    assert found["speaker"] == pytest.approx(0.5)
    assert found["duration_sd"] == pytest.approx(0.2 / math.sqrt(2))
    assert found["f0_sd"] == pytest.approx(12.0 / math.sqrt(2))
    assert found["cer_sd"] == pytest.approx(1 / len(TEXT) / math.sqrt(2))
    assert found["speaker_lost"] == pytest.approx(0.5)  # .5 is below the threshold, 1 is not


vectors = st.lists(
    st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: math.hypot(*v) > 1e-3),
    min_size=2,
    max_size=6,
)


@given(vectors, vectors)
def test_means_over_pairs_are_those_of_numpy(first: Any, second: Any) -> None:
    a, b = (np.array([np.array(v) / np.linalg.norm(v) for v in side]) for side in (first, second))
    pairs = [x @ y for x, y in itertools.combinations(a, 2)]
    units = [unit(v) for v in first]
    assert mean_pairwise_cosine(units) == pytest.approx(np.mean(pairs), abs=1e-9)
    others = total([unit(v) for v in second])
    crossed = total(units).cosine(others, Total([0.0] * len(others.vector), 0))
    assert crossed == pytest.approx(float((a @ b.T).mean()), abs=1e-9)


@given(st.permutations(range(4)), st.floats(0.1, 10))
def test_order_gain_tempo_and_transposition_change_nothing(order: list[int], scale: float) -> None:
    rng = np.random.default_rng(0)
    vectors, seconds, hertz = rng.normal(size=(4, 3)), rng.uniform(1, 3, 4), rng.uniform(90, 200, 4)
    bare = [
        repeat(v, duration_s=d, hertz=f, enrolment=[[1, 1, 1]])
        for v, d, f in zip(vectors, seconds, hertz, strict=True)
    ]
    moved = [
        repeat(v * scale, duration_s=d * scale, hertz=f * scale, enrolment=[[2, 2, 2]])
        for v, d, f in zip(vectors, seconds, hertz, strict=True)
    ]
    assert values([moved[i] for i in order]) == pytest.approx(values(bare))


def test_what_a_judge_could_not_use_leaves_the_repeat_out() -> None:
    trials = [repeat(hertz=100), repeat(hertz=None), repeat(hertz=200, heard=None)]
    found = values(trials)
    assert found["f0_sd"] == pytest.approx(12.0 / math.sqrt(2))
    assert found["cer_sd"] == 0.0
    assert "f0_sd" not in values([repeat(hertz=None), repeat()])
    assert "cer_sd" not in values([repeat(text=""), repeat(text="")])
    assert "speaker_lost" not in values([repeat(enrolment=[]), repeat(enrolment=[])])


def test_texts_are_compared_apart() -> None:
    metric = Consistency()
    same = [repeat((1, 0)), repeat((1, 0))]
    other = [repeat((0, 1), text="six"), repeat((0.6, 0.8), text="six")]
    sums = {**metric.components(same), **metric.cross_text([same, other, same])[0]}
    found = metric.values(sums)
    assert found["speaker"] == pytest.approx(1.0)
    assert found["speaker_cross_text"] == pytest.approx(0.3)
    assert metric.cross_text([same, same]) == [{}, {}]
    assert metric.cross_text([]) == []


@given(
    st.lists(st.tuples(st.sampled_from(["", "one", "two", "three"]), st.integers(1, 3)), max_size=7)
)
def test_comparing_texts_is_the_mean_over_all_pairs_of_other_texts(
    said: list[tuple[str, int]],
) -> None:
    metric = Consistency()
    angles = itertools.count(1)
    units = [
        [repeat((math.cos(a), math.sin(a)), text=text) for a in itertools.islice(angles, count)]
        for text, count in said
    ]
    found = metric.cross_text(units)
    for i, mine in enumerate(units):
        own = mine[0].utterance.text
        pairs = [
            cosine(a.outputs["resemblyzer"]["embedding"], b.outputs["resemblyzer"]["embedding"])
            for j, rest in enumerate(units)
            if j != i and (rest[0].utterance.text != own or not own)
            for a, b in itertools.product(mine, rest)
        ]
        expected = statistics.fmean(pairs) if pairs else None
        assert found[i].get("speaker_cross_text") == (
            None if expected is None else pytest.approx(expected, abs=1e-12)
        )


def test_the_threshold_of_a_lost_speaker() -> None:
    trials = [repeat((1, 0)), repeat((0.65, math.sqrt(1 - 0.65**2)))]
    assert Consistency().detail(trials)["lost_below"] == NATURAL_EER_THRESHOLDS["resemblyzer"]
    assert values(trials)["speaker_lost"] == 0.5
    assert values(trials, Consistency(lost_below=0.6))["speaker_lost"] == 0.0
    assert "speaker_lost" not in values(trials, Consistency(lost_below=None))
    assert Consistency(encoder="ecapa").detail(trials)["lost_below"] is None


def test_judges_can_be_left_out() -> None:
    metric = Consistency(pitch=None, recognizer=None)
    assert metric.needs == ("resemblyzer", "resemblyzer:enrolment")
    assert values([repeat()] * 2, metric).keys() == {"speaker", "duration_sd", "speaker_lost"}


def test_units_add_up() -> None:
    metric = Consistency()
    units = [[repeat((1, 0)), repeat((0, 1))], [repeat(duration_s=1), repeat(duration_s=math.e)]]
    sums: dict[str, float] = {}
    for one in units:
        for name, amount in metric.components(one).items():
            sums[name] = sums.get(name, 0.0) + amount
    found = metric.values(sums)
    assert found["speaker"] == pytest.approx(0.5)
    assert found["duration_sd"] == pytest.approx(1 / math.sqrt(2) / 2)
    assert found["speaker_lost"] == pytest.approx(0.25)


class Wandering:
    """Plays the reference at a pace and pitch that the seed chooses: a voice that drifts."""

    languages = frozenset({"en"})
    sample_rate = 16_000

    def __init__(self) -> None:
        """No settings."""

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"version": 1}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            played = audio.load(request.references[0].audio, self.sample_rate)
            rate = 800 * (16 + request.seed % 9)
            faster = audio.resample(Audio(played.samples, rate), self.sample_rate)
            yield Synthesis(faster)


EXPERIMENT = """\
name: repeats
systems:
  steady: {name: espeak}
  wandering: {name: wandering}
texts: {name: builtin, languages: [en], per_language: 2}
speakers: {name: synthetic, count: 3, references: 1}
pairing: cross
repeats: 2
sanity: false
metrics:
  - {name: consistency, pitch: null, recognizer: null}
  - {name: identification}
  - {name: duration}
"""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repeats")
    (folder / "e.yaml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.BUILTIN["systems"], "wandering", f"{__name__}:Wandering")  # type: ignore[arg-type]
        patch.setenv("XTTS_LAB_CACHE", str(folder / "cache"))
        assert run_app(["run", str(folder / "e.yaml"), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_an_arm_that_always_says_the_same_has_no_consistency(run_folder: Path) -> None:
    scores = pd.read_parquet(run_folder / "scores.parquet")
    arms = {metric: set(part["arm"]) for metric, part in scores.groupby("metric")}
    assert arms["consistency.speaker"] == {"wandering"}
    assert arms["duration.seconds"] == {"steady", "wandering"}
    summary = pd.read_csv(run_folder / "summary.csv")
    steady = summary[(summary["arm"] == "steady") & summary["metric"].str.startswith("consist")]
    assert (steady["n"] == 0).all()
    assert steady["mean"].isna().all()
    assert (steady["failed"] == 0).all()


def test_a_group_of_repeats_has_one_score_and_is_counted_once(run_folder: Path) -> None:
    scores = pd.read_parquet(run_folder / "scores.parquet")
    summary = pd.read_csv(run_folder / "summary.csv")
    for metric, per_utterance in (("consistency.speaker", 1), ("duration.seconds", 2)):
        own = scores[(scores["metric"] == metric) & (scores["arm"] == "wandering")]
        assert len(own) == 6 * per_utterance
        mine = summary[(summary["metric"] == metric) & (summary["arm"] == "wandering")]
        row = mine[mine["language"] == "en"].iloc[0]
        assert (row["n"], row["failed"], row["skipped"]) == (6 * per_utterance, 0, 0)


def test_an_experiments_scores_are_those_of_its_evidence(run_folder: Path) -> None:
    """Compute same-text and cross-text similarity again from the stored embeddings."""
    evidence = pd.read_parquet(run_folder / "evidence.parquet")
    own = evidence[evidence["role"] == "audio"].set_index("trial_id")["output"].map(json.loads)
    trials = pd.read_parquet(run_folder / "trials.parquet").query("arm == 'wandering'")
    vectors = {t: np.array(own[t]["embedding"]) for t in trials["trial_id"]}
    scores = pd.read_parquet(run_folder / "scores.parquet")
    for quantity in ("speaker", "speaker_cross_text"):
        part = scores[scores["metric"] == f"consistency.{quantity}"].set_index("trial_id")["value"]
        assert len(part) == 6
        for trial_id, value in part.items():
            first = trials.set_index("trial_id").loc[trial_id]
            speaker = trials[trials["speaker"] == first["speaker"]]
            same = speaker[speaker["utterance_id"] == first["utterance_id"]]["trial_id"]
            rest = speaker[speaker["utterance_id"] != first["utterance_id"]]["trial_id"]
            pairs = (
                itertools.combinations(same, 2)
                if quantity == "speaker"
                else itertools.product(same, rest)
            )
            expected = np.mean([vectors[a] @ vectors[b] for a, b in pairs])
            assert value == pytest.approx(expected, abs=1e-5)


def test_impostors_reach_the_metric_by_speaker(run_folder: Path) -> None:
    scores = pd.read_parquet(run_folder / "scores.parquet")
    top1 = scores[scores["metric"] == "identification.resemblyzer.top1"]
    details = top1["detail"].map(json.loads)
    speakers = {t.split("/")[1].split("+")[1] for t in top1["trial_id"]}
    assert len(top1) == 2 * 12
    for trial_id, detail in zip(top1["trial_id"], details, strict=True):
        assert detail["candidates"] == 3
        assert detail["nearest"] in speakers
        assert detail["nearest"] not in trial_id
    summary = pd.read_csv(run_folder / "summary.csv")
    eer = summary.query("metric == 'identification.resemblyzer.eer' and language == 'en'")
    assert len(eer) == 2
    assert eer["mean"].between(0, 0.5).all()
