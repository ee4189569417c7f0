"""Kill a run at random moments; does it resume to the results of an uninterrupted one?

    python benchmarks/kill_and_resume.py [EXPERIMENT] [--kills 20] [--seed 0] [--jobs 1] [-- FLAGS]

Takes turns at what is killed, with SIGKILL: the whole run at a random moment; the whole run while
it writes its report, or the cache; a worker process, or the child that does the work, from outside,
while the run goes on. One and two workers take turns as well, before and after the kill. FLAGS are
those of `run`. Prints, for each kill, what was there and whether the resumed folder equals the
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

LEFT_OUT = {"timings.parquet", "trials.parquet"}


WAYS = ("at random", "in the report", "in the cache", "a worker", "the child")
ONE_DIES = ("a worker", "the child")


def command(experiment: str, folder: Path, flags: list[str], workers: int = 1) -> list[str]:
    base = [sys.executable, "-m", "xtts_lab.cli", "run", experiment, "--out", str(folder)]
    return [*base, "--workers", str(workers), *flags]


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


def start(arguments: list[str], cache: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "XTTS_LAB_CACHE": str(cache)},
    )  # fmt: skip


def children(pid: int) -> dict[int, tuple[bytes, bytes]]:
    """Return the processes of a run below its first: the command line of each and its parent's."""
    parents, spoken = {}, {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
            spoken[int(status.parent.name)] = status.with_name("cmdline").read_bytes()
        except (OSError, ValueError):
            continue
    below, found = {pid}, {}
    while fresh := {one for one, parent in parents.items() if parent in below} - below:
        below |= fresh
        found.update({one: (spoken.get(one, b""), spoken.get(parents[one], b"")) for one in fresh})
    return found


def victims(way: str, pid: int) -> list[int]:
    """Return who may be killed: workers, whom a server forks; the child that does the work."""
    there = children(pid)
    if way == "a worker":
        server = b"multiprocessing.forkserver"
        return [one for one, (own, above) in there.items() if server in own and server in above]
    return [one for one, (own, _) in there.items() if b"xtts_lab.cli" in own]


def is_there(way: str, folder: Path, cache: Path) -> bool:
    """Return whether the moment of a kill has come."""
    if way == "in the report":
        return (folder / "claims.csv").is_file()
    return any(cache.glob("evidence/*/*")) or any(cache.glob("audio/*/*"))


def run_and_kill(
    way: str, arguments: list[str], folder: Path, cache: Path, delay_s: float, rng: random.Random
) -> str:
    process = start(arguments, cache)
    killed = 0
    if way == "at random":
        time.sleep(delay_s)
    while way in ONE_DIES and process.poll() is None and not victims(way, process.pid):
        time.sleep(0.02)
    if way in ONE_DIES:  # soon, as workers are there for part of the run only
        time.sleep(0.1 * delay_s)
    while way != "at random" and process.poll() is None:
        workers = victims(way, process.pid) if way in ONE_DIES else []
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)
            killed += 1
            break
        if way not in ONE_DIES and is_there(way, folder, cache):
            time.sleep(rng.uniform(0.0, 0.3))
            break
        time.sleep(0.02)
    finished = process.poll() is not None
    if way in ONE_DIES:
        process.wait()
    elif not finished:
        # The whole group: workers and helper processes die at the same moment.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    state = folder / ".state"
    done = f"{lines(state / 'trials.jsonl')} trials, {lines(state / 'evidence.jsonl')} measurements"
    died = f", {killed} processes killed" if way in ONE_DIES else ""
    return f"{done}{died}{' (had finished)' if finished and not killed else ''}"


def split(arguments: list[str], default: list[str]) -> tuple[list[str], list[str]]:
    """Return what is ours and, behind `--`, the flags of `run`."""
    if "--" not in arguments:
        return arguments, default
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", default="experiments/quickstart.yaml")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="Kills at a time, on a large machine.")
    own, flags = split(sys.argv[1:], ["--languages", "en,es", "--limit", "4"])
    chosen = parser.parse_args(own)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        began = time.perf_counter()
        start(command(chosen.experiment, root / "whole", flags), root / "cache").wait()
        whole_s = time.perf_counter() - began
        expected = fingerprint(root / "whole")
        print(f"uninterrupted: {whole_s:.1f} s, {len(expected)} files compared", flush=True)

        def attempt(kill: int) -> bool:
            return try_kill(kill, chosen.seed, chosen.experiment, flags, root, whole_s, expected)

        with ThreadPoolExecutor(chosen.jobs) as pool:
            equal = sum(pool.map(attempt, range(chosen.kills)))
    print(f"{equal} of {chosen.kills} resumed runs equal the uninterrupted one")
    return 0 if equal == chosen.kills else 1


def try_kill(
    kill: int,
    seed: int,
    experiment: str,
    flags: list[str],
    root: Path,
    whole_s: float,
    expected: dict[str, str],
) -> bool:
    """Kill a run and resume it; return whether its results equal the expected ones."""
    rng = random.Random(f"{seed} {kill}")
    folder, cache = root / f"kill-{kill}", root / f"cache-{kill}"
    way = WAYS[kill % len(WAYS)]
    first, second = rng.choice((1, 2)), rng.choice((1, 2))
    first = 2 if way == "a worker" else first
    delay_s = rng.uniform(0.0, 0.8 * whole_s)  # a warm run is faster than the first
    arguments = command(experiment, folder, flags, first)
    there = run_and_kill(way, arguments, folder, cache, delay_s, rng)
    start(command(experiment, folder, flags, second), cache).wait()
    found = fingerprint(folder)
    left = [*folder.rglob("*.partial"), *cache.rglob("*.partial")]
    same = found == expected and not left
    differing = [n for n in {*found, *expected} if found.get(n) != expected.get(n)]
    print(
        f"kill {kill + 1:2} {way}, {first} then {second} workers: {there}: equal={same} "
        f"{differing[:5]} {left[:2]}",
        flush=True,
    )
    return same


if __name__ == "__main__":
    sys.exit(main())
