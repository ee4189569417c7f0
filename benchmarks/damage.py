"""Damage a cache and a run folder in every way there is; is all of it repaired, or named in a line?

    python benchmarks/damage.py [EXPERIMENT] [--seed 0] [--jobs 1] [-- FLAGS OF run ...]

One run fills a cache. Then, for each kind of damage and each place (cached audio, its records,
evidence, costs, speakers' clips; the run folder's audio, each of its files, its state), a file
there is damaged and the experiment is run again: with the cache into a fresh folder, or in the
damaged folder. A case is right where the results equal the first ones byte for byte (but for
timings and, of costs, which are in no result), or where the command ends with code 2 and one line
that names the place. `report` and `compare` are tried on each damaged run folder too.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kill_and_resume import fingerprint, split

from tests.damage_kinds import ANY_FILE, RECORDS

Damage = Callable[[Path], None]
CACHE = {"audio": ".wav", "audio records": ".json", "evidence": ".json", "costs": ".json",
         "speakers": ".wav"}  # fmt: skip


def run(arguments: list[str], cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XTTS_LAB_CACHE": str(cache)}
    command = [sys.executable, "-m", "xtts_lab.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def is_one_line(done: subprocess.CompletedProcess[str]) -> bool:
    own = [line for line in done.stderr.splitlines() if line.startswith("xtts-lab: ")]
    return done.returncode == 2 and len(own) == 1 and "Traceback" not in done.stderr


def cases(root: Path) -> Iterator[tuple[str, Path, str, Damage]]:
    """Yield name, file, where it lies (cache or run) and what happens to it."""
    for what, suffix in CACHE.items():
        folder = root / "cache" / what.partition(" ")[0]
        files = sorted(p for p in folder.rglob(f"*{suffix}") if p.is_file())
        kinds = {**ANY_FILE, **(RECORDS if suffix == ".json" else {})}
        for i, (kind, damage) in enumerate(kinds.items()):
            yield f"cache {what}, {kind}", files[i % len(files)], "cache", damage
    run_folder = root / "run"
    places = [p for p in sorted(run_folder.iterdir()) if p.is_file()]
    places += [sorted((run_folder / "audio").rglob("*.wav"))[0]]
    places += [
        p for p in sorted((run_folder / ".state").iterdir()) if p.suffix in (".json", ".jsonl")
    ]
    for place in places:
        for kind, damage in ANY_FILE.items():
            yield f"run {place.relative_to(run_folder)}, {kind}", place, "run", damage


def try_case(
    root: Path, base: list[str], place: Path, where: str, damage: Damage, expected: dict[str, str]
) -> str:
    """Return what became of a case: repaired, named, or what went wrong."""
    with tempfile.TemporaryDirectory(dir=root.parent) as temporary:
        copy = Path(temporary) / "copy"
        shutil.copytree(root, copy, symlinks=True)
        damage(copy / place.relative_to(root))
        out = copy / ("again" if where == "cache" else "run")
        if where == "run":
            for command in (["report", str(out)], ["compare", str(out), str(root / "run")]):
                with_damage = shutil.copytree(out, copy / "looked at", symlinks=True)
                done = run([command[0], str(with_damage), *command[2:]], copy / "cache")
                if done.returncode not in (0, 2) or "Traceback" in done.stderr:
                    return f"{command[0]}: {done.stderr.strip().splitlines()[-1:]}"
                shutil.rmtree(with_damage)
        done = run([*base, "--out", str(out)], copy / "cache")
        if is_one_line(done):
            return "named"
        if done.returncode != 0:
            return f"exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}"
        found = fingerprint(out)
        differing = [n for n in {*found, *expected} if found.get(n) != expected.get(n)]
        return f"differs: {differing[:3]}" if differing else "repaired"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", default="experiments/quickstart.yaml")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="Cases at a time.")
    parser.add_argument("--most", type=int, default=None, help="Only so many cases, drawn by seed.")
    parser.add_argument("--only", default="", help="Only the cases with this in their name.")
    parser.add_argument("--where", choices=("cache", "run"), help="Only the cases there.")
    own, flags = split(sys.argv[1:], ["--languages", "en,es", "--limit", "2"])
    chosen = parser.parse_args(own)
    base = ["run", chosen.experiment, *flags]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "whole"
        first = run([*base, "--out", str(root / "run")], root / "cache")
        if first.returncode != 0:
            raise SystemExit(first.stderr)
        expected = fingerprint(root / "run")
        asked = [
            case
            for case in cases(root)
            if chosen.where in (None, case[2]) and chosen.only in case[0]
        ]
        if chosen.most is not None and chosen.most < len(asked):
            asked = random.Random(chosen.seed).sample(asked, chosen.most)

        def attempt(case: tuple[str, Path, str, Damage]) -> str:
            name, place, where, damage = case
            became = try_case(root, base, place, where, damage, expected)
            print(f"{name}: {became}", flush=True)
            return became if became in ("repaired", "named") else "wrong"

        with ThreadPoolExecutor(chosen.jobs) as pool:
            counts = Counter(pool.map(attempt, asked))
        print(f"{len(asked)} cases: {dict(counts)}")
        return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
