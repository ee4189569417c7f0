"""The verdicts on the release notes, out of published runs.

    python reports/verdicts.py RUNS     # publish RUNS/claims-*/ here first, without audio
    python reports/verdicts.py          # write reports/claims/README.md and the README's table anew

Everything is read from the `claims.csv` of the runs, which `xtts-lab report RUN --resamples N`
makes of their `scores.parquet`. A published report keeps the players of one utterance.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from xtts_lab import report
from xtts_lab.errors import UsageError
from xtts_lab.files import write_text
from xtts_lab.runs.schema import CLAIMS, EVIDENCE, TRIALS

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- claims: python reports/verdicts.py -->\n", "<!-- /claims -->\n"
CLAIMS_HERE = HERE / "claims"
EXPERIMENTS = HERE.parent / "experiments" / "claims"
LOSSES = 8
"""The claim that is no experiment: `benchmarks/loss_curves.py --out` publishes it."""
ON_A_CPU = "-cpu"
"""Ends the name of a run whose experiment is published from a GPU as well."""
TRAINED = "runs/train/"
HOW = "[how they were trained](../../experiments/train/nano/README.md)"
"""Of the models that are not shipped."""
HEARD = 1
"""Utterances whose players stay in a published report."""
MOST_BYTES = 1_500_000

ABOUT = ("about these checkpoints", "about the method")

SENTENCES = {
    1: "the Perceiver captures the speaker better than what came before",
    2: "outputs are consistent between runs, and the voice holds in a long take",
    3: "several references of any length; voices combined of several speakers",
    4: "HiFi-GAN brought latency down",
    5: "streams in under 150 ms; faster than known solutions",
    6: "sixteen languages, and cloning across them",
    7: "version 2 is better than version 1 in likeness, prosody and quality",
    8: "better loss curves",
}
NOTES = {
    1: "The same models on 40 speakers and three languages, with narrower intervals: "
    "[conditioners](../conditioners/report.md).",
    5: "**On a consumer GPU, which the notes name, the claim is undecided**: nobody has run it on "
    "one. Whoever has one decides it by `xtts-lab run experiments/claims/full/05-latency.yaml "
    "--no-cache`; a verdict is for the machine that it was made on. Below, one H100 of a host of "
    "four: the nano model with the quality of its audio, and XTTS-v2's size with random weights "
    "(time alone; the head of the experiment says how), 200 streams each; beside coqui-tts 20 "
    "utterances of each system of 64 codes at most, so that its p95 and its equality are of few. "
    "On two cores nano took 185 ms to first audio, p50 of 20. `stream_equals_offline` asks that no "
    "sample differ by more than 0.001: all 420 streams are equal, the greatest difference 0.00002, "
    "so the quality beside it is that of the streamed audio; undecided it is for its 20 sentences "
    "alone. (On an H200 before, with voices cloned and graphs recorded in TF32, torch's default, "
    "a third of nano's and 22 full-size streams were not.) By the clock, on "
    "an H100: "
    "[latency](../latency/report.md).",
    6: "Sixteen languages take recordings in all of them, and the published checkpoint: "
    "[full/](../../experiments/claims/full/06-sixteen-languages.yaml). Here are the three that the "
    "small models speak.",
}
HEAD = """\
# What became of the release notes

Made by `python reports/verdicts.py` of the runs beside this page. Each row is a claim with its
margin, as declared before the run. What decides it, and what the full size takes, stands at the top
of the file that the command names.

**Read this first.** These are nano models (`xtts_lab/weights/README.md`): four million
parameters, trained for minutes on synthetic speech. They clone the voice as far as their codec lets
through. So the verdicts show what the bench does with a claim, and are about these models; none is
about XTTS-v2. Where the column says one training seed, a verdict is about the checkpoint; with five
a side it is about the way to train it. Under each question stands the machine, the engine version
and the weights by their SHA-256: some runs are of two cores, at the size of their file, some of a
GPU with more speakers, and nothing is pooled over runs.

`holds`: the interval lies beyond the margin; `refuted`: wholly on this side of it; else
`undecided`. Three clicks: the report has the players of one utterance in every arm,
`experiment.yaml` the whole configuration; `xtts-lab run` with that file makes the rest of the audio
again.
"""


def published(folder: Path = CLAIMS_HERE) -> list[Path]:
    """Return the published runs, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{CLAIMS.file}"))


