"""Processes that die of their work: nothing else is lost, and what killed them is recorded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.dying_jobs import WAYS
from tests.dying_parts import JUDGES
from xtts_lab import registry
from xtts_lab.cli import run_app
from xtts_lab.data.sentences import builtin

SYSTEMS = """\
import os, signal, sys
import torch
from xtts_lab.types import Audio, Failure, Synthesis, Timings

class Base:
    languages = frozenset({"en"})
    sample_rate = 16000
    identity = {}
    extra, fewer = 0, 0
    def synthesise(self, requests):
        made = [r for r in requests[: len(requests) - self.fewer]] + [requests[0]] * self.extra
        for request in made:
            yield self.say(request.text == FIRST, request)
    def say(self, first, request):
        return self.bad(request) if first else self.good()
    def good(self, **more):
        samples = 0.1 * torch.sin(torch.arange(8000) / 10.0)
        return Synthesis(Audio(samples, 16000), **more)
    def close(self): pass

FIRST = ""
def system(name, bad, **more):
    made = type(name, (Base,), {"bad": lambda self, request: bad(self), **more})
    made.__init__ = lambda self: None
    return made

def raises(error):
    def do(*_):
        raise error
    return do

class Odd(Exception):
    def __str__(self): raise ValueError("not even this")

class ClosesBadly(Base):
    def __init__(self): pass
    def say(self, first, request): return self.good()
    def close(self): sys.exit(3)

