"""The edge between the zones and Airflow: what an error of ours means for a task, and what its log may say.

Airflow prints whole chains of errors, and a parser's or a database's own text quotes the value it choked on.
So nothing leaves a task's body but our message, or the bare place of a fault.
"""

import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from crossing import errors
from crossing.errors import GPCollectError, PersonMustAct, TryAgain, is_a_panic, of_the_machine
from crossing.failures import Failure, failure
from crossing.quiet_process import quieten_process
from tell_what_failed import failures_in, tell

Given = ParamSpec("Given")
Result = TypeVar("Result")
_OUR_CODE = Path(errors.__file__).parents[1]


def stop_for_a_person(body: Callable[Given, Result]) -> Callable[Given, Result]:
    """Wraps a task's body. Raises AirflowException where trying again may help, else AirflowFailException, at once.

    What is raised is made after the error it tells of is gone: not even by its context does anything lead back to that.
    """

    @wraps(body)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        quieten_process()
        try:
            result = body(*args, **kwargs)
            tell(failures_in(result))
            return result
        except AirflowException:
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and not is_a_panic(error):
                raise  # an interruption, or the end of the process
            told, failed = _told(error), _failed_in(error, body.__name__)
        tell(failed)
        told.practices_failed = failed  # type: ignore[attr-defined]  # for a task that asks more than once
        raise told

    return run


def _told(foreign: BaseException) -> AirflowException:
    error = of_the_machine(foreign) or foreign
    if isinstance(error, TryAgain):
        return AirflowException(f"{type(error).__name__}: {error}")
    if isinstance(error, PersonMustAct):
        return AirflowFailException(f"{type(error).__name__}: {error}")
    return AirflowFailException(_place_of(error))


def _failed_in(foreign: BaseException, step: str) -> list[Failure]:
    """What the error says of practices; of an error that is all's alike, one line that is nobody's."""
    error = of_the_machine(foreign) or foreign
    if isinstance(error, GPCollectError):
        return list(error.practices_failed) or [failure(None, step, error)]
    return [failure(None, step, PersonMustAct(_place_of(error))) | {"error": type(error).__name__}]


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_OUR_CODE)]
    place = (ours or frames)[-1]
    return (
        f"{type(error).__name__} at {Path(place.filename).name}, line {place.lineno}. "
        "Its text is withheld: it may quote a record. Report it as our fault."
    )
