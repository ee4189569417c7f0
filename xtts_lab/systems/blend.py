"""A voice blended of several speakers: a reference of each, mixed by weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtts_lab.audio import AudioError
from xtts_lab.errors import UsageError
from xtts_lab.systems.around import AroundSystem
from xtts_lab.types import Failure, Json, Request, Synthesis


class BlendSystem(AroundSystem):
    """An XTTS (`system`) that clones each reference apart and speaks with a mix of the voices.

    `weights`: one a reference, of any scale. [1, 0] and [0, 1] are the parents of [1, 1]. What the
    reference implementation does with several references is `xtts` itself: it weighs chunks by
    seconds of sound. See `xtts_lab.XTTS.blend_voices` for what is averaged.
    """

    def __init__(
        self,
        *,
        system: dict[str, Any],
        weights: tuple[float, ...] = (1.0, 1.0),
        device: str = "auto",
    ) -> None:
        super().__init__("blend", system, device)
        if not hasattr(self._inner, "speak_as"):
            raise UsageError(f"blend: the system '{system['name']}' cannot blend; use xtts")
        if not weights or min(weights) < 0.0 or not 0.0 < sum(weights) < 1e9:
            raise UsageError(f"blend: weights are from 0 up, one of them over 0, not {weights}")
        self._weights = weights

    @property
    def identity(self) -> Mapping[str, Json]:
        """That of the system, and how voices are mixed."""
        return {**super().identity, "version": 1}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield one result a request, each said alone."""
        for request in requests:
            try:
                yield self._speak(request)
            except (UsageError, AudioError) as error:
                yield Failure(str(error))

    def _speak(self, request: Request) -> Synthesis | Failure:
        from xtts_lab.inference.voice import blend

        given = len(request.references)
        if given != len(self._weights):
            return Failure(f"{given} references, and {len(self._weights)} weights to mix them by")
        voices = [self._inner.prepare([one]) for one in request.references]
        mixed = blend(list(zip(voices, self._weights, strict=True)))
        made: Synthesis | Failure = self._inner.speak_as(request, mixed)
        return made
