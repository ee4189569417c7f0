"""A system that stands around another one (`system`) and changes what it is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from xtts_lab import config
from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import Json
from xtts_lab.yaml_file import Document, Where


class AroundSystem(BaseSystem):
    """The base of systems that hold another: what is not asked otherwise, the inner one answers.

    `name` is that of the outer system, which does not stand in itself.
    """

    def __init__(self, name: str, system: Mapping[str, Any], device: str) -> None:
        if str(system.get("name")) == name:
            raise UsageError(f"system: {name} does not stand in itself")
        self._inner = config.build("systems", _on(system, device, name), _where(name))
        self.dtype = str(self._inner.dtype)
        self.languages = frozenset(self._inner.languages)
        self.encoders: Collection[str] = self._inner.encoders
        self.free_settings = frozenset(
            f"system.{one}" for one in ("device", *self._inner.free_settings)
        )
        self.batch_settings = frozenset(f"system.{one}" for one in self._inner.batch_settings)

    @staticmethod
    def complete(settings: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Fill in the defaults of the system."""
        return {
            **settings,
            "system": config.resolve("systems", settings["system"], where / "system"),
        }

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return int(self._inner.sample_rate)

    @property
    def weights_random(self) -> bool:
        """As the system says."""
        return bool(self._inner.weights_random)

    @property
    def untrained(self) -> tuple[str, ...]:
        """As the system says."""
        return tuple(self._inner.untrained)

    @property
    def needs_reference_text(self) -> bool:
        """As the system says."""
        return bool(self._inner.needs_reference_text)

    @property
    def facts(self) -> Mapping[str, Mapping[str, Json]]:
        """As the system says."""
        found: Mapping[str, Mapping[str, Json]] = self._inner.facts
        return found

    @property
    def identity(self) -> Mapping[str, Json]:
        """That of the system."""
        return {"system": dict(self._inner.identity)}

    def check(self) -> None:
        """As the system does."""
        self._inner.check()

    def close(self) -> None:
        """Release what the system holds."""
        self._inner.close()


def _on(system: Mapping[str, Any], device: str, name: str) -> dict[str, Any]:
    """Return a system's spec with the device, where it has one."""
    resolved = config.resolve("systems", system, _where(name))
    return {**resolved, "device": device} if "device" in resolved else resolved


def _where(name: str) -> Where:
    return Where(Document(name))
