"""For a reader who doubts: what a report was made of, and the commands that make it again."""

from __future__ import annotations

from dataclasses import dataclass

from xtts_lab.report.sections.listed import whole_audio
from xtts_lab.runs import schema
from xtts_lab.runs.reading import Run

FILES = {
    schema.TRIALS.file: "every trial: text, speaker, references, seed, where its audio is",
    schema.SCORES.file: "every score of every trial, with what it was counted from",
    schema.EVIDENCE.file: "what the judges made of every clip",
    schema.SUMMARY.file: "means and intervals",
    schema.COMPARISONS.file: "differences, p-values, and the speaker that moves each most",
    schema.CLAIMS.file: "the claims, with what would decide them",
    schema.FAILURES.file: "what failed, and why",
    schema.EXPERIMENT: "the experiment, every default filled in",
    schema.ENVIRONMENT: "versions, device, hashes of weights",
}

COMMANDS = (
    (
        "xtts-lab run RUN/experiment.yaml --out AGAIN",
        "makes the run again; from the folder where it was started, as its paths begin there",
    ),
    ("xtts-lab report RUN --resamples 5000", "draws every interval and verdict anew"),
    ("xtts-lab compare RUN AGAIN", "tells how two runs differ"),
)
"""RUN is the folder of the report."""


@dataclass(frozen=True)
class Check:
    """Files that lie beside the report, and commands; each with what it is."""

    audio: bool
    files: list[tuple[str, str]]
    commands: list[tuple[str, str]]


def check(run: Run) -> Check:
    """Return what there is to check a run by."""
    there = [(name, what) for name, what in FILES.items() if (run.path / name).is_file()]
    return Check(whole_audio(run), there, list(COMMANDS))
