"""Kill a run with SIGKILL at random moments; does it resume to the results of an uninterrupted one?

    python benchmarks/kill_and_resume.py [EXPERIMENT] [--kills 20] [--seed 0] [-- FLAGS OF run ...]

Prints, for each moment, what was there at the kill and whether the resumed folder equals the
uninterrupted one byte for byte. Timings (`timings.parquet` and the column `synthesis_s`) are left
out of the comparison; everything else of the run folder is in it, the audio included.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

LEFT_OUT = {"timings.parquet", "trials.parquet"}


def command(experiment: str, folder: Path, flags: list[str]) -> list[str]:
    base = [sys.executable, "-m", "xtts_lab.cli", "run", experiment, "--out", str(folder)]
    return [*base, "--no-cache", *flags]


def fingerprint(folder: Path) -> dict[str, str]:
    """Return what of a run folder must not depend on interruptions."""
    prints = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".state" not in path.parts and path.name not in LEFT_OUT
    }
    trials = pd.read_parquet(folder / "trials.parquet").drop(columns="synthesis_s")
    prints["trials.parquet"] = hashlib.sha256(trials.to_csv().encode()).hexdigest()
    return prints


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def run_and_kill(arguments: list[str], folder: Path, delay_s: float) -> str:
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(delay_s)
    finished = process.poll() is not None
    # The whole group: workers and helper processes die at the same moment.
    os.killpg(process.pid, signal.SIGKILL) if not finished else None
    process.wait()
    state = folder / ".state"
    done = f"{lines(state / 'trials.jsonl')} trials, {lines(state / 'evidence.jsonl')} measurements"
    return f"{done}{' (had finished)' if finished else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", default="experiments/quickstart.yaml")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("flags", nargs="*", default=["--languages", "en,es", "--limit", "4"])
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        start = time.perf_counter()
        subprocess.run(command(chosen.experiment, root / "whole", chosen.flags), check=False)
        whole_s = time.perf_counter() - start
        expected = fingerprint(root / "whole")
        print(f"uninterrupted: {whole_s:.1f} s, {len(expected)} files compared")
        equal = 0
        for kill in range(chosen.kills):
            folder = root / f"kill-{kill}"
            delay_s = rng.uniform(0.0, 0.8 * whole_s)  # a warm run is faster than the first
            arguments = command(chosen.experiment, folder, chosen.flags)
            there = run_and_kill(arguments, folder, delay_s)
            subprocess.run(
                arguments, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            found = fingerprint(folder)
            same = found == expected
            equal += same
            differing = [n for n in {*found, *expected} if found.get(n) != expected.get(n)]
            print(f"kill {kill + 1:2} at {delay_s:5.1f} s: {there}: equal={same} {differing[:5]}")
    print(f"{equal} of {chosen.kills} resumed runs equal the uninterrupted one")
    return 0 if equal == chosen.kills else 1


if __name__ == "__main__":
    sys.exit(main())
