"""`xtts-lab score`: an ordinary experiment on audio that is already there.

What it does can be written as an experiment, and is, in the run folder's `experiment.yaml`: the
system `files`, the manifest's texts and speakers, and `pairing: own`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xtts_lab.cli.asked import listed
from xtts_lab.cli.experiments import execute
from xtts_lab.errors import UsageError
from xtts_lab.experiment.plan import make_plan
from xtts_lab.experiment.spec import resolve
from xtts_lab.experiment.workers.host import Host
from xtts_lab.experiment.workers.performing import perform
from xtts_lab.experiment.workers.pool import Workers
from xtts_lab.yaml_file import Document

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Audio:
    """Which audio is scored, and what it is said to be."""

    manifest: Path
    folder: Path | None
    system: str | None
    format: str
    language: str | None
    speaker: str | None
    split: str | None
    root: Path | None

    def experiment(
        self, metrics: str, limit: int | None, languages: str | None, max_duration_s: float
    ) -> dict[str, Any]:
        """Return the experiment that scores the audio, as an experiment file would hold it."""
        said = {
            "format": self.format,
            "language": self.language,
            "speaker": self.speaker,
            "split": self.split,
            "root": None if self.root is None else str(self.root),
        }
        source = {"path": str(self.manifest), **{k: v for k, v in said.items() if v is not None}}
        system: dict[str, Any] = {"name": "files", "max_duration_s": max_duration_s}
        if self.folder is not None:
            system["folder"] = str(self.folder)
        data: dict[str, Any] = {
            "name": self._name(),
            "systems": {self._system(): system},
            "texts": {"name": "manifest", **source},
            "speakers": {"name": "manifest", **source, "references": 0},
            "pairing": "own",
            "metrics": [{"name": name} for name in listed("--metrics", metrics, "wer,cer")],
        }
        if languages is not None:
            data["texts"]["languages"] = listed("--languages", languages)
        if limit is not None:
            data["limit"] = limit
        return data

    def _system(self) -> str:
        if self.system is not None:
            return self.system
        return _plain(self.folder.resolve().name if self.folder else "files")

    def _name(self) -> str:
        return _plain(f"{self.manifest.stem}-{self._system()}")


def score_manifest(
    data: dict[str, Any],
    out: Path | None,
    device: str | None,
    host: Host | None = None,
    *,
    workers: int,
    use_cache: bool,
) -> int:
    """Run the experiment of `Audio.experiment` into `out`, or `runs/<name>`."""
    plan = make_plan(resolve(Document("score", data), host), device)
    (system,) = data["systems"].values()
    if "folder" not in system and not any(trial.request.audio for trial in plan.trials):
        raise UsageError(
            f"{data['texts']['path']}: no row names its audio; add a column audio, or give the "
            "folder that holds <id>.wav with --audio"
        )
    folder = out if out is not None else Path("runs") / data["name"]
    return execute(plan, folder, Workers(perform, workers), use_cache=use_cache)


def _plain(name: str) -> str:
    """Return a name that can stand as a key and as a folder."""
    return _NOT_IN_NAMES.sub("-", name).strip("-._")[:80] or "audio"
