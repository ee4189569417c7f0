"""One GPU against several of the same host: trials a minute of a run with scoring, by stage.

    python benchmarks/gpus.py [--workers 4] [--trials 2000[,8000]] [--scoring full|light]
                              [--without dnsmos,...] [--only one|several] [--again]
                              [--keep DIR] [--out F] [--executor ray] [--device D]

Two nano arms say 20 English sentences by 25 synthetic speakers. Scoring: `full`, what the
experiments on the claims measure of a voice (`SCORING`), `--without` some of its instruments;
`light`, similarity (Resemblyzer), errors (the shipped recogniser) and durations; sanity in both.

The run is made with `--workers` and with one, each in a process of its own and without a cache,
after smaller runs that compile kernels and make the speakers; with several numbers of trials, for
each of them. `--only` makes one of the two; the other is taken from the JSON of `--out`, and its
tables from `--keep`, which holds the run folders. `--again`: with `--workers` once more, after the
run with one, and what is compared is the mean of both: a host has faster and slower minutes.

Printed are the wall of the whole run and of its stages: until the first trial is begun, until one
is written (weights, graphs and a batch), from there to the last, from there to the last measurement
(several workers judge while others still speak), scoring, statistics, report, the end. Then by part
the seconds of all workers, in how many spans, and in how many of these a worker came from another
part and loaded this one first. Then trials a minute, and the ratios: of the whole run (`wall`), of
what follows the first trial that is begun (`wall_after_start`), and from there to the last
measurement (`work`). Then whether the tables are equal byte for byte, and, where they are not, how
many recordings differ, how many trials sampled within rounding (`tight_steps`), and each metric's
largest difference.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
metrics: [{metrics}]
statistics: {{baseline: b}}
"""
LIGHT = {
    "levels": ["{name: duration}"],
    "resemblyzer": ["{name: secs, encoder: resemblyzer}"],
    "world_ctc": ["{name: cer, recognizer: world_ctc}"],
}
FULL = {
    **LIGHT,
    "voicefilter": ["{name: secs, encoder: voicefilter}"],
    "whisper": ["{name: wer}", "{name: cer}"],
    "dnsmos": ["{name: naturalness, predictor: dnsmos}"],
    "distillmos": ["{name: naturalness, predictor: distillmos}"],
    "pitch": ["{name: prosody}"],
}
SCORING = {"light": LIGHT, "full": FULL}
"""Metrics by the instrument that they need."""
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
        try:
            while process.poll() is None:
                for name in ("begun", "trials", "evidence"):
                    journal = out / ".state" / f"{name}.jsonl"
                    size = journal.stat().st_size if journal.exists() else 0
                    if size != sizes.get(name, 0):
                        sizes[name], last[name] = size, time.perf_counter() - began
                        first.setdefault(name, last[name])
                time.sleep(_LOOK_S)
        finally:  # or it goes on beside what is measured next
            process.kill()
            process.wait()
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


def by_part(run: Path) -> dict[str, list[float]]:
    """Return seconds of all workers, spans and joins of a run, by part: the most first."""
    spans = pd.read_json(run / ".state" / "timeline.json")
    name = spans["part"].str.extract(r"'name', '(\w+)'")[0]
    which = spans["part"].str.extract(r"'checkpoint', '([^']+)'")[0]
    parts = spans.groupby(name.str.cat(which, sep=" ", na_rep="").str.strip())
    found = parts.agg(seconds=("seconds", "sum"), spans=("jobs", "size"), joins=("joins", "sum"))
    found = found.round(1).sort_values("seconds", ascending=False)
    return {str(part): row.tolist() for part, row in found.iterrows()}


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