kill = system("Kill", lambda s: os.kill(os.getpid(), signal.SIGKILL))
ends = system("Ends", lambda s: os._exit(0))
exits = system("Exits", lambda s: sys.exit(0))
raised = system("Raised", raises(RuntimeError("first line\\nsecond \\ud800 line")))
odd = system("OddOne", raises(Odd()))
memory = system("Memory", raises(MemoryError()))
recursion = system("Recursion", raises(RecursionError("deep")))
surrogate = system("Surrogate", lambda s: Failure("lone \\ud800 surrogate\\nand a line"))
nothing = system("Nothing", lambda s: None)
text = system("Text", lambda s: "audio")
number = system("Number", lambda s: Failure(7))
nan_time = system("NanTime", lambda s: s.good(timings=Timings(total_ms=float("nan"))))
text_time = system("TextTime", lambda s: s.good(timings=Timings(total_ms=object())))
nan_audio = system("NanAudio", lambda s: Synthesis(Audio(torch.full((10,), float("nan")), 16000)))
no_audio = system("NoAudio", lambda s: Synthesis(Audio(torch.zeros(0), 16000)))
wide = system("Wide", lambda s: Synthesis(Audio(torch.zeros(2, 10), 16000)))
detail = system("Detail", lambda s: s.good(details={"x": float("inf")}))
no_rate = system("NoRate", lambda s: Synthesis(Audio(torch.zeros(10), 0)))
fewer = system("Fewer", lambda s: s.good(), fewer=1)
more = system("More", lambda s: s.good(), extra=1)
closes = ClosesBadly
"""
ONE_FAILS = {  # the first utterance fails, with these words
    "kill": "killed by SIGKILL",
    "ends": "ended with exit code 0",
    "exits": "SystemExit: 0",
    "raised": "RuntimeError: first line",
    "odd": "Odd",
    "memory": "MemoryError",
    "recursion": "RecursionError: deep",
    "surrogate": r"lone \ud800 surrogate and a line",
    "nothing": "NoneType",
    "text": "str",
    "number": "7",
    "nan_time": "Out of range float values are not JSON compliant",
    "text_time": "not JSON serializable",
    "nan_audio": "not finite",
    "no_audio": "is empty",
    "wide": "not mono",
    "detail": "details are not JSON",
    "no_rate": "",
}
ALL_FAIL = {"fewer": "gave 1 results for 2 jobs", "more": "gave more results for 2 jobs"}


def _plugin(folder: Path, code: str, groups: dict[str, dict[str, str]]) -> None:
    """Lay out what `pip install` of a package with entry points would."""
    folder.mkdir()
    (folder / "dying_plugin.py").write_text(code)
    info = folder / "dying-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dying\nVersion: 1.0\n")
    lines = []
    for group, names in groups.items():
        lines.append(f"[xtts_lab.{group}]")
        lines += [f"{name} = dying_plugin:{value}" for name, value in names.items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(autouse=True)
def _forget_the_plugin() -> None:
    sys.modules.pop("dying_plugin", None)


def _experiment(folder: Path, per_language: int = 2, **changes: object) -> Path:
    data = {
        "name": "deaths",
        "systems": {"sound": {"name": "null"}},
        "texts": {"name": "builtin", "languages": ["en"], "per_language": per_language},
        "speakers": {"name": "synthetic", "count": 1, "references": 0},
        "metrics": [{"name": "duration"}],
        "sanity": False,
        "statistics": {"resamples": 100},
    }
    file = folder / "x.yaml"
    file.write_text(yaml.safe_dump({**data, **changes}, allow_unicode=True))
    return file


def test_systems_that_misbehave_fail_their_trials_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*ONE_FAILS, *ALL_FAIL, "closes"]
    first = builtin("en")[0].text
    code = SYSTEMS.replace('FIRST = ""', f"FIRST = {first!r}")
    _plugin(tmp_path / "site", code, {"systems": {name: name for name in names}})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    systems = {name: {"name": name} for name in names}
    file = _experiment(tmp_path, systems={"sound": {"name": "null"}, **systems})
    assert run_app(["run", str(file), "--out", str(tmp_path / "run"), "--no-cache"]) == 1
    trials = pd.read_parquet(tmp_path / "run" / "trials.parquet")
    by_arm = dict(list(trials.groupby("arm", sort=False)))
    for arm, words in ONE_FAILS.items():
        failed = by_arm[arm][by_arm[arm]["status"] == "failed"]
        assert len(failed) == 1, arm
        assert words in failed["error"].iloc[0], arm
        assert "\n" not in failed["error"].iloc[0]
    for arm, words in ALL_FAIL.items():
        assert by_arm[arm]["error"].str.contains(words).all(), arm
    assert (by_arm["sound"]["status"] == "ok").all()
    assert (by_arm["closes"]["status"] == "ok").all()
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    assert len(failures) == len(ONE_FAILS) + 2 * len(ALL_FAIL)
    assert (tmp_path / "run" / "report.html").is_file()


def test_judges_and_metrics_that_misbehave_are_recorded_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, object] = {}
    exec(JUDGES, names)
    metrics, instruments = list(names["METRICS"]), list(names["INSTRUMENTS"])  # type: ignore[call-overload]
    groups = {
        "metrics": {
            **{name: name.replace("-", "_") for name in metrics},
            **{f"of-{name}": f"of_{name}" for name in instruments},
        },
        "instruments": {"i_ends": "i_ends"},
    }
    for name in set(instruments) - {"i_ends"}:  # as built-in ones, in this process
        monkeypatch.setitem(registry.BUILTIN["instruments"], name, f"dying_plugin:{name}")
    _plugin(tmp_path / "site", JUDGES, groups)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    asked = [{"name": name} for name in groups["metrics"]]
    file = _experiment(tmp_path, metrics=[*asked, {"name": "duration"}])
    assert run_app(["run", str(file), "--out", str(tmp_path / "run"), "--no-cache"]) == 1
    scores = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    known = set(scores[scores["value"].notna()]["metric"])
    assert known >= {"m-good.x", "of-i_good.x", "duration.seconds"}
    assert not {m for m in known if m.startswith(("m-", "of-"))} - {"m-good.x", "of-i_good.x"}
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    counts = failures["stage"].str.partition(" ")[0].value_counts().to_dict()
    # Both trials say the same: their one measurement fails once for each of them.
    assert counts == {"score": 2 * (len(metrics) - 1), "measure": 2 * (len(instruments) - 1)}
    assert not failures["error"].str.contains("\n").any()


def _program(folder: Path, code: str) -> list[str]:
    """Return the command line of a program whose built-in parts die."""
    (folder / "go.py").write_text(
        "import sys\nfrom xtts_lab import registry\nfrom xtts_lab.cli import run_app\n"
        f"{code}\nif __name__ == '__main__':\n    sys.exit(run_app(sys.argv[1:]))\n"
    )
    return [sys.executable, "go.py"]


DYING = """
registry.BUILTIN['systems']['mouth'] = 'tests.dying_parts:Mouth'
registry.BUILTIN['instruments']['ear'] = 'tests.dying_parts:Ear'
for name in ('judge', 'pooler', 'hearer'):
    registry.BUILTIN['metrics'][name] = 'tests.dying_parts:Judge'
