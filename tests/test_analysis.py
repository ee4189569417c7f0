"""Notebook frames and plots, and copies of a run in experiment trackers."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.report_support import SWEPT, make_rich_run
from tests.test_report import METRICS, make_run
from xtts_lab import analysis, audio
from xtts_lab import tracking as sinks
from xtts_lab.cli import run_app
from xtts_lab.errors import UsageError
from xtts_lab.runs.reading import read_run
from xtts_lab.types import Audio


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rich_run(tmp_path_factory.mktemp("runs") / "rich")


@pytest.fixture(scope="module")
def run(folder: Path) -> analysis.RunData:
    return analysis.load_run(str(folder))


def test_scores_are_tidy_and_whole(folder: Path, run: analysis.RunData) -> None:
    stored = pd.read_parquet(folder / "scores.parquet")
    assert len(run.scores) == len(stored)
    assert run.scores["value"].tolist() == stored["value"].tolist()
    trials = run.trials.set_index("trial_id")
    for row in run.scores.iloc[::97].to_dict("records"):
        trial = trials.loc[row["trial_id"]]
        assert (row["speaker"], row["text"]) == (trial["speaker"], trial["text"])
        assert row["condition"] == "monolingual"
    assert run.arms == ["natural", *SWEPT]
    assert run.natural_arms == ["natural"]
    assert set(METRICS) <= set(run.metrics)


def test_absent_tables_are_empty_frames(tmp_path: Path) -> None:
    plain = analysis.load_run(make_run(tmp_path / "plain"))
    assert plain.claims.empty
    assert plain.timings.empty
    assert plain.latency.empty


def test_an_unknown_metric_is_named(run: analysis.RunData) -> None:
    with pytest.raises(UsageError, match=r"did you mean 'cer\.micro'"):
        run.unit("cer.mikro")
    with pytest.raises(UsageError, match="holds no experiment"):
        analysis.load_run("nowhere")


def test_without_matplotlib_plots_say_what_to_install(
    run: analysis.RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="notebooks"):
        analysis.plot_spread(run, "wer.micro")


def test_plots_show_the_figures_of_the_tables(run: analysis.RunData) -> None:
    pytest.importorskip("matplotlib", reason="the extra `notebooks` is not installed")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for draw in (analysis.plot_languages, analysis.plot_comparisons):
        figure = Figure()
        FigureCanvasAgg(figure)
        ax = draw(run, "cer.micro", figure.subplots())
        drawn = sorted(
            round(float(x), 6)
            for container in ax.containers
            for x in container.lines[0].get_xdata()  # type: ignore[attr-defined]
        )
        compared = draw is analysis.plot_comparisons
        table = run.comparisons if compared else run.summary
        known = table[table["metric"] == "cer.micro"]
        known = known[known["language"] == "all"] if compared else known
        values = known["difference" if compared else "mean"] * 100
        assert drawn == sorted(round(float(v), 6) for v in values)
        figure.canvas.draw()
    for axes in (
        analysis.plot_similarity(run, ax=Figure().subplots()),
        analysis.plot_spread(run, "wer.micro", Figure().subplots()),
    ):
        assert len(axes.get_legend_handles_labels()[1]) == 5


def test_records_hold_the_summary(folder: Path) -> None:
    records = list(sinks.records_of(read_run(folder)))
    assert [record.arm for record in records] == ["natural", *SWEPT]
    summary = pd.read_csv(folder / "summary.csv").set_index(["arm", "metric", "language"])
    for record in records:
        assert record.metrics["cer.micro/de"] == pytest.approx(
            summary.loc[(record.arm, "cer.micro", "de"), "mean"]
        )
        assert "cer.micro/all/ci_low" in record.metrics
        assert all(value == value for value in record.metrics.values())
    assert records[1].parameters["system.model"] == "a"
    assert records[1].parameters["seed"] == "7"


class _Memory:
    """A sink that keeps what it is given: what a third kind of tracker would be."""

    def __init__(self) -> None:
        self.arms: list[str] = []
        self.closed = False

    def write(self, record: sinks.Record) -> None:
        self.arms.append(record.arm)

    def close(self) -> None:
        self.closed = True


def test_export_writes_every_arm_and_closes(folder: Path) -> None:
    memory = _Memory()
    assert sinks.export(read_run(folder), memory) == 5
    assert memory.arms == ["natural", *SWEPT]
    assert memory.closed


def test_an_unknown_or_absent_tracker_is_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert run_app(["export", str(folder), str(tmp_path), "--to", "tensorbord"]) == 2
    assert "did you mean 'tensorboard'?" in capsys.readouterr().err
    for name in ("tensorboard", "mlflow"):
        monkeypatch.setitem(sys.modules, name, None)
        assert run_app(["export", str(folder), str(tmp_path / "new"), "--to", name]) == 2
        assert f"needs the package {name}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_tensorboard_reads_what_was_written(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tracking` is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert run_app(["export", str(folder), str(tmp_path), "--to", "tensorboard"]) == 0
    (log,) = (tmp_path / "rich").glob("natural/events*")
    events = EventAccumulator(str(log.parent))
    events.Reload()
    summary = pd.read_csv(folder / "summary.csv").set_index(["arm", "metric", "language"])
    (point,) = events.Tensors("cer.micro/all")
    expected = summary.loc[("natural", "cer.micro", "all"), "mean"]
    assert point.tensor_proto.float_val[0] == pytest.approx(expected, rel=1e-6)


def test_mlflow_reads_what_was_written(folder: Path, tmp_path: Path) -> None:
    tracking = pytest.importorskip("mlflow.tracking", reason="the extra `tracking` is missing")
    pytest.importorskip("sqlalchemy", reason="the extra `tracking` is not installed")
    assert run_app(["export", str(folder), str(tmp_path), "--to", "mlflow"]) == 0
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("rich")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name for run in runs} == {"natural", *SWEPT}
    summary = pd.read_csv(folder / "summary.csv").set_index(["arm", "metric", "language"])
    for run in runs:
        expected = summary.loc[(run.info.run_name, "cer.micro", "all"), "mean"]
        assert run.data.metrics["cer.micro/all"] == pytest.approx(expected)
        assert (tmp_path / "artifacts" / run.info.run_id / "artifacts" / "summary.csv").is_file()


def test_speech_and_files_are_heard_in_a_notebook(tmp_path: Path) -> None:
    tone = Audio(0.1 * torch.sin(torch.arange(2400) / 20), 24_000)
    audio.save(tmp_path / "tone.wav", tone)
    for sound in (tone, tmp_path / "tone.wav", str(tmp_path / "tone.wav")):
        shown = analysis.listen(sound)._repr_html_()
        assert shown.startswith("<audio controls")
        assert "data:audio/mpeg;base64," in shown
    with pytest.raises(UsageError, match=r"nothing\.wav: cannot be read as audio"):
        analysis.listen(tmp_path / "nothing.wav")
