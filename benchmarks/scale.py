"""What the bench itself costs: null trials by the thousand, planned, stored, scored and reported.

    python benchmarks/scale.py [10000 100000 1000000]

Each number of trials is a run of its own in a fresh process, without a cache: two arms of the
system `null`, one metric, 16 languages. 100,000 must take under 3 minutes and 1.5 GB on two cores,
and a trial of 1,000,000 at most 1.3 times as long as one of 100,000. Printed are wall and processor
seconds, the peak of memory, and both a trial; on a machine that does other things the processor's
seconds are the ones to compare. A million trials write 4 GB of small files.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

EXPERIMENT = """
name: scale
systems: {{"null": {{name: "null"}}, other: {{name: "null", duration_s: 0.04}}}}
texts: {{name: builtin, languages: all, per_language: 20}}
speakers: {{name: synthetic, count: 20, references: 1}}
pairing: cross
repeats: {repeats}
limit: {limit}
metrics: [{{name: duration}}]
sanity: false
statistics: {{baseline: "null", resamples: 2000}}
"""
ITEMS = 16 * 20 * 20


@dataclass(frozen=True)
class Cost:
    trials: int
    wall_s: float
    processor_s: float
    peak_mb: float


def measure(trials: int, folder: Path) -> Cost:
    """Return what one run costs."""
    experiment = folder / f"{trials}.yaml"
    repeats = -(-trials // (2 * ITEMS))
    experiment.write_text(EXPERIMENT.format(limit=trials // 2, repeats=repeats))
    arguments = [
        sys.executable, "-m", "xtts_lab.cli", "run", str(experiment),
        "--out", str(folder / str(trials)), "--no-cache",
    ]  # fmt: skip
    start = time.perf_counter()
    said = folder / f"{trials}.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        last = said.read_text(encoding="utf-8", errors="replace")[-1000:]
        raise SystemExit(f"the run of {trials} trials ended with {status}: {last}")
    spent = usage.ru_utime + usage.ru_stime
    return Cost(trials, time.perf_counter() - start, spent, usage.ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", type=int, nargs="*", default=[10_000, 100_000])
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        measure(20, folder)  # makes the synthetic speakers, and warms the disk's cache
        base = measure(20, folder)
        print(f"start-up: {base.wall_s:.1f} s, {base.processor_s:.1f} s of processor")
        found = []
        for count in chosen.trials:
            cost = measure(count, folder)
            found.append(cost)
            each = 1e3 * (cost.processor_s - base.processor_s) / count
            print(
                f"{count:9,} trials: {cost.wall_s:7.1f} s ({cost.processor_s:.1f} of processor), "
                f"{cost.peak_mb:6.0f} MB; {each:.3f} ms a trial",
                flush=True,
            )
        for one, other in itertools.pairwise(found):
            ratio = (other.processor_s - base.processor_s) / other.trials
            ratio /= (one.processor_s - base.processor_s) / one.trials
            print(f"a trial of {other.trials:,} costs {ratio:.2f} of one of {one.trials:,}")


if __name__ == "__main__":
    main()
