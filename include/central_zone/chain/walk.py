"""Walk the audit chain from its first entry to its last, and name the first that is not as it was written."""

from collections.abc import Container, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from central_zone.chain.entry import COLUMNS, START, AuditEntry, Position
from central_zone.errors import AuditBroken

RESTORED_FROM = "restored_from"  # in the event of the entry with which a restored store goes on
_AT_ONCE = 10_000
_LOOKED_AROUND = 1_000  # places before and after in which an entry that was moved is looked for
_INCIDENT = "Stop loading and leave the server as it is: docs/runbook.md, The audit chain does not hold."


@dataclass(slots=True)
class Walked:
    """A chain that holds in itself."""

    size: int
    head: str
    found: dict[str, int] = field(default_factory=dict)  # hash -> entry number, of the hashes that were looked for
    restores: list[dict[str, Any]] = field(default_factory=list)  # the events with which restored stores went on


def walk(connection: Connection, looked_for: Container[str] = (), *, after: Position = START) -> Walked:
    """Reads every entry after a position that is known to be right. Raises AuditBroken, which names the entry."""
    walked = Walked(*after)
    for entry in _entries(connection, after[0]):
        if entry.seq != walked.size + 1:
            raise AuditBroken(_removed(walked.size + 1, entry.seq))
        if entry.hash_at(entry.seq) != entry.hash:
            raise AuditBroken(_altered(entry))
        if entry.previous_hash != walked.head:
            raise AuditBroken(
                f"Audit entry {entry.seq} does not follow on entry {walked.size}: entry {walked.size} was exchanged for "
                f"another, or entry {entry.seq} was put in. {_INCIDENT}"
            )
        walked.size, walked.head = entry.seq, entry.hash
        if entry.hash in looked_for:
            walked.found[entry.hash] = entry.seq
        if RESTORED_FROM in entry.event:
            walked.restores.append(entry.event)
    return walked


def _entries(connection: Connection, after: int) -> Iterator[AuditEntry]:
    """By the driver itself: of a million entries, SQLAlchemy's rows would take as long as their hashes."""
    driver: Any = connection.connection.driver_connection
    statement = f"SELECT {', '.join(COLUMNS)} FROM audit.entry WHERE seq > %s ORDER BY seq"  # noqa: S608 (names of ours)
    with closing(driver.cursor(name="audit_chain")) as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(statement, (after,))
        for row in cursor:
            yield AuditEntry(*row)


def _removed(first: int, there: int) -> str:
    which = f"entry {first} was" if there == first + 1 else f"entries {first} to {there - 1} were"
    return f"Audit {which} removed. {_INCIDENT}"


def _altered(entry: AuditEntry) -> str:
    """An entry that is whole, but under another number, was moved; else its words were changed."""
    around = range(max(1, entry.seq - _LOOKED_AROUND), entry.seq + _LOOKED_AROUND)
    written_as = next((number for number in around if entry.hash_at(number) == entry.hash), None)
    if written_as is None:
        return f"Audit entry {entry.seq} was changed: it is not what its hash covers. {_INCIDENT}"
    if written_as < entry.seq:
        return (
            f"An audit entry was put in before entry {entry.seq}, which was written as entry {written_as}. {_INCIDENT}"
        )
    return (
        f"Audit entry {entry.seq} was written as entry {written_as}: the order was changed, or entries before it were "
        f"removed and the rest numbered anew. {_INCIDENT}"
    )
