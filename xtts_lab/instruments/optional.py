"""Packages that an extra of this project installs, imported where they are first needed."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from xtts_lab.errors import UsageError


def package_folder(package: str, extra: str) -> Path:
    """Return where an installed package lies, without importing it; `UsageError` if absent."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(_remedy(package, extra))
    return Path(spec.origin).parent


def import_optional(module: str, extra: str) -> ModuleType:
    """Import a module; a `UsageError` names the extra to install where its package is absent."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(_remedy(error.name or module, extra)) from error


def _remedy(package: str, extra: str) -> str:
    return (
        f"the package {package} is absent; install it with `make install EXTRAS=...,{extra}`, "
        f"or `pip install xtts_lab[{extra}]`"
    )
