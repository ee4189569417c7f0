"""Claim (8), "better loss curves": validation losses of trained models at equal data, over seeds.

    python benchmarks/loss_curves.py perceiver=P0,P1 tortoise=T0,T1 [--loss audio] [--margin 0.02]
                                     [--out DIR]

P0 to T1 are folders as runs/train/gpt-perceiver-s0 is: their `validation.csv` and `config.yaml`
are read. Runs may differ in their seed and conditioner alone (`--may-differ` names further
settings): else they have not seen the same data, and nothing is compared. Losses are compared at
the steps that all runs have, the first family against each other one: difference of the means over
training seeds, with the interval of Welch's t. A claim "lower by the margin at the last common
step" holds, is refuted or undecided; with fewer than five seeds a side it is about these runs. A
lower loss is not better speech: read it beside the judges' figures. `--out` publishes: report.md,
claims.csv (as an experiment has it), and what was read of each run under DIR/runs/, from which the
same command makes them again.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from xtts_lab.errors import UsageError
from xtts_lab.statistics.rules import ENOUGH_SEEDS

FREE = ("name", "seed", "stage.conditioner", "after")
"""Settings in which compared runs may differ."""


@dataclass(frozen=True)
class Difference:
    """One family's mean loss less another's at a step; the interval is NaN with a seed a side."""

    step: int
    mean: float
    other: float
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.mean - self.other

    def verdict(self, margin: float) -> str:
        """Whether the first is lower by more than `margin`."""
        if not math.isfinite(self.low) or self.low <= -margin <= self.high:
            return "undecided"
        return "holds" if self.high < -margin else "refuted"


def curve(run: Path, loss: str) -> pd.Series[float]:
    """Return a run's validation loss by step. Raises `UsageError` for one that has none."""
    path = run / "validation.csv"
    if not path.is_file():
        raise UsageError(f"{path}: is not there; name a run folder that has been validated")
    table = pd.read_csv(path)
    if loss not in table:
        names = ", ".join(name for name in table.columns if name != "step")
        raise UsageError(f"{path}: has no loss '{loss}'; it has {names}")
    return table.set_index("step")[loss].astype(float)


def check_alike(runs: Sequence[Path], free: Sequence[str]) -> None:
    """Raise `UsageError` where two runs differ in a setting that is not `free`."""
    first, *others = [_flat(yaml.safe_load((run / "config.yaml").read_text())) for run in runs]
    for run, other in zip(runs[1:], others, strict=True):
        for key in sorted({*first, *other}):
            own = any(key == name or key.startswith(f"{name}.") for name in free)
            if not own and first.get(key) != other.get(key):
                raise UsageError(
                    f"{run}: {key} is {other.get(key)!r}, and {first.get(key)!r} in {runs[0]}: not "
                    f"equal data and settings; compare others, or --may-differ {key}"
                )


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, Mapping):
        return {prefix: content}
    inner = f"{prefix}." if prefix else ""
    parts = [_flat(part, f"{inner}{name}") for name, part in content.items()]
    return {key: value for part in parts for key, value in part.items()}


def difference(
    step: int, ours: Sequence[float], theirs: Sequence[float], confidence: float
) -> Difference:
    """Compare losses of one family's seeds with another's: Welch's t."""
    mean, other = float(np.mean(ours)), float(np.mean(theirs))
    low = high = math.nan
    if min(len(ours), len(theirs)) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of losses that are all the same
            test = stats.ttest_ind(ours, theirs, equal_var=False)
        if math.isfinite(float(test.df)):
            found = test.confidence_interval(confidence)
            low, high = float(found.low), float(found.high)
        else:  # no spread at all
            low = high = mean - other
    return Difference(step, mean, other, low, high)


def compare(
    families: Mapping[str, Sequence[Path]], loss: str, confidence: float = 0.95
) -> dict[str, list[Difference]]:
    """Return, for each family after the first, the differences at all common steps."""
    curves = {name: [curve(run, loss) for run in runs] for name, runs in families.items()}
    steps = set.intersection(*(set(c.index) for own in curves.values() for c in own))
    if not steps:
        raise UsageError("the runs were validated at no step together")
    (_, ours), *others = curves.items()
    return {
        name: [
            difference(step, [c[step] for c in ours], [c[step] for c in theirs], confidence)
            for step in sorted(steps)
        ]
        for name, theirs in others
    }


