"""What every instrument declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from xtts_lab import audio
from xtts_lab.instruments.threaded import in_order
from xtts_lab.types import Clip, Failure, Json


class BaseInstrument:
    """The base of all instruments: what differs from these defaults, a class sets itself.

    An instrument that does not inherit is given the same defaults for what it leaves out
    (`registry`). It brings `judge`, or `measure` (see `xtts_lab.types.Instrument`) to be given all
    clips at once, and, unless it computes something that will never change, an `identity`.

    - `uses_language`: it is told the language of a clip, which then enters the key of its output;
    - `side_by_side`: `judge` may be at several clips at once, in threads of one process;
    - `free_settings`: settings that do not determine its output (the path of weights whose hash is
      in the identity); `batch_settings`: those that do so only where it computes in less than fp32
      (`dtype`): a batch's size. Neither enters a key in fp32.
    """

    uses_language: bool = False
    side_by_side: bool = False
    free_settings: frozenset[str] = frozenset()
    batch_settings: frozenset[str] = frozenset()
    dtype: str = "float32"

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """What determines the output beside settings and clip: weights' hashes, versions."""
        return {}

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield one JSON-like output per clip, in order: a `Failure` where it cannot be read."""
        if self.side_by_side:
            yield from in_order(self._judged, clips)
        else:
            yield from map(self._judged, clips)

    def _judged(self, clip: Clip) -> dict[str, Json] | Failure:
        try:
            return self.judge(clip.path)
        except audio.AudioError as error:
            return Failure(str(error))

    def judge(self, path: Path) -> dict[str, Json] | Failure:
        """Return the output for one clip; a `Failure` says in a line why there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no output for {path.name}")

    @staticmethod
    def prepare() -> None:
        """Make what its processes share, such as compiled code, before the first of them starts."""

    @staticmethod
    def warm_up() -> None:
        """Import what the first clip would wait for; called in a worker that has no work yet."""

    def close(self) -> None:
        """Release what is held: processes, memory."""
