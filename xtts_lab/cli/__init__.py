"""The command line. Heavy modules load inside the commands, so that `--help` is instant."""

from __future__ import annotations

import errno
import signal
import sys
from typing import Any

from xtts_lab.errors import UsageError

DONE, FAILED_TRIALS, MISTAKE, INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed trials, 2 a mistake, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_app(sys.argv[1:]))


def run_app(arguments: list[str]) -> int:
    """Run a command and return its exit code; mistakes are one line on standard error."""
    from xtts_lab.cli.app import app

    try:
        result = app(arguments, standalone_mode=False, prog_name="xtts-lab")
    except UsageError as error:
        return _mistake(str(error))
    except KeyboardInterrupt:
        result = INTERRUPTED
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            name = str(error.filename)
            return _mistake(f"{name[:60]}...: a name in it is longer than the file system allows")
        # The parser's own complaints (typer's classes differ between versions) are mistakes too.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        return _mistake(f"{message()} See xtts-lab --help.")
    code = result if isinstance(result, int) else DONE
    if code == INTERRUPTED:
        print("xtts-lab: interrupted; the same command goes on from here", file=sys.stderr)
    return code


def _mistake(message: str) -> int:
    print(f"xtts-lab: {' '.join(message.split())}", file=sys.stderr)
    return MISTAKE


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt
