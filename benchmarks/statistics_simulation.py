"""Do the verdicts hold? Simulated experiments in worlds whose truth is known.

    python benchmarks/statistics_simulation.py [--experiments 1000] [--seed 1] [--workers 2]
                                               [--minutes 10] [--out results.json]

20 speakers x 48 sentences, unless a row says otherwise; every figure comes out of the functions
that a run calls. Limits: see LIMITS. Where time runs out first, the tables say how many experiments
there were. Figures with another seed are those of other experiments. `--out` is written whenever a
world ends, and every half minute. Takes NumPy, pandas, SciPy and pydantic alone, and no network.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import hostile_experiments
import pooled_experiments
import verdict_worlds
from simulation_runner import Count, Results, run

from xtts_lab.files import write_text


@dataclass(frozen=True)
class Limit:
    """The least and the most that an outcome of a section may be."""

    section: str
    outcome: str
    least: float = 0.0
    most: float = 1.0


LIMITS = (
    Limit("verdicts", "false verdict", most=0.064),
    Limit("verdicts", "covered", 0.93, 0.97),
    Limit("verdicts", "detected", 0.78),  # Student's test finds 81 % of 3 errors in 20 speakers
    Limit("verdicts", "true claim holds", 0.78),
    Limit("verdicts", "false claim holds", most=0.05),
    Limit("verdicts", "need within 2", 0.80),
    Limit("verdicts", "decided as promised", 0.80),
    Limit("intervals", "covered", 0.93),
    Limit("shares", "covered", 0.93),
    Limit("shares", "false claim", most=0.05),
    Limit("differences of shares", "covered", 0.93),
    Limit("error rates", "covered", 0.92),
    Limit("one hostile arm", "covered or silent", 0.92),
    Limit("one hostile arm", "false verdict", most=0.08),  # what 92 % of coverage leaves
    Limit("one arm fails", "false verdict", most=0.05),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop after so long, with what there is")
    parser.add_argument("--only", nargs="*", help="sections to run, or worlds: section/row/column")
    parser.add_argument("--out", type=Path, help="a JSON file with all counts")
    given = parser.parse_args()
    start = time.perf_counter()
    every = [*verdict_worlds.jobs(), *hostile_experiments.jobs(), *pooled_experiments.jobs()]
    asked = set(given.only or [job.section for job in every])
    jobs = [job for job in every if asked & {job.section, "/".join(job.key)}]

    def keep(found: Results) -> None:
        if given.out:
            settings = {"experiments": given.experiments, "seed": given.seed}
            settings["seconds"] = round(time.perf_counter() - start)
            write_text(given.out, json.dumps(settings | as_json(found), indent=1))

    found = run(
        jobs,
        given.experiments,
        seed=given.seed,
        workers=given.workers,
        minutes=given.minutes,
        keep=keep,
    )
    seconds = time.perf_counter() - start
    keep(found)
    print_tables(found)
    print_limits(found)
    part = "all" if found.done == found.wanted else "TIME RAN OUT:"
    total = f"{part} {found.done:,} of {found.wanted:,} experiments"
    print(f"\n{total}, seed {given.seed}, {seconds:.0f} s")


def as_json(found: Results) -> dict[str, object]:
    """Return counts and limits as they go into a file."""
    rows = [
        {"section": section, "row": row, "column": column, "outcome": name}
        | {"hits": count.hits, "number": count.number}
        for (section, row, column), outcomes in found.counts.items()
        for name, count in outcomes.items()
    ]
    return {"done": found.done, "wanted": found.wanted, "counts": rows}


def print_tables(found: Results) -> None:
    """Print one table a section and outcome."""
    for section in dict.fromkeys(key[0] for key in found.counts):
        own = {key[1:]: counts for key, counts in found.counts.items() if key[0] == section}
        for outcome in dict.fromkeys(name for counts in own.values() for name in counts):
            table = {at: counts[outcome] for at, counts in own.items() if outcome in counts}
            _print_table(f"{section}: {outcome}", table)


def _print_table(title: str, table: dict[tuple[str, str], Count]) -> None:
    columns = list(dict.fromkeys(column for _, column in table))
    number = min(count.number for count in table.values())
    print(f"\n{title}, at least {number:,} of each")
    width = max(9, *(len(column) + 2 for column in columns))
    if any(columns):
        print(" " * 34 + "".join(f"{column:>{width}}" for column in columns))
    for row in dict.fromkeys(row for row, _ in table):
        shares = [table[row, column].share for column in columns if (row, column) in table]
        print(f"  {row:32}" + "".join(f"{share:>{width}.1%}" for share in shares))


def print_limits(found: Results) -> None:
    """Print for each limit the figure that comes closest, or lies furthest beyond."""
    print("\nlimits: the worst world of each, with the standard error of its figure")
    for limit in LIMITS:
        counts = {
            key[1:]: outcomes[limit.outcome]
            for key, outcomes in found.counts.items()
            if key[0] == limit.section and limit.outcome in outcomes
        }
        if not counts:
            continue
        worst = min(counts, key=lambda at: _room(counts[at], limit))
        beyond = [at for at, count in counts.items() if _room(count, limit) < 0.0]
        surely = [at for at in beyond if _room(counts[at], limit) < -2.0 * counts[at].error]
        name = f"{limit.section}: {limit.outcome}"
        wanted = f"{limit.least:.1%} to {limit.most:.1%}"
        print(
            f"  {name:40}{wanted:>18}  {counts[worst].share:6.1%} +- {counts[worst].error:.1%}"
            f" in {', '.join(filter(None, worst))}; beyond it {len(beyond)} of {len(counts)},"
            f" {len(surely)} by over two standard errors"
        )


def _room(count: Count, limit: Limit) -> float:
    """How far a figure lies within its limit; a side without a limit has room enough."""
    below = limit.most - count.share if limit.most < 1.0 else 1.0
    return min(count.share - limit.least if limit.least > 0.0 else 1.0, below)


if __name__ == "__main__":
    main()
