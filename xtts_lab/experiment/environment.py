"""What a run's results were made with: versions, device, source revision, weights."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xtts_lab
from xtts_lab.device import resolve_device
from xtts_lab.experiment.contents import environment_record
from xtts_lab.experiment.method_notes import method_notes
from xtts_lab.experiment.plan import Plan

PACKAGES = (
    "xtts_lab", "torch", "torchaudio", "numpy", "scipy", "pandas", "pyarrow", "soundfile", "jiwer",
    "openai-whisper", "resemblyzer", "espeakng-loader",
)  # fmt: skip


def environment(plan: Plan) -> dict[str, Any]:
    """Return the environment as JSON-like data, without times: a resumed run gives the same."""
    import torch

    device = resolve_device(plan.device or "auto")
    cuda = device.startswith("cuda")
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name(device) if cuda else device,
        "cuda": torch.version.cuda if cuda else None,
        "threads": torch.get_num_threads(),
        "revision": _revision(),
        "systems": {
            a.id: environment_record(a.spec, plan.systems[a.id]) for a in plan.experiment.arms
        },
        "instruments": {
            name: environment_record(plan.experiment.spec.instruments[name], part)
            for name, part in plan.instruments.items()
        },
        "metrics": {
            use.prefix: {"spec": dict(use.spec), **dict(use.metric.identity)}
            for use in plan.metrics
        },
        "statistics": method_notes(plan.experiment.spec),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _revision() -> str | None:
    """Return the git revision of the source, with `+` where it has uncommitted changes."""
    source = Path(xtts_lab.__file__).parent
    try:
        head = _git(source, "rev-parse", "HEAD")
        changed = _git(source, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
