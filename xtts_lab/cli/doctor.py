"""`xtts-lab doctor`: does what the bench needs work on this machine?"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator

from xtts_lab import registry
from xtts_lab.cache import cache_dir
from xtts_lab.cli import DONE, FAILED_TRIALS
from xtts_lab.errors import UsageError
from xtts_lab.types import Request


def examine() -> int:
    """Print one line per check; return 1 where one found something missing."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("python", platform.python_version),
        ("torch", _torch),
        ("torchaudio", _torchaudio),
        ("espeak-ng", _espeak),
        ("cache", _cache),
    )
    found = [_check(name, check) for name, check in checks]
    found += [_judged(*judged) for judged in _judges()]
    return DONE if all(found) else FAILED_TRIALS


def _judges() -> Iterator[tuple[str, str, str]]:
    from xtts_lab.cli.doctor_judges import judges

    try:
        yield from judges()
    except (UsageError, ImportError, OSError, RuntimeError) as error:
        yield "judges", "broken", str(error)


def _judged(name: str, state: str, words: str) -> bool:
    """Print what became of a judge; one that is absent is asked for by name only, and no fault."""
    print(f"{state:8} judge {name}: {' '.join(words.split())}", flush=True)
    return state != "broken"


def _check(name: str, check: Callable[[], str]) -> bool:
    try:
        print(f"ok       {name}: {check()}")
    except (UsageError, ImportError, OSError, RuntimeError) as error:
        print(f"missing  {name}: {' '.join(str(error).split())}")
        return False
    return True


def _torch() -> str:
    import torch

    from xtts_lab.device import resolve_device

    device = resolve_device("auto")
    shown = torch.cuda.get_device_name() if device == "cuda" else f"{os.cpu_count()} cores"
    return f"{torch.__version__}, {device} ({shown})"


def _torchaudio() -> str:
    from xtts_lab.torchaudio_cpu import import_torchaudio

    return str(import_torchaudio().__version__)


def _espeak() -> str:
    system = registry.lookup("systems", "espeak")()
    try:
        (result,) = system.synthesise([Request("Hello.", "en", (), 0)])
        return f"{result.audio.duration_s:.2f} s of speech, {len(system.languages)} languages"
    finally:
        system.close()


def _cache() -> str:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(folder).free / 1e9
    return f"{folder}, {free_gb:.0f} GB free"
