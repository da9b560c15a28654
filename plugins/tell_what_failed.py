"""What of a task failed, practice by practice: into the task's own log, and where the pages and the alerts look for it.

XCom `practices_failed` stays when the task as a whole then fails. Airflow empties it when the task is tried again.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from airflow.sdk import get_current_context

from crossing.failures import Failure, in_words

KEY = "practices_failed"
_log = logging.getLogger(__name__)


def failures_in(result: Any) -> list[Failure]:
    """Of a step's result, or of results: `failed` of one practice or parcel, or `practices_failed` of many."""
    each = result if isinstance(result, list) else [result]
    dicts = [one for one in each if isinstance(one, dict)]
    alone = [one["failed"] for one in dicts if isinstance(one.get("failed"), dict) and "step" in one["failed"]]
    return alone + [failed for one in dicts for failed in one.get(KEY, ())]


def failures_told_by(error: Exception) -> list[Failure]:
    """What stop_for_a_person wrote beside an error that it raised."""
    return list(getattr(error, KEY, ()))


def tell(failures: Iterable[Failure]) -> None:
    """Nothing is said where nothing failed, and nothing handed on where no task runs."""
    failed = list(failures)
    for each in failed:
        _log.warning("%s", in_words(each))
    hand_on(failed)


def hand_on(failures: Sequence[Failure]) -> None:
    if not failures:
        return
    try:
        task_instance = get_current_context()["ti"]
    except RuntimeError:  # a command or a test, not a task
        return
    try:
        task_instance.xcom_push(key=KEY, value=list(failures))
    except Exception as error:  # the log has said it; what became of the practices is not Airflow's to change
        _log.warning("What failed could not be handed on: %s", type(error).__name__)
