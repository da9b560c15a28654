"""What failed, in the one shape in which both zones tell it: whose it is, at which step, and whose move it is now.

It travels through Airflow to the pages and the alerts: codes, the names of errors and our own messages, never a value.
"""

from typing import TypedDict

from crossing.errors import GPCollectError, TryAgain

TRY_AGAIN, PERSON = "try_again", "person"


class Failure(TypedDict):
    """`practice_code` is None where it is not known whose it is, or where the step failed for all alike."""

    practice_code: str | None
    step: str
    error: str
    who_acts: str
    message: str


def failure(practice_code: str | None, step: str, error: GPCollectError) -> Failure:
    return Failure(
        practice_code=practice_code,
        step=step,
        error=type(error).__name__,
        who_acts=TRY_AGAIN if isinstance(error, TryAgain) else PERSON,
        message=str(error),
    )


def in_words(failed: Failure) -> str:
    """One line: what, whose move, why and what to do."""
    who = "it will be tried again" if failed["who_acts"] == TRY_AGAIN else "a person must act"
    return f"{failed['practice_code'] or 'All of it'} failed at {failed['step']}: {failed['error']} ({who}): {failed['message']}"
