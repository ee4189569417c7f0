"""Runs in a notebook: tidy frames, and plots that look like the report's.

    from xtts_lab import analysis
    run = analysis.load_run("runs/conditioners")
    run.scores.groupby(["arm", "metric"])["value"].describe()
    analysis.plot_languages(run, "cer.micro")
    analysis.listen(model.synthesise("Good morning.", language="en", voice=voice))

Plots need matplotlib (`make install EXTRAS=...,notebooks`), and return the axes they drew on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xtts_lab.conditions import ALL
from xtts_lab.errors import UsageError
from xtts_lab.languages import language_name
from xtts_lab.registry import unknown
from xtts_lab.report.formats.look import INK, LIGHT, LINE, SOFT
from xtts_lab.report.formats.shapes import BINS
from xtts_lab.report.numbers import unit_of
from xtts_lab.report.sections.players import data_uri
from xtts_lab.runs.reading import Run, read_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xtts_lab.types import Audio

_MARKERS = ("o", "s", "^", "D")


@dataclass(frozen=True, eq=False)
class RunData:
    """The frames of a run folder; `claims`, `timings` and `latency` may be empty.

    `scores` has one row a trial and metric, with what is known of the trial beside it; `evidence`
    holds instruments' outputs as JSON; the others are the tables of the folder.
    """

    path: Path
    experiment: Mapping[str, Any]
    environment: Mapping[str, Any]
    arms: list[str]
    languages: list[str]
    metrics: list[str]
    trials: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    claims: pd.DataFrame
    evidence: pd.DataFrame
    timings: pd.DataFrame
    latency: pd.DataFrame
    natural_arms: list[str]

    def unit(self, metric: str) -> str:
        """Return a metric's unit (`ratio` is a share). Raises `UsageError` for an unknown one."""
        rows = self.summary.loc[self.summary["metric"] == metric, "unit"]
        if rows.empty:
            raise UsageError(unknown("metric", metric, self.metrics))
        return str(rows.iloc[0])

    def marker(self, arm: str) -> tuple[str, str]:
        """Return colour and marker of an arm: those of the report."""
        place = self.arms.index(arm)
        return LIGHT[place % len(LIGHT)], _MARKERS[place % len(_MARKERS)]


def load_run(path: str | Path) -> RunData:
    """Read a run folder. Raises `UsageError` where it lacks a table."""
    run = read_run(Path(path))
    return RunData(
        path=run.path,
        experiment=run.experiment,
        environment=run.environment,
        arms=run.arms,
        languages=run.languages,
        metrics=run.metrics,
        trials=run.located,
        scores=_tidy(run),
        summary=run.summary,
        comparisons=run.comparisons,
        claims=run.claims,
        evidence=run.evidence,
        timings=run.timings,
        latency=run.latency,
        natural_arms=run.natural_arms,
    )


def _tidy(run: Run) -> pd.DataFrame:
    beside = ["trial_id", "condition", "utterance_id", "text", "speaker", "repeat", "seed"]
    return run.scores.merge(run.located[beside], on="trial_id", how="left", validate="m:1")


@dataclass(frozen=True)
class Player:
    """An audio player, which a notebook shows in its place."""

    source: str = field(repr=False)

    def _repr_html_(self) -> str:
        return f'<audio controls preload="none" src="{self.source}"></audio>'


def listen(sound: Audio | str | Path) -> Player:
    """Return a player of speech or of an audio file, compressed; `UsageError` for what is none."""
    if not isinstance(sound, (str, Path)):
        return Player(data_uri(sound.samples.numpy(), sound.sample_rate))
    import soundfile

    try:
        samples, rate = soundfile.read(str(sound), dtype="float32")
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{sound}: cannot be read as audio ({error})") from error
    return Player(data_uri(samples, rate))


