"""Where questions are put to parts that may end the process they are in: another process.

Plans ask systems and instruments what they are, and metrics score. Parts of this package do so in
the process of the run; those of other packages, and after a death all of them, in a host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from multiprocessing import util
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any

from xtts_lab import registry
from xtts_lab.errors import PartError, UsageError
from xtts_lab.experiment.workers.deaths import begin_service, cause
from xtts_lab.experiment.workers.parts import Parts
from xtts_lab.experiment.workers.starts import started
from xtts_lab.notices import describe

MOST_DEATHS = 5
"""Questions to a part in a row of which its process died, after which it is asked no more."""
_PATIENCE_S = 5.0


class Shelf:
    """What a host keeps from question to question: one heavy part, and all metrics."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.metrics: dict[str, Any] = {}


class Host:
    """A process for questions, begun with the first and begun again after a death.

    `careful`: for the parts of this package too.
    """

    def __init__(self, *, careful: bool = False) -> None:
        self.careful = careful
        self._there: tuple[ForkServerProcess, Connection] | None = None
        self._in_a_row: dict[str, int] = {}

    def apart(self, kind: str, spec: Mapping[str, Any]) -> bool:
        """Return whether a part must not be at work in the process of the run."""
        inner = spec.get("system")  # of a system that stands around another
        return (
            self.careful
            or spec.get("name") not in registry.BUILTIN[kind]
            or (isinstance(inner, Mapping) and self.apart(kind, inner))
        )

    def call(self, part: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return `function(shelf, *arguments)` of a part, worked out in the host.

        Function, arguments and result must be picklable. Raises `UsageError` where it does, and
        `PartError` for all else that it raises, and for a process that dies of it, twice.
        """
        if self._in_a_row.get(part, 0) >= MOST_DEATHS:
            raise PartError(
                f"not asked: its process died in {MOST_DEATHS} other questions in a row"
            )
        died = ""
        for _ in range(2):
            try:
                raised, said = self._asked(function, arguments)
            except (EOFError, OSError):
                died = self._ended()
                continue
            self._in_a_row[part] = 0
            if raised is not None:
                raise raised(said)
            return said
        self._in_a_row[part] = self._in_a_row.get(part, 0) + 1
        raise PartError(f"{died}, twice")

    def _asked(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if self._there is None:
            self._there = started(serve_questions)
            util.Finalize(self, _let_go, self._there, exitpriority=10)
        connection = self._there[1]
        connection.send((function, arguments))
        return connection.recv()

    def _ended(self) -> str:
        """Clear away a process that died; return how it did."""
        assert self._there is not None  # it was asked
        process, connection = self._there
        self._there = None
        connection.close()
        process.join(_PATIENCE_S)
        if process.is_alive():  # it closed its end of the pipe, and lives
            process.kill()
            process.join()
        return cause(process.exitcode)


def _let_go(process: ForkServerProcess, connection: Connection) -> None:
    connection.close()
    process.join(_PATIENCE_S)
    if process.is_alive():
        process.kill()


def serve_questions(connection: Connection) -> None:
    """Answer questions until there is nobody to ask."""
    begin_service()
    with Parts(apart=True) as parts:
        shelf = Shelf(parts)
        while True:
            try:
                function, arguments = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(_answer(function, shelf, arguments))


def _answer(function: Callable[..., Any], shelf: Shelf, arguments: tuple[Any, ...]) -> Any:
    """Return an answer, or what kind of error to raise with which words."""
    try:
        said = function(shelf, *arguments)
        ForkingPickler.dumps(said)
    except UsageError as error:
        return UsageError, str(error)
    except BaseException as error:
        return PartError, describe(error)
    return None, said
