"""One GPU against several of the same host: trials a minute of a run with scoring, by stage.

    python benchmarks/gpus.py [--workers 4] [--trials 2000[,8000]] [--executor ray] [--device D]
                              [--out F]

Two nano arms say 20 English sentences by 25 synthetic speakers; similarity (Resemblyzer), errors
(the shipped recogniser), durations and sanity are measured. The run is made with one worker and
with `--workers`, each in a process of its own and without a cache, after a smaller run that
compiles kernels and makes the speakers; with several numbers of trials, for each of them. Printed
are the wall of the whole run and of its stages: until the first trial is begun, until one is
written (weights, graphs and a batch), from there to the last, from there to the last measurement
(several workers judge while others still speak), scoring, statistics, report, the end. Then trials
a minute, and the ratios: of the whole run (`wall`), of what follows the first trial that is begun
(`wall_after_start`), and from there to the last measurement (`work`). Then whether the tables are
equal byte for byte, and, where they are not, how many recordings differ, how many trials sampled
within rounding (`tight_steps`), and each metric's largest difference.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

EXPERIMENT = """
name: gpus
systems:
  a: {{name: xtts, checkpoint: nano-perceiver}}
  b: {{name: xtts, checkpoint: nano-tortoise}}
texts: {{name: builtin, languages: [en], per_language: 20}}
speakers: {{name: synthetic, count: 25, references: 1}}
pairing: cross
limit: {limit}
repeats: {repeats}
metrics:
  - {{name: duration}}
  - {{name: secs, encoder: resemblyzer}}
  - {{name: cer, recognizer: world_ctc}}
statistics: {{baseline: b}}
"""
ITEMS = 20 * 25
WARM = 130
"""Trials an arm of the first run: the engine's rows, and so its kernels, are those of 512."""
TABLES = ("scores.parquet", "evidence.parquet", "summary.csv", "comparisons.csv")
_LOOK_S = 0.05


@dataclass(frozen=True)
class Spent:
    """Seconds of a run and of its parts."""

    trials: int
    wall_s: float
    start_s: float
    first_s: float
    synthesis_s: float
    judging_s: float
    scoring_s: float
    statistics_s: float
    report_s: float
    end_s: float
    work_s: float
    wall_after_start_s: float

    @property
    def a_minute(self) -> tuple[float, float]:
        """Trials a minute: of the whole run, and at work."""
        return 60 * self.trials / self.wall_s, 60 * self.trials / max(self.work_s, _LOOK_S)

    def __str__(self) -> str:
        whole, work = self.a_minute
        stages = {
            name.removesuffix("_s"): round(seconds, 1)
            for name, seconds in dataclasses.asdict(self).items()
            if name != "trials"
        }
        return f"{whole:.0f} trials a minute, at work {work:.0f}; seconds: {stages}"


def spend(arguments: list[str], out: Path) -> Spent:
    """Run, and see from outside when the journals grow. Raises `SystemExit` where the run fails.

    Single trials that fail (a nano arm falls silent) are trials as well.
    """
    command = [sys.executable, "-m", "xtts_lab.cli", "run", *arguments, "--out", str(out)]
    sizes: dict[str, int] = {}
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    began, clock = time.perf_counter(), time.time()
    with (out.parent / f"{out.name}.log").open("wb") as log:
        process = subprocess.Popen([*command, "--no-cache"], stdout=log, stderr=log)
        while process.poll() is None:
            for name in ("begun", "trials", "evidence"):
                journal = out / ".state" / f"{name}.jsonl"
                size = journal.stat().st_size if journal.exists() else 0
                if size != sizes.get(name, 0):
                    sizes[name], last[name] = size, time.perf_counter() - began
                    first.setdefault(name, last[name])
            time.sleep(_LOOK_S)
    wall = time.perf_counter() - began
    if not (out / "scores.parquet").exists():
        said = (out.parent / f"{out.name}.log").read_text(errors="replace")[-2000:]
        raise SystemExit(f"the run ended with {process.returncode}: {said}")
    # The last file that each of the stages behind the measurements writes.
    scored, told, reported = (
        (out / name).stat().st_mtime - clock
        for name in ("scores.parquet", "claims.csv", "report.html")
    )
    return Spent(
        len(pd.read_parquet(out / "trials.parquet", columns=["trial_id"])),
        wall,
        start_s=first["begun"],
        first_s=first["trials"] - first["begun"],
        synthesis_s=last["trials"] - first["trials"],
        judging_s=last["evidence"] - last["trials"],
        scoring_s=scored - last["evidence"],
        statistics_s=told - scored,
        report_s=reported - told,
        end_s=wall - reported,
        work_s=last["evidence"] - first["begun"],
        wall_after_start_s=wall - first["begun"],
    )