def plot_languages(run: RunData, metric: str, ax: Axes | None = None) -> Axes:
    """Draw means with intervals by language, and natural speech as a dashed line in each."""
    unit = run.unit(metric)
    part = run.summary[(run.summary["metric"] == metric) & run.summary["mean"].notna()]
    rows = [code for code in [ALL, *run.languages] if code in set(part["language"])]
    ax = _axes(ax, height=0.45 * len(rows) * max(1.0, len(run.arms) / 3) + 1.2)
    step = 0.8 / len(run.arms)
    for i, arm in enumerate(run.arms):
        own = part[part["arm"] == arm].drop_duplicates("language").set_index("language")
        known = [code for code in rows if code in own.index]
        if known:
            places = np.array([rows.index(c) for c in known]) + (i - (len(run.arms) - 1) / 2) * step
            _draw_marks(ax, run, arm, own.loc[known], places, unit)
    _draw_floor(ax, run, part, rows, unit)
    ax.set_yticks(range(len(rows)), [language_name(code) for code in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    return _finish(ax, _label(metric, unit))


def _draw_marks(
    ax: Axes, run: RunData, arm: str, own: pd.DataFrame, places: Any, unit: str
) -> None:
    colour, marker = run.marker(arm)
    values, low, high = (
        own[c].to_numpy(float) * _scale(unit) for c in ("mean", "ci_low", "ci_high")
    )
    reach = np.nan_to_num(np.array([values - low, high - values]).clip(min=0.0))
    ax.errorbar(
        values,
        places,
        xerr=reach,
        fmt=marker,
        color=colour,
        markersize=5,
        elinewidth=1.2,
        label=arm,
    )


def _draw_floor(ax: Axes, run: RunData, part: pd.DataFrame, rows: list[str], unit: str) -> None:
    for arm in run.natural_arms[:1]:
        own = part[part["arm"] == arm].drop_duplicates("language").set_index("language")["mean"]
        for code in (c for c in rows if c in own.index):
            place, value = rows.index(code), float(own[code]) * _scale(unit)
            ax.plot([value] * 2, [place - 0.45, place + 0.45], color=INK, ls="--", lw=1.2)


def plot_similarity(run: RunData, encoder: str = "resemblyzer", ax: Axes | None = None) -> Axes:
    """Draw trials' similarity to their own speaker, filled, and to others, as outlines."""
    own = _values(run, f"secs.{encoder}.enrolment")
    others = run.scores[run.scores["metric"] == f"secs.{encoder}.impostor"]
    ax = _axes(ax)
    span = (float(min(own["value"].min(), others["value"].min())), float(own["value"].max()))
    if math.isnan(span[0]):
        span = (float(own["value"].min()), span[1])
    for arm in run.arms:
        colour, _ = run.marker(arm)
        mine = own.loc[own["arm"] == arm, "value"]
        theirs = others.loc[(others["arm"] == arm) & others["value"].notna(), "value"]
        if len(mine):
            ax.hist(mine, bins=BINS, range=span, density=True, color=colour, alpha=0.2)
            ax.hist(
                mine, bins=BINS, range=span, density=True, color=colour, histtype="step", label=arm
            )
        if len(theirs):
            ax.hist(
                theirs, bins=BINS, range=span, density=True, color=colour, histtype="step", ls=":"
            )
    return _finish(ax, f"similarity by {encoder} (dotted: other speakers)")


def plot_spread(run: RunData, metric: str, ax: Axes | None = None) -> Axes:
    """Draw how much repeats of one request differ: the distribution of standard deviations."""
    own = _values(run, metric)
    units = own.groupby(["arm", "condition", "utterance_id"])["value"].agg(["count", "std"])
    units = units[units["count"] >= 2].reset_index()
    if units.empty:
        raise UsageError(f"{run.path}: no request was spoken twice; set repeats to 2 or more")
    ax, scale = _axes(ax), _scale(run.unit(metric))
    for arm in run.arms:
        values = units.loc[units["arm"] == arm, "std"] * scale
        if len(values):
            shown = np.sort(values.to_numpy(float))
            heights = np.arange(1, len(shown) + 1) / len(shown)
            ax.step(shown, heights, where="post", color=run.marker(arm)[0], label=arm)
    ax.set_ylabel("share of requests")
    return _finish(ax, f"standard deviation of {_label(metric, run.unit(metric))} over repeats")


def plot_comparisons(run: RunData, metric: str, ax: Axes | None = None) -> Axes:
    """Draw differences from the baseline over all languages, with intervals."""
    unit = run.unit(metric)
    table = run.comparisons
    rows = table[(table["metric"] == metric) & (table["language"] == ALL)].reset_index(drop=True)
    if rows.empty:
        raise UsageError(f"{run.path}: nothing was compared; name a statistics.baseline")
    ax = _axes(ax, height=0.4 * len(rows) + 1.2)
    for i, (arm, part) in enumerate(rows.groupby("arm", sort=False)):
        renamed = part.rename(columns={"difference": "mean"})
        _draw_marks(ax, run, str(arm), renamed, np.full(len(part), float(i)), unit)
    ax.axvline(0.0, color=SOFT, lw=1.0)
    ax.set_yticks([])
    ax.invert_yaxis()
    return _finish(ax, f"{_label(metric, unit)} minus {rows['baseline'].iloc[0]}")


def _values(run: RunData, metric: str) -> pd.DataFrame:
    run.unit(metric)
    return run.scores[(run.scores["metric"] == metric) & run.scores["value"].notna()]


def _scale(unit: str) -> float:
    return 100.0 if unit == "ratio" else 1.0


def _label(metric: str, unit: str) -> str:
    shown = unit_of(unit)
    return f"{metric} ({shown})" if shown and shown != "1" else metric


def _axes(ax: Axes | None, *, height: float = 3.2) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise UsageError(
            "plots need matplotlib; install with: make install EXTRAS=...,notebooks"
        ) from error
    _, axes = pyplot.subplots(figsize=(7.0, height), layout="constrained")
    made: Axes = axes
    return made


def _finish(ax: Axes, label: str) -> Axes:
    """Give axes the report's look: quiet lines, no box, a legend without a frame."""
    ax.set_xlabel(label, color=INK)
    ax.grid(axis="x", color=LINE, lw=0.6)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(LINE)
    ax.tick_params(colors=SOFT, length=0)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize="small", loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return ax
