"""What a steward chose of the rows in quarantine, which rows those are, and how a decision on them is written down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Connection, Uuid, any_, func, insert, literal, select, update

from central_zone import audit, ledger
from central_zone.errors import NothingInQuarantine, ParcelUnknown
from central_zone.inbox import is_parcel_id
from central_zone.ledger import Entry
from central_zone.store.quality_tables import RELEASED, decision
from central_zone.store.tables import parcel, quarantined_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which rows: of one table of one parcel, those that broke one of these rules and no other; or each of these, and no other."""

    parcel_id: str
    table_name: str
    rule_ids: tuple[str, ...]
    by: str
    reason: str
    each_of_them: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule_ids", tuple(sorted(set(self.rule_ids))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What came of it. `left` rows broke a named rule and stay: they broke another too, or are not in the parcel any more."""

    outcome: str
    practice_code: str
    sequence: int
    rows: int
    left: int = 0
    said_before: bool = False


def locked(connection: Connection, parcel_id: str) -> Entry:
    """The parcel, nobody else's until the transaction ends: neither who loads the practice's, nor who counts its rows."""
    if not is_parcel_id(parcel_id):
        raise ParcelUnknown("That is no parcel's id. See: gp-central quarantine list")
    entry = ledger.entry(connection, parcel_id)
    ledger.lock_practice(connection, entry.collection, entry.practice_code)
    same = parcel.c.parcel_id == UUID(parcel_id)
    connection.execute(select(parcel.c.parcel_number).where(same).with_for_update())
    return ledger.entry(connection, parcel_id)


def undecided(connection: Connection, entry: Entry, table: str) -> dict[UUID, set[str]]:
    """Of each row of a table that waits for a decision, the rules it broke."""
    row = quarantined_row.c
    found: dict[UUID, set[str]] = {}
    waiting = (row.parcel_number == entry.parcel_number, row.table_name == table, row.decision_number.is_(None))
    for token, rule in connection.execute(select(row.record_token, row.rule_id).where(*waiting)):
        found.setdefault(token, set()).add(rule)
    return found


def named(rules: dict[UUID, set[str]], choice: Choice) -> list[UUID]:
    """Those that broke a rule that was named."""
    return [token for token, broken in rules.items() if broken & set(choice.rule_ids)]


def only_these(rules: dict[UUID, set[str]], choice: Choice) -> list[UUID]:
    """Those that broke no other; where each was meant, those that broke them all."""
    these = set(choice.rule_ids)
    return [token for token in named(rules, choice) if rules[token] <= these and len(rules[token]) >= least(choice)]


def least(choice: Choice) -> int:
    """How many of the rules a row broke at least."""
    return len(choice.rule_ids) if choice.each_of_them else 1


def rows_in_quarantine(entry: Entry, table: str, tokens: Sequence[UUID]) -> tuple[Any, ...]:
    row = quarantined_row.c
    return (
        row.parcel_number == entry.parcel_number,
        row.table_name == table,
        row.record_token == any_(literal(list(tokens), ARRAY(Uuid()))),
    )


def write(connection: Connection, entry: Entry, choice: Choice, outcome: str, rows: int) -> int:
    """Audit, decision and ledger; answers the decision's number. Near the end of its transaction: it queues for the chain."""
    said = {"rule_ids": list(choice.rule_ids), "table_name": choice.table_name, "outcome": outcome, "rows": rows}
    whose = {"practice_code": entry.practice_code, "sequence": entry.sequence}
    event = {"quarantine_decided": entry.parcel_id, **whose, **said, "reason": choice.reason}
    head = audit.append_word(connection, by=choice.by, event=event)
    values = {**said, "decided_by": choice.by, "reason": choice.reason, "audit_hash": head}
    made = insert(decision).values(parcel_number=entry.parcel_number, **values).returning(decision.c.decision_number)
    number: int = connection.scalars(made).one()
    name = "rows_released" if outcome == RELEASED else "rows_discarded"
    so_far = func.coalesce(parcel.c[name][choice.table_name].as_integer(), 0)
    more = parcel.c[name].concat(func.jsonb_build_object(choice.table_name, so_far + rows))
    connection.execute(update(parcel).where(parcel.c.parcel_number == entry.parcel_number).values({name: more}))
    return number


def said_before(connection: Connection, entry: Entry, choice: Choice, outcome: str) -> Decided:
    """A task that is run again after it succeeded must not fail. Raises NothingInQuarantine where nobody said so before."""
    same = (
        decision.c.parcel_number == entry.parcel_number,
        decision.c.table_name == choice.table_name,
        decision.c.rule_ids == list(choice.rule_ids),
        decision.c.outcome == outcome,
        decision.c.decided_by == choice.by,
    )
    rows = connection.scalar(select(func.sum(decision.c.rows)).where(*same))
    if rows is None:
        raise NothingInQuarantine(
            f"{entry.practice_code}, parcel {entry.sequence}: no row of {choice.table_name} waits that broke "
            f"{', '.join(choice.rule_ids)} and nothing else. Nothing changed. See: gp-central quarantine list"
        )
    return replace(decided(entry, outcome, int(rows)), said_before=True)


def decided(entry: Entry, outcome: str, rows: int, *, left: int = 0) -> Decided:
    return Decided(outcome=outcome, practice_code=entry.practice_code, sequence=entry.sequence, rows=rows, left=left)
