"""MESH's answers as errors of ours: who must act, and what to mend. Nothing of what a server wrote is repeated."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from mesh_client import MeshError
from requests import HTTPError, RequestException, Response
from requests.exceptions import SSLError
from urllib3.exceptions import HTTPError as LowerHTTPError

from crossing.errors import PersonMustAct, TryAgain

_LARGEST_CLOCK_DIFFERENCE = timedelta(minutes=5)
_SLOW_DOWN = timedelta(minutes=5)  # where MESH does not say how long


class MeshDown(TryAgain):
    """MESH did not answer, broke off, or has too much to do. `ask_again_at` where it asked us to wait."""

    def __init__(self, message: str, ask_again_at: datetime | None = None) -> None:
        super().__init__(message)
        self.ask_again_at = ask_again_at


class MessageLocked(TryAgain):
    """MESH takes no more chunks of a message."""


class MeshRefused(PersonMustAct):
    """MESH does not know us, or the recipient, or does not accept what we send."""


class MessageGone(PersonMustAct):
    """A message is no longer in the mailbox: it expired, or somebody else took it."""


class DuplicateSent(PersonMustAct):
    """MESH has one thing of ours twice."""


_GONE = (
    MessageGone,
    "a message is no longer there: it expired, or another client took it. "
    "See that no other client reads this mailbox, and ask the sender to send it again",
)
_UNKNOWN_RECIPIENT = (
    MeshRefused,
    "the recipient's mailbox is not registered for this, MESH's code 12. Correct policy/connections.toml, "
    "or ask the recipient to register the workflow",
)
_ANSWERS: dict[int, tuple[type[PersonMustAct | TryAgain], str]] = {
    404: _GONE,
    410: _GONE,
    417: _UNKNOWN_RECIPIENT,
    423: (MessageLocked, "MESH takes no more chunks of the message"),
}


@contextmanager
def answers_told(where: str) -> Iterator[None]:
    """Turns the libraries' errors, which quote addresses and answers, into ours."""
    try:
        yield
    except HTTPError as error:
        raise _for_answer(where, error.response) from None
    except SSLError:
        raise MeshRefused(
            f"{where}: the certificates are not accepted, ours or theirs. Look at client.crt, its key and its dates."
        ) from None
    except (RequestException, LowerHTTPError) as error:
        kind = type(error).__name__
        raise MeshDown(f"{where}: no answer, or the line broke ({kind}). It is tried again.") from None
    except MeshError:
        raise MeshRefused(f"{where}: MESH refused the message. Look at the recipient and the workflow.") from None


def _for_answer(where: str, answer: Response) -> PersonMustAct | TryAgain:
    status = answer.status_code
    if status in (425, 429):
        return MeshDown(f"{where}: MESH asks us to slow down ({status}).", _ask_again_at(answer))
    if status >= 500:
        return MeshDown(f"{where}: MESH has trouble of its own ({status}). It is tried again.")
    if status in (401, 403):
        return MeshRefused(f"{where}: {_why_not_known(answer)}")
    kind, words = _ANSWERS.get(status, (MeshRefused, "a call of ours is not accepted. Report a fault of the software"))
    return kind(f"{where}: {words} ({status}).")


def _why_not_known(answer: Response) -> str:
    """The token holds the minute it was made in, so a wrong clock looks like a wrong password."""
    difference = datetime.now(UTC) - (_server_time(answer) or datetime.now(UTC))
    minutes = round(difference.total_seconds() / 60)
    if abs(difference) > _LARGEST_CLOCK_DIFFERENCE:
        return (
            f"MESH does not accept our token, and our clock differs from its by {minutes} minutes. Set the clock right."
        )
    return (
        "MESH does not know us (403). Look at the mailbox's name in policy/connections.toml and at the files password "
        "and shared_key: one of them is wrong, or the mailbox is not active."
    )


def _server_time(answer: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None


def _ask_again_at(answer: Response) -> datetime:
    said: Any = answer.headers.get("Retry-After", "")
    wait = timedelta(seconds=min(int(said), 86_400)) if said.isdigit() else _SLOW_DOWN
    return datetime.now(UTC) + wait
