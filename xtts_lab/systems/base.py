"""What every system declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from xtts_lab.types import LANGUAGES, Failure, Json, Request, Synthesis


class BaseSystem:
    """The base of all systems: what differs from these defaults, a class sets itself.

    A system that does not inherit is given the same defaults for what it leaves out (`registry`).
    It brings `sample_rate`, `synthesise` and, unless it is a rule that will never change, an
    `identity`. Construction is cheap: weights load at the first use. One that can also speak in
    chunks has `prepare` and `stream` (see `xtts_lab.types.StreamingSystem`).

    - `languages`: those that it speaks;
    - `encoders`: instruments that it uses itself, which therefore may not judge it;
    - `weights_random`: its speech means nothing; `untrained`: reasons why its parts were not
      trained together (it runs, and gets no verdict);
    - `streams`: False where it has `stream` and cannot use it;
    - `needs_reference_text`: it must know what its references say;
    - `free_settings`: settings, as dotted paths, that do not determine its audio (the path of
      weights whose hash is in the identity); `batch_settings`: those that do so only where it
      computes in less than fp32 (`dtype`): a batch's size. Neither enters a key in fp32;
    - `facts`: part -> `name`, `parameters`, `flops`, `prefix_length`, `reference_s`, each where it
      applies, for readers. FLOPs of a `conditioner` are for `reference_s` seconds of reference, of
      a `gpt` for a code, of a `vocoder` for a second of speech. They enter no key, and are asked
      for when a run writes its tables, after `close`.
    """

    languages: frozenset[str] = frozenset(LANGUAGES)
    dtype: str = "float32"
    encoders: Collection[str] = ()
    free_settings: frozenset[str] = frozenset()
    batch_settings: frozenset[str] = frozenset()

    # Not `property`: a system may set any of these on itself.
    @cached_property
    def sample_rate(self) -> int:
        """Of the audio, in Hz."""
        return 24_000

    @cached_property
    def identity(self) -> Mapping[str, Json]:
        """What determines the audio beside request and settings: weights' hashes, versions."""
        return {}

    @cached_property
    def weights_random(self) -> bool:
        """Whether its speech means nothing."""
        return False

    @cached_property
    def untrained(self) -> tuple[str, ...]:
        """Why its parts were not trained together; empty where they were."""
        return ()

    @cached_property
    def streams(self) -> bool:
        """Whether it can stream, where it has `stream`."""
        return True

    @cached_property
    def needs_reference_text(self) -> bool:
        """Whether it must know what its references say."""
        return False

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Json]]:
        """What a reader must know of its parts."""
        return {}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        """Yield one result per request, in order."""
        raise NotImplementedError(f"{type(self).__name__} says nothing of {len(requests)} requests")

    @staticmethod
    def at_a_time(settings: Mapping[str, Any], _device: str | None) -> int:
        """How many requests it works on at once on a class of device: workers get as many."""
        size = settings.get("batch_size")
        return size if isinstance(size, int) else 1

    def check(self) -> None:
        """Raise `UsageError`, in one line, for settings that cannot work: asked for by a plan."""

    def warm_up(self) -> None:
        """Load what the first request would wait for; called while there is none yet."""

    def close(self) -> None:
        """Release what is held: processes, memory."""
