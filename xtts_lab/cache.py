"""Where results that several runs share are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return $XTTS_LAB_CACHE, else this platform's cache folder of xtts_lab (not created here)."""
    import platformdirs

    chosen = os.environ.get("XTTS_LAB_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("xtts_lab")
