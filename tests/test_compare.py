"""Two runs compared, and a run beside a published table."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.test_report import Page
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.experiment.spec import resolve
from xtts_lab.runs import compare as compare_runs
from xtts_lab.runs.against_published import compare_published
from xtts_lab.runs.metric_use import metric_info
from xtts_lab.runs.published import names, published
from xtts_lab.runs.reading import Run, read_results
from xtts_lab.statistics.summaries import compare, summarise
from xtts_lab.yaml_file import Document, Where, read

SPEAKERS, SENTENCES = 12, 24
LANGUAGES = ("en", "de")


def write_run(folder: Path, arms: dict[str, float], **changes: Any) -> Path:
    """Write a run folder whose arms have character error rates around the given ones.

    `skip` leaves out the first sentences, `model` names the recogniser, `random` marks weights,
    `untrained` parts; without it the table of trials is of before that column.
    """
    rng = np.random.default_rng(changes.get("seed", 0))
    trials, scores = [], []
    for arm, rate in arms.items():
        for language in LANGUAGES:
            for i in range(changes.get("skip", 0), SENTENCES):
                name = f"t{len(trials)}"
                trials.append(_trial(name, arm, language, i, changes))
                scores += _scores(trials[-1], float(rng.binomial(100, rate)))
    folder.mkdir()
    experiment = {
        "name": folder.name, "systems": {arm: {"name": "null"} for arm in arms},
        "metrics": [{"name": "cer"}, {"name": "secs"}], "seed": 3,
        "instruments": {"whisper": {"name": "whisper"}, "resemblyzer": {"name": "resemblyzer"}},
        "statistics": {"baseline": None, "confidence": 0.95, "resamples": 400},
    }  # fmt: skip
    whisper = {"name": "whisper", "model": changes.get("model", "base"), "beam_size": 1}
    environment = {
        "systems": {arm: {"spec": changes.get("system", {"name": "null"})} for arm in arms},
        "instruments": {
            "whisper": {"identity": whisper},
            "resemblyzer": {"identity": {"name": "resemblyzer", "version": 1}},
        },
        "metrics": {"cer": {"normaliser": changes.get("normaliser", "1")}},
    }  # fmt: skip
    _store(folder, experiment, environment, pd.DataFrame(trials), pd.DataFrame(scores))
    return folder


def _trial(
    name: str, arm: str, language: str, i: int, changes: dict[str, Any]
) -> dict[str, object]:
    return {
        "trial_id": name, "arm": arm, "language": language, "utterance_id": f"{language}{i}",
        "text": f"sentence {i}", "speaker": f"s{i % SPEAKERS}", "repeat": 0, "status": "ok",
        "references": json.dumps([changes.get("reference", "a.wav")]), "reference_language": "en",
        "weights_random": changes.get("random", False),
        **({"untrained": True} if changes.get("untrained") else {}),
    }  # fmt: skip


def _scores(trial: dict[str, object], edits: float) -> list[dict[str, object]]:
    base = {key: trial[key] for key in ("trial_id", "arm", "language")} | {"detail": "{}"}
    return [
        base | {"metric": "cer.micro", "value": edits / 100, "numerator": edits,
                "denominator": 100.0},
        base | {"metric": "cer.macro", "value": edits / 100, "numerator": edits / 100,
                "denominator": 1.0},
        base | {"metric": "secs.resemblyzer.enrolment", "value": 0.8, "numerator": 0.8,
                "denominator": 1.0},
    ]  # fmt: skip


def _store(
    folder: Path, experiment: Any, environment: Any, trials: pd.DataFrame, scores: pd.DataFrame
) -> None:
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    (folder / "environment.json").write_text(json.dumps(environment))
    trials.to_parquet(folder / "trials.parquet")
    scores.to_parquet(folder / "scores.parquet")
    run = Run(folder, "", experiment, environment, trials, scores, pd.DataFrame())
    summarise(scores, trials, metric_info(run.uses), confidence=0.95, resamples=400, seed=3).to_csv(
        folder / "summary.csv", index=False
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two runs that no test changes."""
    folder = tmp_path_factory.mktemp("compared")
    first = write_run(folder / "first", {"x": 0.30, "y": 0.30})
    second = write_run(folder / "second", {"x": 0.10, "y": 0.30}, seed=1)
    return read_results(first), read_results(second)


def test_differences_are_those_of_one_experiment_with_both_arms(
    runs: tuple[Run, Run],
) -> None:
    a, b = runs
    found = compare_runs.compare_runs(a, b, [("x", "x")]).table
    both_trials, both_scores = [], []
    for run, label in ((a, "A: x"), (b, "B: x")):
        for table, parts in ((run.trials, both_trials), (run.scores, both_scores)):
            own = table[table["arm"] == "x"]
            parts.append(own.assign(arm=label, trial_id=label + own["trial_id"]))
    options: dict[str, Any] = {"confidence": 0.95, "resamples": 400, "seed": 3}
    expected = compare(
        pd.concat(both_scores), pd.concat(both_trials), metric_info(a.uses), baseline="A: x",
        **options,
    )  # fmt: skip
    for column in ("difference", "ci_low", "ci_high", "p_value", "verdict", "speakers"):
        assert found[column].tolist() == expected[column].tolist(), column


