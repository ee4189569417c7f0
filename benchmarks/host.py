"""What is measured of a host with GPUs, in one go: each stage with a GPU and cores of its own.

    python benchmarks/host.py --out DIR [--seconds 1500] [--only several,one] [--rehearse]

Stages (`STAGES`), in this order: several GPUs against one, which have the host for themselves; then
side by side streaming beside coqui-tts (where installed), load, the tests that want a GPU, and
decoding. What shares cores is timed wrongly: beside others, each stage keeps to its own.

A stage leaves `NAME.log` and, all but the tests, a JSON in DIR; one whose `NAME.done` is there is
not repeated, so the same command goes on where the last one ended. None is begun that would
probably not end within `--seconds`, and what has not ended by then is ended. `--rehearse`: the
smallest sizes, on a CPU, to see that all of them run.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Stage:
    """A command, `{out}`, `{keep}` and `{workers}` filled in; `rehearsed`: its smallest form."""

    name: str
    command: str
    rehearsed: str
    takes_s: int
    alone: bool = False


FULL = "gpus.py --workers {workers} --keep {keep} --out {out}/gpus.json"
TINY = f"{FULL} --device cpu --trials 4 --scoring light"
LOAD = "load.py --dtype float16 --out {out}/{name}.json"
SLOW = "--layers 1 --device cpu --out {out}/{name}.json"
STAGES = (
    Stage("several", f"{FULL} --only several", f"{TINY} --only several", 400, alone=True),
    Stage("one", f"{FULL} --only one", f"{TINY} --only one", 1100, alone=True),
    Stage(
        "streaming",
        "streaming.py --trials 200 --reference-trials 20 --reference-dtypes float32,float16"
        " --dtypes float32,float16,bfloat16 --out {out}/{name}.json",
        f"streaming.py --trials 1 --reference-trials 0 --codes 4 --dtypes float32 {SLOW}",
        150,
    ),
    Stage(
        "load",
        f"{LOAD} --trials 200 --rates 10,20 --seconds 25 --rows 16",
        f"load.py --dtype float32 --trials 1 --rates 1 --seconds 1 --rows 1 {SLOW}",
        120,
    ),
    Stage(
        "load-1",
        f"{LOAD} --trials 200 --rates 1 --seconds 260 --rows 4",
        f"load.py --dtype float32 --trials 1 --rates 1 --seconds 1 --rows 1 {SLOW}",
        330,
    ),
    Stage(
        "tests", "-m pytest -m gpu -rA ../tests", "-m pytest -m gpu ../tests/test_quality.py", 200
    ),
    Stage("decode", "decode_steps.py --rows 128,256 --out {out}/{name}.json", "", 120),
)


@dataclass
class Host:
    """Where stages run, and until when."""

    out: Path
    gpus: Sequence[str]
    cores: Sequence[int]
    ends_at: float
    rehearse: bool

    @property
    def left_s(self) -> float:
        return self.ends_at - time.monotonic()

    def begin(
        self, stage: Stage, gpus: Sequence[str], cores: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Start a stage that sees these GPUs and cores alone."""
        form = stage.rehearsed if self.rehearse else stage.command
        filled = form.format(
            out=self.out, name=stage.name, keep=self.out / "runs", workers=max(2, len(self.gpus))
        )
        threads = {"OMP_NUM_THREADS": str(len(cores))} if not stage.alone else {}
        seen = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
        with (self.out / f"{stage.name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *shlex.split(filled)],
                cwd=HERE, stdout=log, stderr=log, env={**os.environ, **threads, **seen},
                start_new_session=True, preexec_fn=partial(os.sched_setaffinity, 0, cores),
            )  # fmt: skip

    def end(self, stage: Stage, process: subprocess.Popen[bytes]) -> None:
        """Wait for a stage until the time is up; say how it ended."""
        try:
            code: int | str = process.wait(max(self.left_s, 0.0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            code = "time is up"
        if code == 0:
            (self.out / f"{stage.name}.done").touch()
        print(f"{stage.name}: {code}, {self.left_s:.0f} s left", flush=True)

    def rounds(self, stages: Sequence[Stage]) -> Iterator[list[Stage]]:
        """Yield stages that run side by side: as many as there are GPUs, or one alone."""
        waiting = [stage for stage in stages if not (self.out / f"{stage.name}.done").exists()]
        while waiting:
            first = waiting[0]
            width = 1 if first.alone else max(1, len(self.gpus))
            chosen = [s for s in waiting if s.alone == first.alone][:width]
            waiting = [stage for stage in waiting if stage not in chosen]
            fitting = [s for s in chosen if self.rehearse or s.takes_s < self.left_s]
            for stage in chosen:
                if stage not in fitting:
                    print(f"{stage.name}: not begun, {self.left_s:.0f} s left", flush=True)
            yield fitting

    def run(self, stages: Sequence[Stage]) -> None:
        for chosen in self.rounds(stages):
            if [stage.alone for stage in chosen] == [True]:
                self.end(chosen[0], self.begin(chosen[0], self.gpus, self.cores))
                continue
            share = max(1, len(self.cores) // max(1, len(chosen)))
            begun = []
            for at, stage in enumerate(chosen):
                own = self.cores[at * share : (at + 1) * share] or self.cores
                begun.append((stage, self.begin(stage, self.gpus[at : at + 1], own)))
            for stage, process in begun:
                self.end(stage, process)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=1500.0)
    parser.add_argument("--only", default="", help="Stages: several,one.")
    parser.add_argument("--rehearse", action="store_true")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in asked.only.split(",") if name]
    unknown = sorted(set(wanted) - {stage.name for stage in STAGES})
    if unknown:
        raise SystemExit(f"--only: there is no stage {', '.join(unknown)}")
    stages = [s for s in STAGES if not wanted or s.name in wanted]
    if asked.rehearse:
        stages = [stage for stage in stages if stage.rehearsed]
    gpus = [] if asked.rehearse else [str(i) for i in range(torch.cuda.device_count())]
    cores, until = sorted(os.sched_getaffinity(0)), time.monotonic() + asked.seconds
    Host(asked.out.resolve(), gpus, cores, until, asked.rehearse).run(stages)


if __name__ == "__main__":
    main()
