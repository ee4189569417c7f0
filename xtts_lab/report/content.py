"""What stands in a report, whatever file shows it."""

from __future__ import annotations

from dataclasses import dataclass

from xtts_lab.report import tables
from xtts_lab.report.numbers import MOST_NAMED, count, listed, named
from xtts_lab.report.sections.ablation import matrices
from xtts_lab.report.sections.answer import Finding, digest, findings
from xtts_lab.report.sections.caveats import caveats
from xtts_lab.report.sections.checking import Check, check
from xtts_lab.report.sections.counts import counts
from xtts_lab.report.sections.distributions import similarities, spreads
from xtts_lab.report.sections.environment import environment
from xtts_lab.report.sections.families import family_tables
from xtts_lab.report.sections.figures import Figure, figure
from xtts_lab.report.sections.latency import percentiles, timeline
from xtts_lab.report.sections.load import under_load
from xtts_lab.report.sections.methods import Methods, methods
from xtts_lab.report.sections.parts import parts, untrained_reasons
from xtts_lab.report.tables import Table
from xtts_lab.runs.coverage import coverage
from xtts_lab.runs.reading import Run


@dataclass(frozen=True)
class Content:
    """Everything that both files show."""

    title: str
    question: str
    random: str
    coverage: str
    ran: str
    findings: list[Finding]
    digest: list[str]
    headline: Table
    comparisons: Table | None
    ablation: list[Table]
    families: list[Table]
    parts: Table | None
    untrained: list[str]
    caveats: list[str]
    figures: list[Figure]
    similarities: list[Figure]
    spreads: list[Figure]
    percentiles: Table | None
    timeline: Figure | None
    load: Table | None
    counts: Table
    failures: Table | None
    check: Check
    methods: Methods
    environment: Table
    experiment: str


def gather(run: Run) -> Content:
    """Return the content of a run's report."""
    return Content(
        title=str(run.experiment.get("name") or run.path.name),
        question=str(run.experiment.get("question") or ""),
        random=_random(run),
        coverage=coverage(run.trials, run.scores, run.experiment),
        ran=_ran(run),
        findings=findings(run),
        digest=digest(run),
        headline=tables.headline(run),
        comparisons=tables.comparisons(run),
        ablation=matrices(run),
        families=family_tables(run),
        parts=parts(run),
        untrained=list(untrained_reasons(run)),
        caveats=caveats(run),
        figures=[figure(run, metric) for metric in run.metrics],
        similarities=similarities(run),
        spreads=spreads(run),
        percentiles=percentiles(run),
        timeline=timeline(run),
        load=under_load(run),
        counts=counts(run),
        failures=tables.failures(run),
        check=check(run),
        methods=methods(run),
        environment=environment(run),
        experiment=run.experiment_text,
    )


def _random(run: Run) -> str:
    """Say whose figures mean nothing: of random weights, or else of parts that are strangers."""
    said = []
    if run.random_arms:
        who = named(run.random_arms, len(run.arms), "arm")
        said.append(f"The weights of {who} are random: figures say nothing about speech quality.")
    strangers = [arm for arm in run.untrained_arms if arm not in run.random_arms]
    if strangers:
        who = named(strangers, len(run.arms), "arm")
        said.append(
            f"The parts of {who} were not trained together: their figures say nothing about what "
            "the parts could do, and get no verdict."
        )
    return " ".join(said)


def _ran(run: Run) -> str:
    """Return one paragraph: what was run, and who judged it."""
    trials = run.trials
    failed = int((trials["status"] != "ok").sum())
    repeats = int(trials.groupby(["arm", "utterance_id"])["repeat"].nunique().max())
    parts = [
        f"{count(len(run.arms), 'arm')}{_arms(run)} spoke "
        f"{count(trials['utterance_id'].nunique(), 'utterance')} of "
        f"{count(trials['speaker'].nunique(), 'speaker')} in "
        f"{count(len(run.languages), 'language')}"
        + (f", {repeats} times each" if repeats > 1 else "")
        + f": {count(len(trials), 'trial')}, {failed or 'none'} failed.",
    ]
    spent = trials["cost_usd"].sum() if "cost_usd" in trials else 0.0
    if spent > 0:
        parts.append(f"By the prices that the experiment gives they cost {spent:,.3g} USD.")
    judges = _judges(run)
    if judges:
        parts.append(f"Judged by {listed(judges)}.")
    return " ".join(parts)


def _arms(run: Run) -> str:
    return f" ({listed(run.arms)})" if len(run.arms) <= MOST_NAMED else ""


def _judges(run: Run) -> list[str]:
    models = {key: spec.get("model") for key, spec in run.judges.items()}
    return [f"{key} ({model})" if model else key for key, model in models.items()]