def publish(run: Path, folder: Path = CLAIMS_HERE) -> Path:
    """Copy a run folder without audio and evidence, and build its report; return the copy.

    Raises `UsageError` for a folder that holds no finished run with claims, or too large a report.
    """
    if not (run / CLAIMS.file).is_file():
        raise UsageError(f"{run}: holds no {CLAIMS.file}; run an experiment with claims there")
    copy = folder / run.name
    shutil.rmtree(copy, ignore_errors=True)
    left_out = shutil.ignore_patterns("audio", "*.html", ".*", EVIDENCE.file)
    shutil.copytree(run, copy, ignore=left_out)
    trials = pd.read_parquet(copy / TRIALS.file)
    shown = trials["utterance_id"].drop_duplicates().head(HEARD)
    first = trials["repeat"] == trials["repeat"].min()
    for path in trials.loc[first & trials["utterance_id"].isin(shown), "audio_path"].dropna():
        if path and (run / path).is_file():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(run / path, copy / path)
    report.build(copy)
    shutil.rmtree(copy / "audio", ignore_errors=True)
    (copy / "tables.tex").unlink(missing_ok=True)  # `xtts-lab report` makes it
    size = (copy / "report.html").stat().st_size
    if size > MOST_BYTES:
        raise UsageError(f"{copy}: report.html has {size:,} bytes, over {MOST_BYTES:,}")
    return copy


def commands() -> dict[str, Path]:
    """Return the experiment file of each run's name."""
    files = sorted(EXPERIMENTS.rglob("*.yaml"))
    return {str(yaml.safe_load(file.read_text(encoding="utf-8"))["name"]): file for file in files}


def page(runs: list[Path]) -> str:
    """Return the tables of verdicts as Markdown."""
    lines = [HEAD]
    files = commands()
    for number, sentence in SENTENCES.items():
        lines.append(f"## ({number}) {sentence}\n")
        lines += [f"{NOTES[number]}\n"] if number in NOTES else []
        own = [run for run in runs if run.name.startswith(f"claims-{number}-")]
        for run in own:
            links = _curves(run) if number == LOSSES else _links(run, files.get(_named(run)))
            lines += [links, "", *_table(run), ""]
        if not own:
            lines.append(f"Not run here. {_why(number)}\n")
    return "\n".join(lines)


def block(runs: list[Path]) -> str:
    """Return what stands in the README between the marks: how many claims of each became what."""
    names = ("holds", "refuted", "undecided")
    lines = [
        "| the release notes, in our words | holds | refuted | undecided |",
        "| --- " * 4 + "|",
    ]
    for number, sentence in SENTENCES.items():
        own = [run for run in runs if run.name.startswith(f"claims-{number}-")]
        found = [v for run in own for v in pd.read_csv(run / CLAIMS.file)["verdict"]]
        counts = [str(found.count(name)) if own else "-" for name in names]
        lines.append(f"| ({number}) {sentence} | {' | '.join(counts)} |")
    return "\n".join(["", *lines, ""])


def _why(number: int) -> str:
    if number == LOSSES:
        return "`benchmarks/loss_curves.py` compares training runs; none is published."
    return "The command stands in `experiments/claims/`."


def _made(run: Path) -> str:
    """Say on which machine a run was made, and with which trained weights."""
    found = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    weights = {
        name: str(system["identity"]["weights_sha256"])[:8]
        for name, system in found["systems"].items()
        if system["spec"]["name"] == "xtts" and "weights_sha256" in system["identity"]
    }
    inner = {
        name: str(system["identity"]["system"]["weights_sha256"])[:8]
        for name, system in found["systems"].items()
        if "weights_sha256" in system["identity"].get("system", {})
    }
    by_hash: dict[str, list[str]] = {}
    for name, digest in {**weights, **inner}.items():
        by_hash.setdefault(digest, []).append(name.partition("[")[0])
    said = [f"{', '.join(dict.fromkeys(names))} `{digest}`" for digest, names in by_hash.items()]
    device = "a CPU" if found["device"] == "cpu" else found["device"]
    engines = {str(version) for version in _engines(found["systems"])}
    engine = f", `xtts` engine version {' and '.join(sorted(engines))}" if engines else ""
    return (
        f"Made on {device}, torch {found['packages']['torch']}{engine}; weights: {'; '.join(said)}."
    )


