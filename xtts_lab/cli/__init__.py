"""The command line. Heavy modules load inside the commands, so that `--help` is instant."""

from __future__ import annotations

import errno
import gc
import io
import signal
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from xtts_lab.cli.codes import DONE, FAILED_TRIALS, INTERRUPTED, MISTAKE
from xtts_lab.errors import UsageError

__all__ = ["DONE", "FAILED_TRIALS", "INTERRUPTED", "MISTAKE", "main", "run_app"]


MOST_SHOWN = 900
"""Characters of a mistake's line: a path may have 4,000. Its end, which says the remedy, stays."""

RARELY = 50_000
"""New objects between two looks for garbage: at Python's 700, a tenth of the start is looking."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed trials, 2 a mistake, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    gc.set_threshold(RARELY, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no error
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run_app(sys.argv[1:]))


def run_app(arguments: list[str]) -> int:
    """Run a command and return its exit code; mistakes are one line on standard error."""
    from xtts_lab.cli.supervise import can_supervise, supervised

    if can_supervise(arguments):
        return supervised(partial(_run, arguments))
    return _run(arguments, careful=False)


def _run(arguments: list[str], careful: bool) -> int:
    """Run a command; `careful`: its parts in processes of their own."""
    try:
        result = _parser()(arguments, standalone_mode=False, prog_name="xtts-lab", obj=careful)
    except UsageError as error:
        return _mistake(str(error))
    except KeyboardInterrupt:
        result = INTERRUPTED
    except SystemExit as error:
        return _mistake(f"a part of the bench ended the program (exit code {error.code})")
    except OSError as error:
        if error.strerror is None:  # none of the system's, but a part's own
            raise
        return _mistake(_of_system(error))
    except Exception as error:
        # The parser's own complaints (typer's classes differ between versions) are mistakes too.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        return _mistake(f"{message()} See xtts-lab --help.")
    code = result if isinstance(result, int) else DONE
    if code == INTERRUPTED:
        print("xtts-lab: interrupted; the same command goes on from here", file=sys.stderr)
    return code


@cache
def _parser() -> Callable[..., Any]:
    """Return what runs a command; typer takes 20 ms to make it, which a process needs once."""
    import typer

    from xtts_lab.cli.app import app

    return typer.main.get_command(app)


def _mistake(message: str) -> int:
    line = " ".join(message.split())
    shown = (
        line
        if len(line) <= MOST_SHOWN
        else f"{line[: MOST_SHOWN // 2]}...{line[-MOST_SHOWN // 2 :]}"
    )
    print(f"xtts-lab: {shown}", file=sys.stderr)
    return MISTAKE


def _of_system(error: OSError) -> str:
    """Word what the file system said: a full disk, a folder without rights, a name too long."""
    if error.filename is None:  # of a file that was open: a full disk, a limit
        return f"{error.strerror}; mend it, and run the same command again"
    name = str(error.filename)
    if error.errno == errno.ENAMETOOLONG:
        return f"{name[:60]}...: a name in it is longer than the file system allows"
    return f"{name}: {error.strerror}; mend it, and run the same command again"


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt
