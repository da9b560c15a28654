"""The suppliers' mailboxes on MESH: shaken hands with every day, and what stays in them is shown until somebody acts."""

from collections import Counter
from typing import Any

from crossing.errors import PersonMustAct
from source_zone.settings import Settings
from source_zone.transports.mesh import sorting_of

_REMEDIES = {
    "unknown_practice": "no practice of policy/practices.csv: add its row, or ask the sender why it came",
    "name_not_agreed": "a file's name is not as policy says: ask the supplier",
    "report": "MESH reports on something that is not ours to resend: see its code in the MESH service's list",
    "unreadable": "its headers cannot be read: report it to the MESH service desk",
}


class MailboxNeedsAPerson(PersonMustAct):
    """Messages stay in a mailbox, and trying again cannot help."""


def look(settings: Settings) -> list[dict[str, Any]]:
    """One row a mailbox: when hands were shaken, messages by state, and those that are not taken, by reason.

    Raises MeshDown, MeshRefused.
    """
    policy = settings.policy()
    names = sorted({each.connection for each in policy.practices() if each.transport == "mesh"})
    found = []
    for name in names:
        sorting = sorting_of(name, policy, settings)
        with sorting.mailbox.open() as opened:
            sorting.sort(opened)
            left = [
                {"message_id": each.message_id, "why": each.problem, "code": each.code, "since": each.seen_at}
                for each in sorting.book.nobodys()
            ]
            shaken = sorting.mailbox.last_handshake()
            found.append(
                {
                    "connection": name,
                    "handshake": shaken.isoformat() if shaken else None,
                    "messages": sorting.book.counts(),
                    "left": left,
                }
            )
    return found


def check(mailboxes: list[dict[str, Any]]) -> None:
    """Raises MailboxNeedsAPerson, saying of each reason how many messages there are and what to do."""
    told = []
    for mailbox in mailboxes:
        for why, count in sorted(Counter(each["why"] for each in mailbox["left"]).items()):
            told.append(
                f"connection {mailbox['connection']}: {count} messages are left in the mailbox, {_REMEDIES[why]}"
            )
    if told:
        raise MailboxNeedsAPerson(". ".join(told) + ". See: gp-source mailboxes")