def _engines(systems: dict[str, Any]) -> Iterator[int]:
    for system in systems.values():
        identity = system["identity"].get("system", system["identity"])
        if "weights_sha256" in identity:
            yield identity["version"]


def _named(run: Path) -> str:
    """The name of the experiment that was run."""
    return str(yaml.safe_load((run / "experiment.yaml").read_text(encoding="utf-8"))["name"])


def _links(run: Path, file: Path | None) -> str:
    names = ("report.md", "report.html", "scores.parquet", "trials.parquet", "experiment.yaml")
    there = [name for name in names if (run / name).is_file()]
    links = ", ".join(f"[{name}]({run.name}/{name})" for name in there)
    ran = yaml.safe_load((run / "experiment.yaml").read_text(encoding="utf-8"))
    command = "" if file is None else f", command: {_command(ran, file)}"
    return f"{ran['question']} {links}{command}. {_made(run)}"


def _command(ran: dict[str, Any], file: Path) -> str:
    """Return what makes a run: its file and what was set otherwise, models trained here named."""
    place = file.relative_to(HERE.parent).as_posix()
    asked = yaml.safe_load(file.read_text(encoding="utf-8"))
    keys = [f"texts.{key}" for key, value in asked["texts"].items() if ran["texts"][key] != value]
    other = [f"{key}={ran['texts'][key.partition('.')[2]]}" for key in keys]
    if ran["repeats"] != asked.get("repeats", 1):
        other.append(f"repeats={ran['repeats']}")
    said = f"[`{' '.join(['xtts-lab run', place, *other])}`](../../{place})"
    trained = any(str(s.get("checkpoint")).startswith(TRAINED) for s in ran["systems"].values())
    told = f", with systems and families as in this run's `experiment.yaml` ({HOW})"
    return f"{said}{told if trained else ''}"


def _curves(run: Path) -> str:
    return (
        "Does the Perceiver learn more of the same data? "
        f"[report.md]({run.name}/report.md) with the command, "
        f"[curves and settings]({run.name}/runs). How each takes other learning rates: "
        "[experiments/train/nano](../../experiments/train/nano/README.md)"
    )


def _table(run: Path) -> list[str]:
    table = pd.read_csv(run / CLAIMS.file, keep_default_na=False, na_values=[""])
    lines = ["| claim | verdict | effect | 95 % interval | speakers | sentences | trials |"]
    lines[0] += " training seeds | why undecided, what would decide |"
    lines.append("| --- " * 9 + "|")
    return [*lines, *map(_row, table.to_dict("records"))]


def _row(row: dict[Any, Any]) -> str:
    unit = "" if pd.isna(row["unit"]) or str(row["unit"]) in ("1", "ratio") else f" {row['unit']}"
    effect, interval = "-", "-"
    if pd.notna(row["difference"]):
        sign = "+" if pd.notna(row["baseline"]) else ""
        effect = f"{row['difference']:{sign}.3f}{unit}"
        interval = f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
    counts = [
        str(int(row[name])) if pd.notna(row.get(name)) else "-"
        for name in ("speakers", "sentences", "trials", "seeds")
    ]
    cells = [f"`{row['claim']}`", f"**{row['verdict']}**", effect, interval, *counts, _reason(row)]
    return "| " + " | ".join(cells) + " |"


def _reason(row: dict[Any, Any]) -> str:
    """What the column says of the verdict, but for what holds for every row of this page."""
    reasons = [] if pd.isna(row["reason"]) else str(row["reason"]).split("; ")
    said = [reason for reason in reasons if not reason.startswith(ABOUT)]
    needs = [
        f"{int(row[name])} {name.removeprefix('need_')}"
        for name in ("need_speakers", "need_sentences", "need_seeds")
        if pd.notna(row.get(name))
    ]
    return "; ".join([*said, *([f"would take {' and '.join(needs)}"] if needs else [])])


def main(arguments: list[str]) -> int:
    try:
        for folder in arguments:
            for run in sorted(Path(folder).glob("claims-*")):
                if run.is_dir():
                    print(publish(run))
    except UsageError as error:
        print(f"verdicts: {error}", file=sys.stderr)
        return 2
    write_text(CLAIMS_HERE / "README.md", page(published()))
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    write_text(README, f"{before}{BEGIN}{block(published())}\n{END}{rest.partition(END)[2]}")
    print(CLAIMS_HERE / "README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
