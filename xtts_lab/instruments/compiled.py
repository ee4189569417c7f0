"""librosa's compiled code, kept in a folder of our own and looked after.

librosa's loops are compiled by numba at their first use and kept on disk, by default beside the
installed package. A file that is damaged there takes the process along at every run. Ours lie in
the user's cache, whatever XTTS_LAB_CACHE says (making them takes 15 s, and they are the same for
all), with the hashes of a moment at which they were known to work: where they differ, a process of
its own tries them, and where that dies or hears another pitch, they are made again.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from xtts_lab import files, records
from xtts_lab.cache import cache_dir
from xtts_lab.notices import say

HERTZ = 220.0
"""The pitch of the second of sound that is tried."""
_PATIENCE_S = 600.0
_EFFORT = "1"  # of LLVM: compiling takes three quarters of the time, and the code is as fast


def keep_apart() -> Path:
    """Have numba keep what it compiles in our cache, from here on; return the folder."""
    folder = _home() / "numba" / _name()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    os.environ.setdefault("NUMBA_OPT", _EFFORT)
    numba = sys.modules.get("numba")
    if numba is not None:
        numba.core.config.reload_config()
    return folder


@cache
def _name() -> str:
    """Return the name of the folder: versions are read from files, and clips are many."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"librosa-{version('librosa')}-numba-{version('numba')}-python-{python}"


def _home() -> Path:
    """Return the user's cache folder, or that of XTTS_LAB_CACHE where it cannot be written."""
    import platformdirs

    home = platformdirs.user_cache_path("xtts_lab")
    try:
        (home / "numba").mkdir(parents=True, exist_ok=True)
    except OSError:
        return cache_dir()
    return home if os.access(home / "numba", os.W_OK) else cache_dir()


def import_librosa() -> Any:
    """Import librosa, its compiled code kept apart."""
    keep_apart()
    import librosa

    return librosa


def prepare() -> None:
    """See to it that the compiled code works, before any worker uses it.

    Where the cache cannot be written nothing is kept, and every process compiles for itself.
    """
    import filelock

    folder = keep_apart()
    noted = folder.with_name(f"{folder.name}.json")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):
            if records.read(noted) != _hashes(folder):
                _try_and_note(folder, noted)
    except OSError as error:
        say(
            f"{folder}: cannot be written ({error.strerror}); librosa compiles anew in each process"
        )


def _try_and_note(folder: Path, noted: Path) -> None:
    if not _works():
        say(f"{folder}: librosa's compiled code is damaged; made again")
        files.remove(folder)
        folder.mkdir()
        _works()
    records.write(noted, _hashes(folder))


def _hashes(folder: Path) -> dict[str, str]:
    there = sorted(path for path in folder.rglob("*") if path.suffix in (".nbi", ".nbc"))
    return {path.relative_to(folder).as_posix(): files.sha256(path) for path in there}


def _works() -> bool:
    """Track the pitch of a tone in a process of its own, which may die of it."""
    command = [sys.executable, "-c", f"from {__name__} import try_out; try_out()"]
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            command, env=known, capture_output=True, check=False, timeout=_PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def try_out() -> None:
    """Track the pitch of a second of sound; exit with an error where it is not the known one."""
    import numpy as np

    from xtts_lab.instruments import f0
    from xtts_lab.instruments.cepstrum import mel_cepstra

    seconds = np.arange(f0.SAMPLE_RATE) / f0.SAMPLE_RATE
    tone = sum(0.3 / k * np.sin(2 * math.pi * HERTZ * k * seconds) for k in (1, 2, 3))
    heard = np.nanmedian(f0.track(tone))
    if not abs(heard - HERTZ) < 0.5 or not np.isfinite(mel_cepstra(tone)).all():
        sys.exit(f"hears {heard} Hz instead of {HERTZ}")
