"""The two branches every error of ours hangs on: who must act.

A message carries counts, the file, the rule and the remedy; never a value, because errors travel into logs.
Foreign errors quote values, so they are caught where they rise and ours are raised `from None`.
"""

import errno
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossing.quiet_process import quieten_process

_OUR_CODE = Path(__file__).parents[1]
_FULL = (errno.ENOSPC, errno.EDQUOT)


class GPCollectError(Exception):
    """Superclass of all errors of this project. Never raised directly.

    One raised for several practices says of each what failed, as crossing.failures has it.
    """

    exit_code = 1

    def __init__(self, *said: object, practices_failed: Iterable[Any] = ()) -> None:
        super().__init__(*said)
        self.practices_failed = tuple(practices_failed)


class TryAgain(GPCollectError):
    """The world was not ready (a server down, a file still arriving): the same step, later, may succeed."""

    exit_code = 3


class PersonMustAct(GPCollectError):
    """Trying again cannot help: the message names what to mend, and where."""

    exit_code = 4


class SoftwareFault(PersonMustAct):
    """An error we did not foresee. Its own text may quote data, so only its kind and our line are told."""


class DiskFull(PersonMustAct):
    """A disk is full. What was being written is not there; nothing else is touched."""


class OutOfMemory(TryAgain):
    """The process may have no more memory. Never the fault of what it was reading; with less beside it, it may succeed."""


def is_a_panic(error: BaseException) -> bool:
    """Whether a library written in Rust gave up. To Python that is no Exception, and its text quotes data like any other."""
    return type(error).__name__ == "PanicException"


@contextmanager
def without_panics() -> Iterator[None]:
    """Where one practice's work is fenced off from the others': a panic, which no `except Exception` meets, is a SoftwareFault."""
    try:
        yield
    except BaseException as error:
        if not is_a_panic(error):
            raise
        raise as_ours(error) from None


def as_ours(error: BaseException) -> GPCollectError:
    """An error of ours as it is; any other as a SoftwareFault: where in our code it rose, and nothing of what it said."""
    if isinstance(error, GPCollectError):
        return error
    return of_the_machine(error) or SoftwareFault(
        f"{type(error).__name__} at {_place(error)}. Nothing half-done was kept. "
        "Report this line as a fault of the software."
    )


def of_the_machine(error: BaseException) -> DiskFull | OutOfMemory | None:
    """A full disk or a lack of memory, whichever library met it; None for any other error."""
    if isinstance(error, MemoryError):
        return OutOfMemory(
            f"There was no memory left at {_place(error)}. Nothing half-done was kept. "
            "Where it stays so, let fewer tasks run at once, or give the worker more."
        )
    if isinstance(error, OSError) and error.errno in _FULL:
        return DiskFull(
            f"A disk is full: no room for what was written at {_place(error)}. Nothing half-done was kept. "
            "Make room, then run the same again."
        )
    return None


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_OUR_CODE)]
    return f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "outside our code"


def run_command(command: Callable[[], int]) -> int:
    """Runs a command's body; turns our errors into one line on stderr and their exit code (3 or 4)."""
    quieten_process()
    try:
        return command()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped before the end. Nothing half-done was kept; run the same command again.\n")
        return 130
    except BaseException as foreign:  # the last gate before a traceback, which would quote data
        if not isinstance(foreign, Exception) and not is_a_panic(foreign):
            raise
        error = as_ours(foreign)
        who = "try again" if isinstance(error, TryAgain) else "a person must act"
        sys.stderr.write(f"{type(error).__name__} ({who}): {error}\n")
        return error.exit_code