"""


def _in_a_process(
    command: list[str], folder: Path, *more: Path
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([*map(str, more), str(folder), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("systems", "metrics", "workers", "failed"),
    [
        (
            {
                "mouth": {"name": "mouth", "way": "exit-0"},
                "closing": {"name": "mouth", "at": "close", "way": "SIGSEGV"},
            },
            [
                {"name": "judge", "at": "components", "way": "SIGABRT"},
                {"name": "pooler", "at": "pool", "way": "exit-3"},
            ],
            1,
            {
                "synthesise": "ended with exit code 0",
                "score": "judge: components: the process was killed by SIGABRT",
                "summarise pooler.x": "pooler.x: pool: the process ended with exit code 3",
            },
        ),
        (
            {"mouth": {"name": "mouth", "way": "SIGTERM"}},
            [{"name": "hearer", "ear": True}],
            2,
            {"synthesise": "killed by SIGTERM", "measure ear": "ended with exit code 0"},
        ),
    ],
    ids=["one-worker", "two-workers"],
)
def test_built_in_parts_that_die_are_recorded_in_the_same_run(
    tmp_path: Path,
    systems: dict[str, object],
    metrics: list[dict[str, object]],
    workers: int,
    failed: dict[str, str],
) -> None:
    file = _experiment(
        tmp_path, 1, systems=systems, metrics=[{"name": "duration"}, *metrics], repeats=2
    )
    arguments = ["run", str(file), "--out", "run", "--no-cache", "--workers", str(workers)]
    done = _in_a_process([*_program(tmp_path, DYING), *arguments], tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "the process" in done.stderr
    trials = pd.read_parquet(tmp_path / "run" / "trials.parquet")
    assert (trials[trials["arm"] == "closing"]["status"] == "ok").all()
    trials = trials[trials["arm"] == "mouth"]
    dies = trials["seed"] % 2 == 0
    assert (trials["status"] == "failed").tolist() == dies.tolist()
    assert 0 < dies.sum() < len(dies)  # some live
    failures = pd.read_csv(tmp_path / "run" / "failures.csv", keep_default_na=False)
    assert set(failures["stage"]) == set(failed)
    for stage, words in failed.items():
        own = failures[failures["stage"] == stage]["error"]
        assert own.str.contains(words).all(), own.tolist()
    assert (tmp_path / "run" / "report.html").is_file()
    summary = pd.read_csv(tmp_path / "run" / "summary.csv")
    assert (summary[summary["metric"] == "pooler.x"]["n"] == 0).all()


DOOMED = """
from tests.dying_jobs import die
from tests.dying_parts import Judge

class Doomed:
    def __init__(self): die('SIGKILL')

class Hearer(Judge):
    def __init__(self):
        super().__init__()
        self.needs = ('d-instrument',)
"""
DOOMED_GROUPS = {
    "systems": {"d-system": "Doomed"},
    "instruments": {"d-instrument": "Doomed"},
    "metrics": {"d-metric": "Doomed", "hearer": "Hearer"},
}


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("d-system", {"systems": {"a": {"name": "d-system"}}}),
        ("d-instrument", {"metrics": [{"name": "hearer"}]}),
        ("d-metric", {"metrics": [{"name": "d-metric"}]}),
    ],
)
def test_a_part_that_dies_when_it_is_set_up_is_a_mistake_that_names_it(
    part: str,
    changes: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _plugin(tmp_path / "site", DOOMED, DOOMED_GROUPS)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    file = _experiment(tmp_path, **changes)
    assert run_app(["run", str(file), "--out", str(tmp_path / "run")]) == 2
    _check_the_line(capfd.readouterr().err, part, "SIGKILL")
    assert not (tmp_path / "run").exists()


def test_a_part_that_dies_when_it_is_imported_is_a_mistake_that_names_it(tmp_path: Path) -> None:
    _plugin(tmp_path / "site", f"{DOOMED}\ndie('exit-0')\n", DOOMED_GROUPS)
    file = _experiment(tmp_path, systems={"a": {"name": "d-system"}})
    command = [*_program(tmp_path, ""), "run", str(file), "--out", "run"]
    done = _in_a_process(command, tmp_path, tmp_path / "site")
    assert done.returncode == 2, done.stderr
    _check_the_line(done.stderr, "d-system", "exit code 0")
    assert not (tmp_path / "run").exists()


def _check_the_line(err: str, *words: str) -> None:
    (own,) = [line for line in err.splitlines() if line.startswith("xtts-lab: ")]
    assert [word for word in words if word not in own] == []


@pytest.mark.parametrize("way", ["sys-exit", "stop", "generator"])
def test_a_metric_that_cannot_be_pooled_is_one_recorded_failure(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = {**registry.BUILTIN["metrics"], "judge": "tests.dying_parts:Judge"}
    monkeypatch.setitem(registry.BUILTIN, "metrics", metrics)  # type: ignore[arg-type]
    asked = [{"name": "duration"}, {"name": "judge", "at": "pool", "way": way}]
    file = _experiment(tmp_path, metrics=asked, repeats=2)
    assert run_app(["run", str(file), "--out", str(tmp_path / "run"), "--no-cache"]) == 1
    failures = pd.read_csv(tmp_path / "run" / "failures.csv", keep_default_na=False)
    assert failures["stage"].tolist() == ["summarise judge.x"]
    assert WAYS[way][1] in failures["error"].iloc[0]
    summary = pd.read_csv(tmp_path / "run" / "summary.csv").set_index("metric")
    assert (summary.loc["judge.x", "n"] == 0).all()
    assert (summary.loc["judge.x", "failed"] == 4).all()
    assert (summary.loc["duration.seconds", "n"] == 4).all()
    assert (tmp_path / "run" / "report.html").is_file()
