"""What `synthesise`, `stream` and `voices` do."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from xtts_lab import audio
from xtts_lab.api import XTTS
from xtts_lab.cli import DONE
from xtts_lab.errors import UsageError
from xtts_lab.types import Audio, Voice

LASTING = 200
"""Characters, some 15 s: what looks ahead on a CPU takes seconds to make."""

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Speech:
    """What is to be said, with what voice, by what checkpoint."""

    text: str
    language: str
    checkpoint: str
    references: tuple[Path, ...]
    voice: str | None
    seed: int
    max_codes: int | None
    device: str


def synthesise(speech: Speech, out: Path) -> int:
    """Write a text's speech to a WAV file."""
    _check_out(out)
    model, voice = _ready(speech)
    start = time.perf_counter()
    spoken = model.synthesise(
        speech.text,
        language=speech.language,
        voice=voice,
        seed=speech.seed,
        max_codes=speech.max_codes,
    )
    elapsed_s = time.perf_counter() - start
    audio.save(out, spoken)
    print(f"{out}: {spoken.duration_s:.2f} s of speech in {elapsed_s:.2f} s")
    return DONE


def stream(speech: Speech, out: Path | None) -> int:
    """Speak in chunks: to a WAV file, or as raw 16-bit PCM to standard output."""
    import torch

    if out is not None:
        _check_out(out)
    model, voice = _ready(speech)
    start = time.perf_counter()
    chunks: list[Audio] = []
    for chunk in model.stream(
        speech.text,
        language=speech.language,
        voice=voice,
        seed=speech.seed,
        max_codes=speech.max_codes,
    ):
        latency_ms = (time.perf_counter() - start) * 1e3
        print(
            f"chunk {len(chunks) + 1}: {chunk.duration_s:.2f} s after {latency_ms:.0f} ms",
            file=sys.stderr,
        )
        chunks.append(chunk)
        if out is None:
            sys.stdout.buffer.write(audio.pcm16(chunk.samples).numpy().tobytes())
            sys.stdout.buffer.flush()
    if out is not None:
        joined = torch.cat([chunk.samples for chunk in chunks])
        audio.save(out, Audio(joined, model.sample_rate))
        print(out)
    return DONE


def voices(checkpoint: str) -> int:
    """Print the names of a checkpoint's studio voices."""
    model = XTTS.from_pretrained(checkpoint, device="cpu")
    for name in model.voices:
        print(name)
    if not model.voices:
        print(
            "no studio voices beside this checkpoint: clone one with --reference", file=sys.stderr
        )
    return DONE


def _ready(speech: Speech) -> tuple[XTTS, Voice]:
    if bool(speech.references) == (speech.voice is not None):
        raise UsageError("give either --reference (once or more) or --voice, a studio voice's name")
    for reference in speech.references:  # before the weights, which take a while
        _named(reference, audio.require_file)
    short = len(speech.text) < LASTING
    model = XTTS.from_pretrained(speech.checkpoint, device=speech.device, once=short)
    try:
        model.tokenizer.check_language(speech.language)
    except UsageError as error:
        raise UsageError(f"--language: {error}") from error
    unspoken = model.tokenizer.unspoken(speech.text, speech.language)
    if unspoken:
        print(f"xtts-lab: text: nothing reads these: {' '.join(unspoken)}", file=sys.stderr)
        warnings.filterwarnings("ignore", message="text: nothing reads these")
    if speech.voice is not None:
        return model, model.voice(speech.voice)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # printed by us, in one line
        voice = _named(speech.references, model.clone_voice)
    for line in voice.left_out:
        print(f"xtts-lab: --reference: {line}; left out", file=sys.stderr)
    return model, voice


def _named(given: Given, use: Callable[[Given], Found]) -> Found:
    """Use references; what is wrong with them is said of the flag."""
    try:
        return use(given)
    except (audio.AudioError, UsageError) as error:
        message = str(error).removeprefix("references: ")
        raise UsageError(f"--reference: {message}") from error


def _check_out(out: Path) -> None:
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out: {out}: name a file in a folder that exists")
