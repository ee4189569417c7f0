"""What a run's results were made with: versions, device, source revision, weights."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xtts_lab
from xtts_lab.device import resolve_device
from xtts_lab.runs.keys import PartContent

PACKAGES = (
    "xtts_lab", "torch", "torchaudio", "numpy", "scipy", "pandas", "pyarrow", "soundfile", "jiwer",
    "openai-whisper", "resemblyzer", "espeakng-loader",
)  # fmt: skip


def environment(device: str | None) -> dict[str, Any]:
    """Return versions, device and source as JSON-like data, without times: the same on resuming."""
    import torch

    device = resolve_device(device or "auto")
    cuda = device.startswith("cuda")
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name(device) if cuda else device,
        "cuda": torch.version.cuda if cuda else None,
        "threads": torch.get_num_threads(),
        "revision": _revision(),
    }


def part_record(settings: Mapping[str, Any], part: PartContent) -> dict[str, Any]:
    """Return what is recorded of a system or an instrument: all its settings, and what it is."""
    own = {key: value for key, value in settings.items() if key != "device"}
    known = {"spec": own, "identity": dict(part.identity), "dtype": part.dtype}
    return known if part.device is None else {**known, "device": part.device}


@cache  # of what this process has loaded, whatever is installed beside it
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
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
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