def test_parts_that_were_not_trained_together_get_no_verdict(
    runs: tuple[Run, Run], tmp_path: Path
) -> None:
    b = read_results(write_run(tmp_path / "third", {"x": 0.10}, seed=1, untrained=True))
    found = compare_runs.compare_runs(runs[0], b, [("x", "x")])
    assert set(found.table["verdict"]) == {"undecided"}
    assert any("not trained together" in note for note in found.notes)
    why = [w for reasons in compare_published(b, "xtts-paper").reasons.values() for w in reasons]
    assert "parts that were not trained together" in why


def test_verdicts_say_which_run_is_better_and_pairs_share_holm(
    runs: tuple[Run, Run],
) -> None:
    a, b = runs
    found = compare_runs.compare_runs(a, b, compare_runs.arm_pairs(a, b))
    whole = _english(found.table)
    verdicts = whole.set_index(["arm_b", "metric"])["verdict"]
    assert verdicts["x", "cer.micro"] == "better"
    assert verdicts["y", "cer.micro"] == "undecided"
    family = found.table[found.table["language"] == "all"]
    p = family[family["metric"] == "cer.micro"].sort_values("p_value")
    assert len(p) == 4  # two pairs of arms, each with texts in two conditions
    assert p["p_adjusted"].iloc[0] == pytest.approx(4 * p["p_value"].iloc[0])
    assert any("48 items" in note for note in found.notes)


