"""What the bench itself costs: a null system, 1,000 and 10,000 trials, in fresh processes.

    python benchmarks/null_scale.py

Planning, storing and summarising 10,000 trials must take under 60 s and under 1 GB, and the cost
must grow linearly from 1,000.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXPERIMENT = """
name: null-scale
systems: {{"null": {{name: "null"}}, other: {{name: "null", duration_s: 0.04}}}}
texts: {{name: builtin, languages: all, per_language: 5}}
speakers: {{name: synthetic, count: 20, references: 1}}
repeats: 63
limit: {limit}
metrics: [{{name: duration}}]
sanity: false
statistics: {{baseline: "null"}}
"""


def measure(trials: int, folder: Path) -> tuple[float, float]:
    """Return wall seconds and peak resident megabytes of one run."""
    experiment = folder / f"{trials}.yaml"
    experiment.write_text(EXPERIMENT.format(limit=trials // 2))
    arguments = [
        sys.executable, "-m", "xtts_lab.cli", "run", str(experiment),
        "--out", str(folder / str(trials)), "--no-cache",
    ]  # fmt: skip
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the run of {trials} trials ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        measure(10, folder)  # makes the synthetic speakers, and warms the disk's cache
        base_s, base_mb = measure(20, folder)
        few_s, few_mb = measure(1_000, folder)
        many_s, many_mb = measure(10_000, folder)
    print(f"start-up:      {base_s:6.1f} s  {base_mb:6.0f} MB")
    print(f" 1,000 trials: {few_s:6.1f} s  {few_mb:6.0f} MB")
    print(f"10,000 trials: {many_s:6.1f} s  {many_mb:6.0f} MB")
    growth = (many_s - base_s) / (few_s - base_s)
    print(f"cost above start-up grows {growth:.1f} x for 10 x the trials")


if __name__ == "__main__":
    main()
