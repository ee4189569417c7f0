"""What stands in a report, whatever file shows it."""

from __future__ import annotations

from dataclasses import dataclass

from xtts_lab.report import tables
from xtts_lab.report.caveats import caveats
from xtts_lab.report.figures import Figure, figure
from xtts_lab.report.load import Run
from xtts_lab.report.numbers import count, listed
from xtts_lab.report.tables import Table


@dataclass(frozen=True)
class Content:
    """Everything that both files show."""

    title: str
    question: str
    random: str
    ran: str
    headline: Table
    comparisons: Table | None
    caveats: list[str]
    figures: list[Figure]
    failures: Table | None
    environment: Table
    experiment: str


def gather(run: Run) -> Content:
    """Return the content of a run's report."""
    return Content(
        title=str(run.experiment.get("name") or run.path.name),
        question=str(run.experiment.get("question") or ""),
        random=_random(run),
        ran=_ran(run),
        headline=tables.headline(run),
        comparisons=tables.comparisons(run),
        caveats=caveats(run),
        figures=[figure(run, metric) for metric in run.metrics],
        failures=tables.failures(run),
        environment=tables.environment(run),
        experiment=run.experiment_text,
    )


def _random(run: Run) -> str:
    arms = run.random_arms
    if not arms:
        return ""
    return f"The weights of {listed(arms)} are random: figures say nothing about speech quality."


def _ran(run: Run) -> str:
    """Return one paragraph: what was run, and who judged it."""
    trials = run.trials
    failed = int((trials["status"] != "ok").sum())
    repeats = int(trials.groupby(["arm", "utterance_id"])["repeat"].nunique().max())
    parts = [
        f"{count(len(run.arms), 'arm')} ({listed(run.arms)}) spoke "
        f"{count(trials['utterance_id'].nunique(), 'utterance')} of "
        f"{count(trials['speaker'].nunique(), 'speaker')} in "
        f"{count(len(run.languages), 'language')}"
        + (f", {repeats} times each" if repeats > 1 else "")
        + f": {count(len(trials), 'trial')}, {failed or 'none'} failed.",
    ]
    judges = _judges(run)
    if judges:
        parts.append(f"Judged by {listed(judges)}.")
    return " ".join(parts)


def _judges(run: Run) -> list[str]:
    specs = run.experiment.get("instruments") or {}
    judges = []
    for key, spec in specs.items():
        model = spec.get("model") if isinstance(spec, dict) else None
        judges.append(f"{key} ({model})" if model else str(key))
    return judges
