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
from crossing.errors import PersonMustAct, TryAgain

Given = ParamSpec("Given")
Result = TypeVar("Result")
_OUR_CODE = Path(errors.__file__).parents[1]


def stop_for_a_person(body: Callable[Given, Result]) -> Callable[Given, Result]:
    """Wraps a task's body. Raises AirflowException where trying again may help, else AirflowFailException, at once."""

    @wraps(body)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return body(*args, **kwargs)
        except AirflowException:
            raise
        except TryAgain as error:
            raise AirflowException(f"{type(error).__name__}: {error}") from None
        except PersonMustAct as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from None
        except Exception as error:
            raise AirflowFailException(_place_of(error)) from None

    return run


def _place_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_OUR_CODE)]
    place = (ours or frames)[-1]
    return (
        f"{type(error).__name__} at {Path(place.filename).name}, line {place.lineno}. "
        "Its text is withheld: it may quote a record. Report it as our fault."
    )