@dataclass(frozen=True)
class Asked:
    """What is measured, and how."""

    folder: Path
    device: str
    scoring: str
    without: Sequence[str]
    several: Sequence[str]
    only: str | None
    again: bool

    @property
    def metrics(self) -> list[str]:
        """The metrics of the runs, as an experiment has them."""
        known = SCORING[self.scoring]
        return [line for judge in known if judge not in self.without for line in known[judge]]

    def name(self, trials: int) -> str:
        """Name runs of so many trials."""
        return "-".join([str(trials), self.scoring, *(f"no-{judge}" for judge in self.without)])

    def experiment(self, trials: int, metrics: Sequence[str] | None = None) -> str:
        """Write the experiment of at least so many trials; return its file."""
        items = min(ITEMS, -(-trials // 2))
        repeats = -(-trials // (2 * items))
        chosen = ", ".join(self.metrics if metrics is None else metrics)
        file = self.folder / f"{self.name(trials)}{'' if metrics is None else '-warm'}.yaml"
        file.write_text(EXPERIMENT.format(limit=items * repeats, repeats=repeats, metrics=chosen))
        return str(file)

    def warm_up(self, trials: int) -> None:
        """Compile kernels and make the speakers; then what judges make at their first use."""
        flags = ["--device", self.device, "repeats=1"]
        quick = self.experiment(trials, LIGHT["levels"])

        def warm(file: str, limit: int) -> None:
            out = self.folder / f"{Path(file).stem}-warm-{limit}"
            if not (out / "scores.parquet").exists():
                spend([file, *flags, "--limit", str(limit)], out)

        with ThreadPoolExecutor() as beside:
            list(beside.map(warm, (quick, self.experiment(trials)), (WARM, 2)))

    def measure(self, trials: int, before: dict[str, Any]) -> dict[str, Any]:
        """Run an experiment of so many trials; add what it took to what is known, and print it."""
        found = {**before, "scoring": self.scoring, "metrics": self.metrics}
        flags = {"several": [*self.several], "one": ["--workers", "1"]}
        if self.again:
            flags["again"] = flags["several"]
        runs = {which: self.folder / f"{self.name(trials)}-{which}" for which in flags}
        for which, labour in flags.items():
            if self.only is None or self.only == ("several" if which == "again" else which):
                base = [self.experiment(trials), "--device", self.device, *labour]
                shutil.rmtree(runs[which], ignore_errors=True)
                spent, parts = spend(base, runs[which]), by_part(runs[which])
                print(f"{spent.trials} trials, {self.scoring}, {' '.join(labour)}: {spent}")
                print(f"worker-seconds, spans, joins, by part: {parts}")
                cores = len(os.sched_getaffinity(0))
                found[which] = {**dataclasses.asdict(spent), "cores": cores, "parts": parts}
        if "one" in found and "several" in found:
            both = [found[which] for which in ("several", "again") if which in found]
            spans = [name for name in both[0] if name.endswith("_s")]
            mean = {span: sum(run[span] for run in both) / len(both) for span in spans}
            found |= compared(found["one"], mean, runs["one"], runs["several"])
        sys.stdout.flush()
        return found


def compared(
    one: dict[str, Any], several: dict[str, Any], first: Path, second: Path
) -> dict[str, Any]:
    """Return ratios of seconds and, where both folders are there, how their tables differ."""
    ratios = {
        part: round(one[f"{part}_s"] / max(several[f"{part}_s"], _LOOK_S), 2)
        for part in ("wall", "wall_after_start", "synthesis", "work")
    }
    print(f"ratios: {ratios}")
    if not all((run / "scores.parquet").exists() for run in (first, second)):
        return {"ratios": ratios}
    same = {name: (first / name).read_bytes() == (second / name).read_bytes() for name in TABLES}
    apart = {} if all(same.values()) else differences(first, second)
    print(f"equal: {same}", *(f"{k}: {v}" for k, v in apart.items()), sep="\n")
    return {"ratios": ratios, "equal": same, "apart": apart}


def asked_for(chosen: argparse.Namespace, folder: Path) -> Asked:
    """Return what the flags say. Raises `SystemExit` for instruments that are not measured."""
    without = [name for name in chosen.without.split(",") if name]
    unknown = sorted(set(without) - SCORING[chosen.scoring].keys())
    if unknown:
        raise SystemExit(f"--without: {chosen.scoring} scoring has no {', '.join(unknown)}")
    executor = ["--executor", chosen.executor] if chosen.executor else []
    several = ["--workers", str(chosen.workers), *executor]
    return Asked(folder, chosen.device, chosen.scoring, without, several, chosen.only, chosen.again)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", default="2000", help="A number, or several: 2000,8000.")
    parser.add_argument("--scoring", choices=list(SCORING), default="full")
    parser.add_argument("--without", default="", help="Instruments: dnsmos,pitch.")
    parser.add_argument("--only", choices=["one", "several"], default=None)
    parser.add_argument("--again", action="store_true", help="Several workers twice.")
    parser.add_argument("--keep", type=Path, default=None, help="Holds the run folders.")
    parser.add_argument("--executor", default=None)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=None, help="JSON of what is printed.")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    known = chosen.out is not None and chosen.out.exists()
    found: dict[str, Any] = json.loads(chosen.out.read_text()) if known else {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        asked = asked_for(chosen, folder)
        sizes = [int(size) for size in chosen.trials.split(",")]
        asked.warm_up(max(sizes))
        for size in sizes:
            name = asked.name(size)
            found[name] = asked.measure(size, found.get(name, {}))
            if chosen.out:  # what there is, should the next take too long
                chosen.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
