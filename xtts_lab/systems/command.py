"""Any program that writes an audio file, as a system."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from xtts_lab import registry
from xtts_lab.errors import UsageError
from xtts_lab.systems.base import BaseSystem
from xtts_lab.types import LANGUAGES, Audio, Failure, Json, Request, Synthesis, Timings

PLACEHOLDERS = ("text", "text_file", "language", "reference", "references", "seed", "out")
MAX_DURATION_S = 600.0
_BRACED = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class CommandSystem(BaseSystem):
    """Runs a program once an utterance, without a shell, and reads the audio that it wrote.

    `template` is the program and its arguments, in which `{text}`, `{text_file}` (the text as a
    UTF-8 file), `{language}`, `{reference}` (the first), `{references}` (all; an argument of its
    own), `{seed}` and `{out}` (the WAV to write) are filled in; `{{` and `}}` are braces. A text
    may begin with `-`: use `{text_file}` where the program would take it for an option.

    The program runs in the folder that the bench runs in. An exit code other than 0, `timeout_s`
    passed, no audio, or audio that is not at `sample_rate` fails the utterance, with the last
    lines of the error stream. Files that the template names are identified by their content; raise
    `version` when something else changes what the program says.
    """

    def __init__(
        self,
        *,
        template: tuple[str, ...],
        sample_rate: int,
        languages: Literal["all"] | tuple[str, ...] = "all",
        timeout_s: float = 600.0,
        version: str = "",
    ) -> None:
        self._template = _checked(template)
        for language in () if languages == "all" else languages:
            if language not in LANGUAGES:
                raise UsageError(f"command: {registry.unknown('language', language, LANGUAGES)}")
        if sample_rate < 1 or not 0 < timeout_s <= 86_400:
            raise UsageError("command: sample_rate and timeout_s (up to a day) must be above 0")
        self.languages = frozenset(LANGUAGES if languages == "all" else languages)
        self.sample_rate = sample_rate
        self._timeout_s = timeout_s
        self._version = version

    @property
    def identity(self) -> Mapping[str, Json]:
        """The template, the version, and the content of the files that the template names."""
        from xtts_lab.audio import sha256

        files: dict[str, Json] = {}
        for part in self._template:
            if not _BRACED.search(part) and Path(part).is_file():
                files[Path(part).name] = sha256(Path(part))
        return {"template": list(self._template), "version": self._version, "files": files}

    def synthesise(self, requests: Sequence[Request]) -> Iterator[Synthesis | Failure]:
        for request in requests:
            with tempfile.TemporaryDirectory(prefix="xtts-lab-") as folder:
                result = self._synthesise(request, Path(folder))
            yield result

    def _synthesise(self, request: Request, folder: Path) -> Synthesis | Failure:
        from xtts_lab.systems.processes import run

        out = folder / "out.wav"
        started = time.perf_counter()
        try:
            arguments = self._arguments(request, folder, out)
            ended = run(arguments, self._timeout_s, folder.name)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return Failure(f"command: cannot be started ({reason})")
        total_ms = 1e3 * (time.perf_counter() - started)
        said = f": {ended.complaint}" if ended.complaint else ""
        if ended.code is None:
            return Failure(f"command: still running after {self._timeout_s:g} s{said}")
        if ended.code != 0:
            return Failure(f"command: {_exit(ended.code)}{said}")
        return self._result(out, said, total_ms)

    def _result(self, out: Path, said: str, total_ms: float) -> Synthesis | Failure:
        from xtts_lab.audio import AudioError
        from xtts_lab.systems.sound_files import read_bounded

        if not out.is_file():
            return Failure(f"command: wrote no audio to {{out}}{said}")
        try:
            audio: Audio = read_bounded(out, MAX_DURATION_S)
        except AudioError as error:
            return Failure(f"command: {error}")
        if audio.sample_rate != self.sample_rate:
            return Failure(
                f"command: wrote audio at {audio.sample_rate} Hz; set sample_rate, which says "
                f"{self.sample_rate}"
            )
        return Synthesis(audio, timings=Timings(total_ms=total_ms))

    def _arguments(self, request: Request, folder: Path, out: Path) -> list[str]:
        """Fill in the template. Raises `ValueError` where the request lacks what it asks for."""
        text_file = folder / "text.txt"
        text_file.write_text(request.text, encoding="utf-8")
        clips = [str(reference.audio.absolute()) for reference in request.references]
        values = {
            "text": request.text,
            "text_file": str(text_file),
            "language": request.language,
            "seed": str(request.seed),
            "out": str(out),
        }
        if clips:
            values["reference"] = clips[0]
        arguments: list[str] = []
        for part in self._template:
            arguments += clips if part == "{references}" else [_filled(part, values)]
        return arguments


def _checked(template: Sequence[str]) -> tuple[str, ...]:
    if not template or not template[0]:
        raise UsageError("command: template is empty; write [program, argument, ...]")
    if _BRACED.search(template[0]) or shutil.which(template[0]) is None:
        raise UsageError(
            f"command: no program '{template[0]}' that can be run; install it or give its path"
        )
    named: set[str] = set()
    for part in template:
        for match in _BRACED.finditer(part):
            name = match[1]
            if name is None:
                continue
            if name not in PLACEHOLDERS:
                known = registry.unknown("placeholder", name, PLACEHOLDERS)
                raise UsageError(f"command: template: {known}; {{{{ and }}}} are braces")
            if name == "references" and part != "{references}":
                raise UsageError("command: template: {references} must be an argument of its own")
            named.add(name)
    if "out" not in named or not named & {"text", "text_file"}:
        raise UsageError("command: template: needs {out}, and {text} or {text_file}")
    return tuple(template)


def _filled(part: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        if match[1] not in values:
            raise ValueError("the utterance has no reference")
        return values[match[1]]

    return _BRACED.sub(value, part)


def _exit(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"ended by signal {-code}"
