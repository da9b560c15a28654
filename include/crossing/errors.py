"""The two branches every error of ours hangs on: who must act.

A message carries counts, the file, the rule and the remedy; never a value, because errors travel into logs.
Foreign errors quote values, so they are caught where they rise and ours are raised `from None`.
"""

import sys
from collections.abc import Callable


class GPCollectError(Exception):
    """Superclass of all errors of this project. Never raised directly."""

    exit_code = 1


class TryAgain(GPCollectError):
    """The world was not ready (a server down, a file still arriving): the same step, later, may succeed."""

    exit_code = 3


class PersonMustAct(GPCollectError):
    """Trying again cannot help: the message names what to mend, and where."""

    exit_code = 4


def run_command(command: Callable[[], int]) -> int:
    """Runs a command's body; turns our errors into one line on stderr and their exit code (3 or 4)."""
    try:
        return command()
    except GPCollectError as error:
        who = "try again" if isinstance(error, TryAgain) else "a person must act"
        sys.stderr.write(f"{type(error).__name__} ({who}): {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("Stopped before the end. Nothing half-done was kept; run the same command again.\n")
        return 130