def rows(
    first: str, found: Mapping[str, Sequence[Difference]], margin: float, seeds: int
) -> pd.DataFrame:
    """Return a claim a row: the columns that `reports/verdicts.py` reads of an experiment's."""
    few = seeds < ENOUGH_SEEDS
    return pd.DataFrame(
        {
            "claim": f"{first} < {name} by {margin:g} nats at step {all_steps[-1].step}",
            "verdict": all_steps[-1].verdict(margin),
            "difference": all_steps[-1].value,
            "ci_low": all_steps[-1].low,
            "ci_high": all_steps[-1].high,
            "unit": "nats",
            "baseline": name,
            "seeds": seeds,
            "reason": f"about these runs; about the method from {ENOUGH_SEEDS} seeds"
            if few
            else "",
        }
        for name, all_steps in found.items()
    )


def publish(folder: Path, families: Mapping[str, Sequence[Path]], table: pd.DataFrame) -> None:
    """Write claims.csv, and copy what was read of the runs; those in the folder stay."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "claims.csv", index=False)
    for run in (run for runs in families.values() for run in runs):
        copy = folder / "runs" / run.name
        copy.mkdir(parents=True, exist_ok=True)
        for name in ("validation.csv", "config.yaml"):
            if (run / name).resolve() != (copy / name).resolve():
                shutil.copyfile(run / name, copy / name)


def command(asked: argparse.Namespace, families: Mapping[str, Sequence[Path]]) -> str:
    """Return what makes the published report again."""
    place = asked.out.as_posix()
    named = [
        f"{name}={','.join(f'{place}/runs/{run.name}' for run in runs)}"
        for name, runs in families.items()
    ]
    chosen = [f"--loss {asked.loss}", f"--margin {asked.margin:g}"]
    chosen += [f"--may-differ {asked.may_differ}"] if asked.may_differ else []
    return " ".join(["python benchmarks/loss_curves.py", *named, *chosen, f"--out {place}"])


def lines(
    first: str, found: Mapping[str, Sequence[Difference]], margin: float, seeds: int
) -> list[str]:
    """Return the tables and verdicts as Markdown."""
    said = []
    for name, differences in found.items():
        said += [f"| step | {first} | {name} | difference | 95 % interval |", "| --- " * 5 + "|"]
        said += [
            f"| {d.step} | {d.mean:.4f} | {d.other:.4f} | {d.value:+.4f} | "
            f"{'-' if math.isnan(d.low) else f'[{d.low:+.4f}, {d.high:+.4f}]'} |"
            for d in differences
        ]
        last = differences[-1]
        about = "" if seeds >= ENOUGH_SEEDS else f" (about these runs: {seeds} seeds a side)"
        claim = f"{first} < {name} by {margin:g} nats at step {last.step}"
        said += ["", f"{claim}: {last.verdict(margin)}{about}", ""]
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="+", metavar="NAME=RUN,RUN")
    parser.add_argument("--loss", default="audio")
    parser.add_argument("--margin", type=float, default=0.02)
    parser.add_argument("--may-differ", default="", metavar="a.b,c")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        families = {}
        for written in chosen.families:
            name, equals, runs = written.partition("=")
            if not equals or not runs or name in families:
                raise UsageError(f"'{written}': write NAME=RUN,RUN, each name once")
            families[name] = [Path(run) for run in runs.split(",")]
        if len(families) < 2:
            raise UsageError("name two families at least")
        everything = [run for runs in families.values() for run in runs]
        check_alike(everything, [*FREE, *filter(None, chosen.may_differ.split(","))])
        found = compare(families, chosen.loss)
    except (UsageError, OSError) as error:
        print(f"loss_curves: {error}", file=sys.stderr)
        return 2
    fewest = min(len(runs) for runs in families.values())
    first = next(iter(families))
    text = "\n".join(lines(first, found, chosen.margin, fewest))
    print(text)
    if chosen.out is not None:
        publish(chosen.out, families, rows(first, found, chosen.margin, fewest))
        head = (
            "# Validation losses at equal data\n\nMade by this command, of the runs beside it:\n\n"
        )
        told = f"{head}    {command(chosen, families)}\n\n{text}"
        (chosen.out / "report.md").write_text(told, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