def _english(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `all` whose reference is in the text's language, which is English."""
    return table[(table["language"] == "all") & (table["condition"] == "monolingual")]


def test_only_common_items_count(tmp_path: Path, runs: tuple[Run, Run]) -> None:
    part = read_results(write_run(tmp_path / "part", {"x": 0.1}, skip=4, reference="b.wav"))
    found = compare_runs.compare_runs(runs[0], part, [("x", "x")])
    assert set(_english(found.table)["sentences"]) == {SENTENCES - 4}
    assert any("40 items" in note and "48 in the first" in note for note in found.notes)
    assert any("40 of them have other references" in note for note in found.notes)


def test_other_judges_are_not_compared(tmp_path: Path, runs: tuple[Run, Run]) -> None:
    other = read_results(write_run(tmp_path / "other", {"x": 0.1}, model="large-v3"))
    found = compare_runs.compare_runs(runs[0], other, [("x", "x")])
    assert set(found.table["metric"]) == {"secs.resemblyzer.enrolment"}
    assert found.left_out == ["cer: whisper with model base and large-v3"]
    again = read_results(write_run(tmp_path / "again", {"x": 0.1}, normaliser="2"))
    (why,) = compare_runs.compare_runs(runs[0], again, [("x", "x")]).left_out
    assert "normaliser" in why


def test_random_weights_get_no_verdict(tmp_path: Path, runs: tuple[Run, Run]) -> None:
    random = read_results(write_run(tmp_path / "random", {"x": 0.02}, random=True))
    found = compare_runs.compare_runs(runs[0], random, [("x", "x")])
    assert set(found.table["verdict"]) == {"undecided"}
    assert any("random" in note for note in found.notes)


def test_arms_are_found_in_ids_that_hold_equals_signs(tmp_path: Path) -> None:
    a = read_results(write_run(tmp_path / "a", {"x[k=1]": 0.1, "z": 0.1}))
    b = read_results(write_run(tmp_path / "b", {"x[k=2]": 0.1, "w": 0.1}))
    assert compare_runs.arm_pairs(a, b, ["x[k=1]=x[k=2]"]) == [("x[k=1]", "x[k=2]")]
    with pytest.raises(UsageError, match="share no arm"):
        compare_runs.arm_pairs(a, b)
    with pytest.raises(UsageError, match=r"second run 'x\[k=3\]'; did you mean 'x\[k=2\]'"):
        compare_runs.arm_pairs(a, b, ["x[k=1]=x[k=3]"])
    with pytest.raises(UsageError, match="unknown arm of the first run 'q=w'"):
        compare_runs.arm_pairs(a, b, ["q=w"])


def test_one_arm_each_needs_no_name(tmp_path: Path) -> None:
    a = read_results(write_run(tmp_path / "a", {"old": 0.1}))
    b = read_results(write_run(tmp_path / "b", {"new": 0.1}))
    assert compare_runs.arm_pairs(a, b) == [("old", "new")]


def test_the_command_writes_a_page_text_and_table(
    tmp_path: Path, runs: tuple[Run, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = run_app(["compare", str(runs[0].path), str(runs[1].path), "--out", str(out)])
    printed = capsys.readouterr().out
    assert code == 0
    assert "better (p " in printed
    page = Page((out / "compare.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert "B is second" in "".join(page.text)
    assert (out / "compare.md").read_text(encoding="utf-8").startswith("# second against first\n")
    stored = pd.read_csv(out / "compare.csv")
    assert stored["difference"].notna().all()
    assert set(stored.columns) == set(compare_runs.COLUMNS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "give a second run, or --published NAME"),
        (["nowhere", "--published", "xtts-paper"], "holds no experiment.yaml"),
        (["FIRST", "--published", "xtts-papr"], "did you mean 'xtts-paper'?"),
        (["FIRST", "--published", "xtts-paper", "--arm", "q"], "unknown arm 'q'"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], says: str, runs: tuple[Run, Run],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = [str(runs[0].path) if a == "FIRST" else a for a in arguments]
    assert run_app(["compare", *given]) == 2
    error = capsys.readouterr().err.strip()
    assert says in error
    assert "\n" not in error


def test_the_published_means_are_those_of_the_languages() -> None:
    assert "xtts-paper" in names()
    work = published("xtts-paper")
    for metric in work.metrics:
        assert len(metric.figures) == 16
        mean = sum(metric.figures.values()) / 16
        scale = 100 if metric.percent else 1
        assert scale * mean == pytest.approx(scale * metric.mean, abs=0.6 * 10**-metric.decimals)


def test_a_run_of_random_weights_reproduces_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = {"name": "xtts", "checkpoint": "nano"}
    run = write_run(tmp_path / "tiny", {"xtts": 0.0317}, random=True, system=tiny)
    out = tmp_path / "out"
    arguments = ["compare", str(run), "--published", "xtts-paper", "--out", str(out)]
    assert run_app(arguments) == 0
    printed = capsys.readouterr().out
    assert "nothing is reproduced" in printed
    assert "random weights; nano instead of coqui/XTTS-v2" in printed
    assert "Whisper base instead of large-v3; beam_size 1 instead of 5" in printed
    assert "24 sentences a language instead of 240; 12 speakers instead of 20" in printed
    assert "resemblyzer instead of ecapa2" in printed
    assert "hyphenated words" in printed
    assert "UTMOS: the run has no naturalness" in printed
    stored = pd.read_csv(out / "compare.csv")
    german = stored[(stored["language"] == "de") & (stored["published_metric"] == "cer")]
    assert german["published"].tolist() == [0.0317]
    assert german["ours"].iloc[0] == pytest.approx(0.03, abs=0.01)
    assert set(stored["verdict"].dropna()) == {"not comparable"}
    assert not stored["comparable"].any()


def test_only_a_run_by_the_protocol_is_comparable(tmp_path: Path) -> None:
    paper = {"name": "xtts", "checkpoint": "coqui/XTTS-v2"}
    run = read_results(write_run(tmp_path / "run", {"xtts": 0.0317}, system=paper))
    whisper = {"name": "whisper", "model": "large-v3", "beam_size": 5}
    environment = dict(run.environment)
    environment["instruments"] = {"whisper": {"identity": whisper}}
    texts = [f"sentence {i}" for i in range(240)]
    trials = pd.concat(
        run.trials.iloc[:1].assign(language=code, text=text, speaker=f"s{i % 20}")
        for code in LANGUAGES
        for i, text in enumerate(texts)
    )
    same = dataclasses.replace(run, environment=environment, trials=trials)
    found = compare_published(same, "xtts-paper")
    assert found.reasons["xtts", "cer"] == []
    cer = found.table[found.table["published_metric"] == "cer"].set_index("language")
    assert cer.loc["de", "verdict"] == "agrees"
    assert cer.loc["en", "verdict"] == "differs"  # 3 % against a printed 0.54 %
    assert found.reasons["xtts", "secs"] == ["resemblyzer instead of ecapa2"]
    assert set(found.table.loc[found.table["published_metric"] == "secs", "verdict"]) == {
        "not comparable", "",
    }  # fmt: skip


def test_the_paper_preset_resolves_on_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.csv").write_text("id,text,language\nx-1,Hello there.,en\n")
    monkeypatch.setenv("XTTS_LAB_FLORES", str(tmp_path))
    monkeypatch.setenv("XTTS_LAB_DAPS", str(tmp_path))
    file = Path(__file__).parents[1] / "experiments" / "xtts-paper.yaml"
    document = read(file)
    protocol = published("xtts-paper").protocol
    data = document.data
    assert data["systems"]["xtts"]["checkpoint"] == protocol["checkpoint"]
    assert data["texts"]["per_language"] == protocol["sentences"]
    assert data["speakers"]["reference_language"] == protocol["reference_language"]
    data["systems"] = {"null": {"name": "null"}}  # the model itself is another test's
    experiment = resolve(Document(str(file), data))
    judge = published("xtts-paper").metrics[0].judge
    assert {k: experiment.spec.instruments["whisper"][k] for k in judge} == dict(judge)
    ids = {i for use in _uses(experiment) for i in use.ids.values()}
    assert {"cer.macro", "naturalness.utmos", "secs.ecapa.enrolment"} <= ids


def _uses(experiment: Any) -> Any:
    from xtts_lab.runs.metric_use import metric_uses

    return metric_uses(experiment.spec.metrics, Where(experiment.document))


def test_an_unfinished_run_is_refused(tmp_path: Path, runs: tuple[Run, Run]) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[0].path, copy)
    (copy / "scores.parquet").unlink()
    with pytest.raises(UsageError, match="holds no scores"):
        read_results(copy)
