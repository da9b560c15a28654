"""All that a failure tells: as Python shows it, as our two edges show it, what was logged on the way, and both streams."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from crossing.errors import GPCollectError, run_command
from support.foreign_failures import holds

Streams = Any  # pytest's capfd: it also has what C and Rust libraries write themselves


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one failure, all of it; and the failure itself, to see that it was a real one."""

    error: BaseException = field(repr=False)
    text: str = field(repr=False)

    def has(self, value: str) -> bool:
        return value.lower() in self.text.lower()

    def came_from_an_error_that_holds(self, value: str) -> bool:
        """Python keeps the foreign error as the context of ours, and `from None` only leaves it unprinted."""
        found = self.error.__context__
        return found is not None and holds(found, value)


def told_by(fail: Callable[[], Any], streams: Streams) -> Told:
    """Lets it fail three times: caught bare, at a command's edge, and at a task's. Raises AssertionError if it does not."""
    heard, error = StringIO(), None
    handler = logging.StreamHandler(heard)
    handler.setLevel(logging.DEBUG)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        error, bare = _caught(fail)
        streams.readouterr()
        heard.truncate(0)  # libraries are silenced at the edges, and nothing of ours runs elsewhere
        code = run_command(lambda: fail() and 0)
        at_task = _told_at_a_task(fail)
        out, err = streams.readouterr()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert code in (3, 4), "a command says who must act"
    return Told(error, "\n".join([*bare, at_task, out, err, heard.getvalue()]))


def _caught(fail: Callable[[], Any]) -> tuple[BaseException, list[str]]:
    try:
        fail()
    except BaseException as error:
        # A foreign error may hold anything: it gets no further than the edges. Ours is told as it is, wherever it is caught.
        ours = isinstance(error, GPCollectError)
        return error, [str(error), repr(error), repr(error.args), *traceback.format_exception(error)] if ours else []
    raise AssertionError("nothing failed")


def _told_at_a_task(fail: Callable[[], Any]) -> str:
    """With everything that hangs on the error there, printed or not."""
    from airflow.sdk.exceptions import AirflowException

    from stop_for_a_person import stop_for_a_person

    try:
        stop_for_a_person(fail)()
    except AirflowException as error:
        chain = [error, error.__cause__, error.__context__]
        return "\n".join(line for each in chain if each for line in traceback.format_exception(each))
    raise AssertionError("nothing failed at the task's edge")
