"""Workers and drivers of a Ray run killed at random moments: nothing lost, nothing changed.

    python benchmarks/ray_kills.py [--kills 10] [--trials 3000] [--seed 0]

A run with `--executor ray --workers 2` is resumed until it ends; meanwhile its driver is killed
(SIGKILL) and, in each life, one of its workers. Tables and audio must then be those of a local run,
but for timings. Needs the extra `ray`, and Linux (`/proc`).
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

EXPERIMENT = """
name: ray-kills
systems: {{"null": {{name: "null", duration_s: 1.0}}, other: {{name: "null", duration_s: 0.7}}}}
texts: {{name: builtin, languages: [en, de], per_language: 5}}
speakers: {{name: synthetic, count: 4, references: 0, enrolment: 0}}
repeats: {repeats}
metrics: [{{name: duration}}]
statistics: {{baseline: other, resamples: 200}}
"""
SAME = ("scores.parquet", "evidence.parquet", "summary.csv", "comparisons.csv", "report.md")
MARK = "XTTS_LAB_KILL_MARK"


def command(experiment: Path, out: Path, *flags: str) -> list[str]:
    return [
        sys.executable, "-m", "xtts_lab.cli", "run", str(experiment), "--out", str(out),
        "--no-cache", *flags,
    ]  # fmt: skip


def workers_of(mark: str) -> list[int]:
    """Return the processes that are Ray's actors and have our mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                name = (entry / "cmdline").read_bytes()
                if name.startswith(b"ray::Actor") and mark in (entry / "environ").read_text():
                    found.append(int(entry.name))
            except (OSError, UnicodeDecodeError):
                continue
    return found


def done(out: Path) -> int:
    log = out / ".state" / "trials.jsonl"
    return log.read_bytes().count(b"\n") if log.is_file() else 0


def life(
    arguments: list[str], out: Path, log: Path, rng: random.Random, kill_driver: bool
) -> tuple[int, int]:
    """Run until the end or until we kill it; return its exit code and the workers killed."""
    mark = secrets.token_hex(8)
    with log.open("wb") as said:
        process = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=said, env={**os.environ, MARK: mark}
        )
    before, killed = done(out), 0
    worker_at, driver_at = before + rng.randint(1, 60), before + rng.randint(61, 150)
    while process.poll() is None:
        here = done(out)
        if not killed and here >= worker_at and (known := workers_of(mark)):
            os.kill(rng.choice(known), signal.SIGKILL)
            killed = 1
        if kill_driver and here >= driver_at:
            process.kill()
        time.sleep(0.05)
    return process.returncode, killed


def same(local: Path, there: Path) -> list[str]:
    """Return what differs."""
    unlike = [n for n in SAME if (local / n).read_bytes() != (there / n).read_bytes()]
    one, other = (pd.read_parquet(run / "trials.parquet") for run in (local, there))
    if not one.drop(columns="synthesis_s").equals(other.drop(columns="synthesis_s")):
        unlike.append("trials.parquet")
    for path in (local / "audio").rglob("*.wav"):
        if path.read_bytes() != (there / path.relative_to(local)).read_bytes():
            unlike.append(str(path.relative_to(local)))
    return unlike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        experiment = folder / "e.yaml"
        experiment.write_text(EXPERIMENT.format(repeats=max(1, chosen.trials // 20)))
        local, there = folder / "local", folder / "ray"
        subprocess.run(command(experiment, local), check=True, capture_output=True)
        arguments = command(experiment, there, "--executor", "ray", "--workers", "2")
        drivers = workers = 0
        while True:
            code, killed = life(arguments, there, folder / "log", rng, drivers < chosen.kills)
            workers += killed
            if code == -signal.SIGKILL and drivers < chosen.kills:
                drivers += 1
                print(
                    f"driver killed {drivers}, workers {workers}, {done(there)} records", flush=True
                )
                continue
            break
        if code != 0:
            print((folder / "log").read_text()[-2000:])
            raise SystemExit(f"the run ended with {code} after {drivers} kills")
        unlike = same(local, there)
        print(f"drivers killed: {drivers}, workers killed: {workers}, exit code {code}")
        print(f"DIFFERS: {unlike[:10]}" if unlike else "nothing differs")
        sys.exit(bool(unlike))


if __name__ == "__main__":
    main()