def differences(one: Path, many: Path) -> dict[str, Any]:
    """What differs between two runs of the same plan: recordings, and scores by metric."""
    ours, theirs = ((folder, pd.read_parquet(folder / "trials.parquet")) for folder in (one, many))
    both = ours[1].merge(theirs[1], on="trial_id", suffixes=("", "_many"))
    other = both["audio_sha256"] != both["audio_sha256_many"]
    scores = [pd.read_parquet(folder / "scores.parquet") for folder in (one, many)]
    paired = scores[0].merge(scores[1], on=["trial_id", "metric"], suffixes=("", "_many"))
    paired["apart"] = (paired["value"] - paired["value_many"]).abs()
    same_audio = set(both.loc[~other, "trial_id"])
    kept = paired[paired["trial_id"].isin(same_audio)]
    return {
        "trials": len(both),
        "recordings differ": int(other.sum()),
        "lengths differ": int((both["duration_s"] != both["duration_s_many"]).sum()),
        "sampled within rounding": int((both["tight_steps"].fillna(0) > 0).sum()),
        "largest": paired.groupby("metric")["apart"].max().to_dict(),
        "largest, same recordings": kept.groupby("metric")["apart"].max().to_dict(),
        "mean": {
            name: [float(part["value"].mean()), float(part["value_many"].mean())]
            for name, part in paired.groupby("metric")
        },
    }


def compared(
    trials: int, folder: Path, flags: Sequence[str], several: Sequence[str]
) -> dict[str, Any]:
    """Run an experiment of so many trials with one worker and with several; print both."""
    base = [str(written(folder / f"{trials}.yaml", trials)), *flags]
    runs = (folder / f"{trials}-one", folder / f"{trials}-many")
    one = spend([*base, "--workers", "1"], runs[0])
    print(f"{one.trials} trials, 1 worker: {one}", flush=True)
    many = spend([*base, *several], runs[1])
    print(f"{many.trials} trials, {' '.join(several)}: {many}", flush=True)
    ratios = {
        part: round(getattr(one, f"{part}_s") / max(getattr(many, f"{part}_s"), _LOOK_S), 2)
        for part in ("wall", "wall_after_start", "synthesis", "work")
    }
    same = {name: (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes() for name in TABLES}
    apart = {} if all(same.values()) else differences(*runs)
    print(f"ratios: {ratios}; equal: {same}", *(f"{k}: {v}" for k, v in apart.items()), sep="\n")
    spent = {"one": dataclasses.asdict(one), "many": dataclasses.asdict(many)}
    return {**spent, "ratios": ratios, "equal": same, "apart": apart}


def written(file: Path, trials: int) -> Path:
    """Write the experiment of at least so many trials; return its file."""
    items = min(ITEMS, -(-trials // 2))
    repeats = -(-trials // (2 * items))
    file.write_text(EXPERIMENT.format(limit=items * repeats, repeats=repeats))
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", default="2000", help="A number, or several: 2000,8000.")
    parser.add_argument("--executor", default=None)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=None, help="JSON of what is printed.")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.trials.split(",")]
    executor = ["--executor", chosen.executor] if chosen.executor else []
    several = ["--workers", str(chosen.workers), *executor]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        flags = ["--device", chosen.device]
        warm = str(written(folder / "warm.yaml", max(sizes)))
        spend([warm, *flags, "--limit", str(WARM), "repeats=1"], folder / "warm")
        for size in sizes:
            found[str(size)] = compared(size, folder, flags, several)
            if chosen.out:  # what there is, should the next take too long
                chosen.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
