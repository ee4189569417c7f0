"""One experiment, from a plan to a report: plan, synthesise, measure, score, summarise."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from xtts_lab import files
from xtts_lab.cache import cache_dir
from xtts_lab.experiment import synthesise as speaking
from xtts_lab.experiment.contents import environment_of
from xtts_lab.experiment.judging import Need
from xtts_lab.experiment.measure import Needs, measure
from xtts_lab.experiment.plan import Plan
from xtts_lab.experiment.score import METRIC_ERROR, Row, score
from xtts_lab.experiment.stream import stream_trials
from xtts_lab.experiment.timing.load import load_trials
from xtts_lab.experiment.timing.timed import Timed
from xtts_lab.experiment.workers.ahead import ahead_of
from xtts_lab.experiment.workers.early import Early
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.experiment.workers.tasks import Logs
from xtts_lab.notices import say
from xtts_lab.runs import schema
from xtts_lab.runs.journal import Journal
from xtts_lab.runs.shared import MOST_LINES, Cache
from xtts_lab.runs.store import RunFolder
from xtts_lab.runs.strings import plain_strings


@dataclass(frozen=True)
class Outcome:
    """What a run did; `failures` counts rows of `failures.csv`."""

    synthesised: int
    from_cache: int
    measured: int
    scored: int
    failures: int


@plain_strings
def run(
    plan: Plan,
    folder: RunFolder,
    write_report: Callable[[Path], None],
    workers: Workers,
    *,
    use_cache: bool = True,
    remeasure: bool = False,
) -> Outcome:
    """Do what is missing in a run folder, write its tables, and have its report written.

    A finished run of the same work is left as it is, but for what is damaged, which is made again.
    Failed work is tried again. `remeasure` takes all timings again, for which all audio is made
    again. `workers` perform what `perform` does, and end with the run.
    """
    if not (remeasure or folder.is_writable()) and _is_there(plan, folder):
        return NOTHING_DONE
    with folder.locked():
        if remeasure:
            folder.forget_timings()
        if _is_there(plan, folder):
            return NOTHING_DONE
        files.remove(folder.finished)
        files.write_text(folder.path / "experiment.yaml", plan.experiment.resolved_yaml())
        files.write_json(folder.path / "environment.json", environment_of(plan))
        cache = Cache(cache_dir() if use_cache else None)
        cache.sweep()
        with (
            Journal(folder.trials_log) as trials,
            Journal(folder.evidence_log) as evidence,
            Journal(folder.latency_log) as latency,
            Journal(folder.load_log) as load,
            Journal(folder.begun_log) as begun,
            workers as team,
            ThreadPoolExecutor(1) as beside,
        ):
            facts = beside.submit(_ask_ahead, plan, team.count)
            source = Cache(None) if folder.remeasuring.exists() else cache  # has no timings
            needed = Needs(plan, folder, trials)
            said, heard = Logs(trials, begun), Logs(evidence, begun)
            early = Early(plan, needed, trials, evidence)
            ahead = ahead_of(plan, needed, heard, cache, team, early)
            made, cached = speaking.synthesise(plan, folder, said, source, team, ahead)
            folder.remeasuring.unlink(missing_ok=True)
            facts.result()  # before anything is timed
            if any(use.metric.streaming or use.metric.loading for use in plan.metrics):
                team.close()  # timed before the instruments load, and with no worker beside it
            streams = stream_trials(plan, folder, trials, Logs(latency, begun))
            timed = Timed(streams, load_trials(plan, folder, trials, Logs(load, begun)))
            needs = needed.of(plan.trials)
            measured = measure(plan, needs, heard, cache, team, ahead.tried if ahead else ())
            team.dismiss()  # they end while tables are written
            scored, failures = _write_tables(plan, folder, needs, trials, evidence, timed, early)
            files.remove(folder.begun_log)  # all of it has ended
            team.timeline.write(folder.timeline)
            audio = {t.audio: str((trials.get(t.id) or {}).get("sha256")) for t in plan.trials}
        write_report(folder.path)
        if failures == 0:
            folder.finish(plan.work, audio)
        return Outcome(made, cached, measured, scored, failures)


NOTHING_DONE = Outcome(0, 0, 0, 0, 0)
_LATE = (
    "xtts_lab.experiment.conclusions",
    "jinja2",
    "pyarrow.parquet",
    "pandas.io.parquet",
    "scipy.stats",
)


def _is_there(plan: Plan, folder: RunFolder) -> bool:
    """Return whether nothing is left to do; name what a finished run has lost."""
    damaged = folder.damaged(plan.work)
    if damaged == []:
        say("everything is there already: 0 synthesised, 0 measured, 0 scored")
        return True
    for name in (damaged or [])[:MOST_LINES]:
        say(f"{folder.path / name}: is missing or not what was written; made again")
    if damaged and len(damaged) > MOST_LINES:
        say(f"{folder.path}: so are {len(damaged) - MOST_LINES} other files")
    return False


def _ask_ahead(plan: Plan, workers: int) -> None:
    """Ask what `arms.csv` will say of the arms, which takes seconds, while workers work.

    Import what tables and report will, too.
    """
    for name in _LATE if workers > 1 else ():
        importlib.import_module(name)
    for arm in plan.experiment.arms if workers > 1 else ():
        if not plan.experiment.host.apart("systems", arm.spec):
            with contextlib.suppress(Exception):  # raised again where the table is made
                _ = plan.facts[arm.id].parts


def _noting_errors(rows: Iterable[Row], broken: list[Row]) -> Iterator[Row]:
    """Yield rows; those of which the metric itself failed are kept in `broken` as well."""
    for row in rows:
        if METRIC_ERROR in row:
            broken.append(row)
        yield row


def _write_tables(
    plan: Plan,
    folder: RunFolder,
    needs: Sequence[Need],
    trials: Journal,
    evidence: Journal,
    timed: Timed,
    early: Early,
) -> tuple[int, int]:
    from xtts_lab.experiment import tables  # pandas and SciPy: no worker waits for these
    from xtts_lab.experiment.arm_table import arms_frame
    from xtts_lab.experiment.conclusions import Asked, conclusions

    trial_rows = tables.trials_frame(plan, trials)
    broken: list[Row] = []
    rows = score(plan, needs, trials, evidence, timed.streams, timed.loads, early.ready)
    scores = tables.frame(_noting_errors(rows, broken), schema.SCORES)
    tables.write_parquet(folder.path / "trials.parquet", trial_rows)
    tables.write_csv(folder.path / "arms.csv", arms_frame(plan, trials))
    tables.write_parquet(folder.path / "evidence.parquet", tables.evidence_frame(needs, evidence))
    tables.write_parquet(folder.path / "scores.parquet", scores)
    tables.write_parquet(folder.path / "timings.parquet", tables.timings_frame(plan, trials))
    if any(use.metric.streaming for use in plan.metrics):
        latency = tables.latency_frame(plan, timed.streams)
        tables.write_parquet(folder.path / schema.LATENCY.file, latency)
    if any(use.metric.loading for use in plan.metrics):
        tables.write_parquet(folder.path / schema.LOAD.file, tables.load_frame(plan, timed.loads))
    found = conclusions(Asked.of(plan), scores, trial_rows)
    failures = tables.failures_frame(plan, needs, trials, evidence, timed, broken, found.failed)
    tables.write_csv(folder.path / "failures.csv", failures)
    tables.write_csv(folder.path / "summary.csv", found.summary)
    tables.write_csv(folder.path / "comparisons.csv", found.comparisons)
    tables.write_csv(folder.path / "claims.csv", found.claims)
    return len(scores), len(failures)
