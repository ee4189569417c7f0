"""What `compare` does: two run folders, or one beside a published table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xtts_lab.cli import DONE
from xtts_lab.errors import UsageError
from xtts_lab.languages import language_name
from xtts_lab.report.formats import sheet
from xtts_lab.report.sections import comparison
from xtts_lab.runs import against_published
from xtts_lab.runs import compare as compare_runs
from xtts_lab.runs.coverage import coverage
from xtts_lab.runs.metric_use import PoolError
from xtts_lab.runs.reading import held_to, read_results
from xtts_lab.runs.strings import plain_strings


@plain_strings
def compare(
    first: Path,
    second: Path | None,
    name: str | None,
    arms: Sequence[str],
    out: Path | None,
    *,
    allow_mixed: bool = False,
) -> int:
    """Compare a run with another, or with a publication; print it, and write it to `out`.

    `allow_mixed`: what was measured otherwise stands side by side, without a verdict.
    """
    if (second is None) == (name is None):
        raise UsageError("compare: give a second run, or --published NAME, and not both")
    with held_to(first, *([second] if second else [])):
        made = (
            _of_runs(first, second, arms, allow_mixed)
            if second
            else _of_published(first, str(name), arms)
        )
    print(sheet.plain(made))
    if out is not None:
        sheet.write(made, out)
        print(out / "compare.html")
    return DONE


def _of_runs(first: Path, second: Path, arms: Sequence[str], allow_mixed: bool) -> sheet.Sheet:
    a, b = read_results(first), read_results(second)
    try:
        pairs = compare_runs.arm_pairs(a, b, arms)
        found = compare_runs.compare_runs(a, b, pairs, allow_mixed=allow_mixed)
    except PoolError as error:
        raise UsageError(f"{first} and {second}: cannot be compared: {error}") from error
    names = (first.resolve().name, second.resolve().name)
    if names[0] == names[1]:
        names = (f"{names[0]} (A)", f"{names[1]} (B)")
    one, other = (coverage(run.trials, run.scores, run.experiment) for run in (a, b))
    return comparison.of_runs(
        *names,
        found.table,
        found.left_out,
        found.notes,
        found.confidence,
        (one, other),
        found.beside,
    )


def _of_published(run: Path, name: str, arms: Sequence[str]) -> sheet.Sheet:
    found = against_published.compare_published(read_results(run), name, arms)
    work = found.published
    notes = [f"{why}." for why in found.absent]
    notes += [f"{caution[0].upper()}{caution[1:]}." for caution in against_published.CAUTIONS]
    for metric in work.metrics:
        if metric.others:
            scale, end = (100, " %") if metric.percent else (1, "")
            said = ", ".join(f"{k} {v * scale:g}{end}" for k, v in metric.others.items())
            where = language_name(metric.others_in)
            notes.append(f"Other systems as published, {metric.label} in {where}: {said}.")
    return comparison.of_published(
        work.title,
        work.source,
        run.resolve().name,
        found.table,
        {metric.key: metric for metric in work.metrics},
        found.reasons,
        notes,
    )
