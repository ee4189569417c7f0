"""A process that speaks: `python -m xtts_lab.espeak.server LIBRARY DATA`. Standard library only.

espeak-ng's samples depend on what its process has said before, and nothing in its interface resets
that. So this process initialises the library once, never speaks, and forks a child for every
request: each utterance is the first one of its process. A child that crashes fails its own request
only. The server ends when its standard input is closed, however the client came to its end, and
keeps no file on disk.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from xtts_lab.espeak import protocol
from xtts_lab.espeak.library import Library

CPU_LIMIT_S = 600
"""Ends a child that loops; enough for tens of hours of speech."""


def main(library: str, data: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's; it closes the pipe
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.dup(1)
    os.dup2(2, 1)  # what C code prints must not get between the frames
    espeak = Library(Path(library), Path(data))
    while (request := protocol.read_request(0)) is not None:
        try:
            protocol.write_frames(output, protocol.END, _serve(espeak, request, output))
        except BrokenPipeError:
            return


def _serve(espeak: Library, request: dict[str, Any], output: int) -> bytes:
    """Let a child answer; return how it crashed, empty where it did not."""
    child = os.fork()
    if child == 0:
        _answer_and_exit(espeak, request, output)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        return b""
    return f"espeak-ng crashed ({signal.Signals(os.WTERMSIG(status)).name})".encode()


def _answer_and_exit(espeak: Library, request: dict[str, Any], output: int) -> None:
    try:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody listens any more: stop speaking
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
        _answer(espeak, request, output)
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        protocol.write_frames(output, protocol.ERROR, " ".join(reason.split()).encode()[:1000])
    finally:
        os._exit(0)


def _answer(espeak: Library, request: dict[str, Any], output: int) -> None:
    espeak.set_voice(request["voice"], request["variant"])
    if request["mode"] == "phonemes":
        read = (espeak.phonemes(text, request["punctuation"]) for text in request["texts"])
        protocol.write_frames(output, protocol.PHONEMES, "\0".join(read).encode())
    else:
        espeak.synthesise(
            request["text"],
            request["rate"],
            lambda pcm: protocol.write_frames(output, protocol.AUDIO, pcm),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
