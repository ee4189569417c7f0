"""Every judge on a second of sound, each in a process of its own, for `xtts-lab doctor`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from xtts_lab import config, registry
from xtts_lab.errors import UsageError
from xtts_lab.experiment.construction import close, construct
from xtts_lab.experiment.judging import Batch, Need, perform
from xtts_lab.experiment.workers.pool import perform_all
from xtts_lab.experiment.workers.tasks import AT_WORK
from xtts_lab.types import Clip, Request
from xtts_lab.yaml_file import Document, Where

OK, ABSENT, BROKEN = "ok", "absent", "broken"
REQUIRED = ("whisper", "resemblyzer")
"""Judges without which the quickstart does not run: absent, they are broken."""
TEXT = "The weather is fine today."


def judges() -> Iterator[tuple[str, str, str]]:
    """Yield name, state and words for each judge there is, with its default settings."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "second.wav"
        _speak(clip)
        for name in registry.targets("instruments"):
            yield name, *_judge(name, clip)


def _speak(path: Path) -> None:
    from xtts_lab import audio
    from xtts_lab.types import Audio

    system = registry.lookup("systems", "espeak")()
    try:
        (said,) = system.synthesise([Request(TEXT, "en", (), 0)])
    finally:
        close(system)
    rate = said.audio.sample_rate
    audio.save(path, Audio(said.audio.samples[:rate], rate))


def _judge(name: str, clip: Path) -> tuple[str, str]:
    lacking = BROKEN if name in REQUIRED else ABSENT
    try:
        where = Where(Document(f"instrument {name}"))
        spec = config.resolve("instruments", {"name": name}, where)
        close(construct("instruments", spec, None))
        registry.lookup("instruments", name).prepare()
    except UsageError as error:
        return lacking, str(error)
    need = Need("clip", "", name, "audio", 0, Clip(clip, "en"), "")
    batch = Batch(name, spec, None, [need])
    made = [r for r in perform_all(perform, [batch], 1, child=True) if AT_WORK not in r]
    why = made[-1]["error"]
    if why is None:
        return OK, f"hears {', '.join(list(made[-1]['output'])[:4])}"
    return (lacking if why.startswith("UsageError") else BROKEN), why
