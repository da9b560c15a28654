"""The suppliers' mailboxes on MESH: shaken hands with every day, and what stays in them is shown until somebody acts."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from crossing.errors import PersonMustAct
from source_zone.settings import Settings
from source_zone.transports.mesh import sorting_of
from source_zone.transports.mesh_sorting import Sorting

_REMEDIES = {
    "unknown_practice": "for no practice of policy/practices.csv. Add its row, or ask the sender why it came",
    "name_not_agreed": "with files that are not named as policy says. Ask the supplier",
    "report": "as reports on something that is not a parcel of ours. See docs/mesh.md for their codes",
    "unreadable": "with headers that cannot be read. Report them to the MESH service desk",
}


class MessageUnknown(PersonMustAct):
    """A message is to be dropped that no mailbox has."""


class MailboxNeedsAPerson(PersonMustAct):
    """Messages stay in a mailbox, and trying again cannot help."""


def look(settings: Settings) -> list[dict[str, Any]]:
    """One row a mailbox: when hands were shaken, messages by state, and those that are not taken, by reason.

    Raises MeshDown, MeshRefused.
    """
    return [_look(name, sorting) for name, sorting in _mailboxes(settings)]


def drop(message_id: str, settings: Settings) -> str:
    """Acknowledges a message without taking it; the connection it came by. Raises MessageUnknown."""
    for name, sorting in _mailboxes(settings):
        with sorting.mailbox.open() as opened:
            if sorting.drop(opened, message_id, settings.landing):
                return name
    raise MessageUnknown("No mailbox has a message of that id. See: gp-source mailboxes")


def _mailboxes(settings: Settings) -> Iterator[tuple[str, Sorting]]:
    policy = settings.policy()
    for name in sorted({each.connection for each in policy.practices() if each.transport == "mesh"}):
        yield name, sorting_of(name, policy, settings)


def _look(name: str, sorting: Sorting) -> dict[str, Any]:
    with sorting.mailbox.open() as opened:
        sorting.sort(opened)
        shaken = sorting.mailbox.last_handshake()
        return {
            "connection": name,
            "handshake": shaken.isoformat() if shaken else None,
            "messages": sorting.book.counts(),
            "left": [
                {"message_id": each.message_id, "why": each.problem, "code": each.code, "since": each.seen_at}
                for each in sorting.book.nobodys()
            ],
        }


def check(mailboxes: list[dict[str, Any]]) -> None:
    """Raises MailboxNeedsAPerson, saying of each reason how many messages there are and what to do."""
    told = []
    for mailbox in mailboxes:
        for why, count in sorted(Counter(each["why"] for each in mailbox["left"]).items()):
            told.append(
                f"connection {mailbox['connection']}: {count} messages are left in the mailbox {_REMEDIES[why]}"
            )
    if told:
        raise MailboxNeedsAPerson(
            ". ".join(told) + ". See: gp-source mailboxes; what shall never be taken: --drop MESSAGE"
        )
