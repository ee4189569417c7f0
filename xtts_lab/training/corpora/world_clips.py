"""Clips of one synthetic speaker after another, recorded when they are asked for and then kept.

A clip's name is the hash of what determines it, so that runs share clips and nothing goes stale.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.espeak.speakers import is_whole, seal
from xtts_lab.notices import say
from xtts_lab.training.corpora import nuisance
from xtts_lab.training.corpora.folder import SAMPLE_RATE
from xtts_lab.training.corpora.texts import draw_text
from xtts_lab.training.corpora.worlds import World
from xtts_lab.training.corpora.worlds import world as world_named
from xtts_lab.types import Audio

RECITED = "bench"
"""Stands in the names that voices are drawn from: corpora name theirs after their splits."""

CLIPS_EACH = 8
"""A process that records fewer spends its time on loading the voice."""
MOST_PROCESSES = 16
"""A neural voice takes a gigabyte in each."""

Job = tuple[Path, Mapping[str, Any], Mapping[str, Any]]
"""Where a clip goes, what is said and how, and by whom."""


@dataclass(frozen=True)
class Spoken:
    """A text in a language, and what the world's renderer must know of it (`World.prepare`)."""

    text: str
    language: str
    columns: Mapping[str, str]


class Recorder:
    """Records speakers of a world, numbered from 0, whom no corpus of it has."""

    def __init__(self, world: World, seed: int, folder: Path) -> None:
        self._world = world
        self._seed = seed
        self._folder = folder
        self._known: dict[tuple[str, str], Spoken | None] = {}
        self._waiting: dict[Path, tuple[dict[str, Any], dict[str, Any]]] = {}

    def name(self, speaker: int) -> str:
        """Return a speaker's name."""
        return f"{self._world.name}-{RECITED}-{self._seed}-{speaker:03d}"

    def sayable(self, texts: Iterable[str], language: str) -> list[Spoken | None]:
        """Return each text as the world says it, None where it cannot."""
        listed = list(texts)
        new = [text for text in listed if (text, language) not in self._known]
        prepared = self._world.prepare(new, language) if new else ()
        for text, columns in zip(new, prepared, strict=True):
            said = None if columns is None else Spoken(text, language, columns)
            self._known[text, language] = said
        return [self._known[text, language] for text in listed]

    def drawn(self, source: random.Random, language: str) -> Spoken:
        """Return a text that no corpus of a world trains on (`training.corpora.texts`)."""
        while True:
            (found,) = self.sayable(
                [draw_text(source, language, "test", avoid=frozenset())], language
            )
            if found is not None:
                return found

    def clip(self, speaker: int, said: Spoken) -> Path:
        """Return where the clip is, or will be after `record`."""
        name = self.name(speaker)
        # One circumstance a clip, as if each were recorded on a day of its own.
        source = random.Random(f"{name} {said.language} {said.text} nuisance")
        row = {
            "text": said.text,
            "language": said.language,
            **said.columns,
            **asdict(nuisance.draw(source)),
        }
        voice = self._voice(name)
        content = [self._world.name, self._world.version, voice, row]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        path = self._folder / f"{self._world.name}-{digest[:24]}.wav"
        if not is_whole(path):
            self._waiting[path] = (row, voice)
        return path

    def record(self, processes: int | None = None) -> None:
        """Make the clips that are not there; the same samples with any number of `processes`.

        None: as many as this process has cores, if each has `CLIPS_EACH` to make. Raises
        `UsageError` for a cache it cannot write to.
        """
        if not self._waiting:
            return
        self._world.ready()
        jobs: list[Job] = [(path, row, voice) for path, (row, voice) in self._waiting.items()]
        say(f"{self._world.name}: recording {len(jobs)} clips, once; the cache keeps them")
        count = processes or _processes(len(jobs))
        shares = [jobs[first::count] for first in range(count)]
        # Spawned, not forked: threads of this process may hold locks.
        context = multiprocessing.get_context("spawn")
        helpers = [
            context.Process(target=_help, args=(self._world.name, share, os.getpid()), daemon=True)
            for share in shares[1:]
        ]
        for helper in helpers:
            helper.start()
        _record(self._world.name, shares[0])
        for helper in helpers:
            helper.join()
        # What a helper could not make: if it cannot be made here either, the error is told.
        _record(self._world.name, [job for job in jobs if not is_whole(job[0])])
        self._waiting.clear()

    def _voice(self, name: str) -> dict[str, Any]:
        return self._world.speaker(random.Random(f"{name} voice"))


def _processes(clips: int) -> int:
    own = hasattr(os, "sched_getaffinity")  # where it is, a machine may lend a part of itself
    cores = len(os.sched_getaffinity(0)) if own else os.cpu_count() or 1
    return max(1, min(cores, clips // CLIPS_EACH, MOST_PROCESSES))


def _help(world: str, jobs: Sequence[Job], parent: int) -> None:
    """Make clips for the process that waits for them, as long as it is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to answer
    with contextlib.suppress(Exception):
        _record(world, itertools.takewhile(lambda _: os.getppid() == parent, jobs))


def _record(world: str, jobs: Iterable[Job]) -> None:
    """Make clips one after the other."""
    first = next(waiting := iter(jobs), None)
    if first is None:
        return
    renderer = world_named(world).renderer("cpu", {})
    for path, row, voice in itertools.chain([first], waiting):
        _save(path, row, renderer.render(row, voice))


def _save(path: Path, row: Mapping[str, Any], speech: Any) -> None:
    import torch

    circumstances = nuisance.Nuisance(**{name: row[name] for name in nuisance.COLUMNS})
    pcm = nuisance.apply(speech, circumstances, path.stem)
    samples = torch.from_numpy(pcm).float() / 32768.0
    try:
        made = Audio(samples, SAMPLE_RATE)
        audio.save(path, made, title=seal(path, pcm.tobytes(), SAMPLE_RATE))
    except OSError as error:
        raise UsageError(
            f"{path.parent}: cannot be written ({error.strerror}), and speakers' audio must be "
            "made there; set XTTS_LAB_CACHE to a folder that can be written"
        ) from error


def enough(found: Sequence[Spoken | None], count: int, what: str) -> list[Spoken]:
    """Return the first `count` that can be said; `UsageError` where there are fewer."""
    sayable = [one for one in found if one is not None]
    if len(sayable) < count:
        raise UsageError(f"texts.world: {count} {what} asked for, and {len(sayable)} can be said")
    return sayable[:count]
