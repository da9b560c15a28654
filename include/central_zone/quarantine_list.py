"""What waits in quarantine for a steward: by parcel, table and rule, how many rows, and whether they may be released."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select

from central_zone import ledger, quarantine_choice
from central_zone.quality.releasable import Releasable, read_releasable
from central_zone.quality.small_numbers import shown
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.quality_tables import quarantined_row
from central_zone.store.role_names import STEWARD
from central_zone.store.tables import RECORDS, parcel
from central_zone.zone import opened
from crossing.policy import Policy


def rows_waiting(settings: Settings, practice_codes: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Of these practices, or of all: a line for each parcel, table and rule. A small number that counts people is not shown."""
    with (
        opened(settings, inbox=Path(), role=STEWARD) as zone,
        transaction(zone.store, "look into quarantine") as connection,
    ):
        return lines_waiting(connection, zone.policy, practice_codes)


def lines_waiting(connection: Connection, policy: Policy, practice_codes: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The same in a transaction of the steward's."""
    releasable = read_releasable(policy)
    return [_line(row, releasable) for row in waiting(connection, practice_codes)]


def waiting(connection: Connection, practice_codes: Sequence[str] = ()) -> Sequence[Row[Any]]:
    """practice_code, sequence, parcel_id, table_name, rule_id and rows, in that order. A row that broke two rules is in both."""
    row = quarantined_row.c
    whose = (parcel.c.practice_code, parcel.c.sequence, parcel.c.parcel_id, row.table_name, row.rule_id)
    asked = (
        select(*whose, func.count().label("rows"))
        .join(parcel, parcel.c.parcel_number == row.parcel_number)
        .where(row.decision_number.is_(None))
        .group_by(*whose)
        .order_by(*whose)
    )
    if practice_codes:
        asked = asked.where(parcel.c.practice_code.in_(practice_codes))
    return connection.execute(asked).all()


def tokens_waiting(parcel_id: str, settings: Settings) -> Iterable[str]:
    """Of one parcel: table, token and rules of each row that waits."""
    with (
        opened(settings, inbox=Path(), role=STEWARD) as zone,
        transaction(zone.store, "look into quarantine") as connection,
    ):
        entry = ledger.entry(connection, parcel_id)
        return [
            f"{table}  {token}  {' '.join(sorted(rules))}"
            for table in RECORDS
            for token, rules in sorted(quarantine_choice.undecided(connection, entry, table).items())
        ]


def _line(row: Row[Any], releasable: Releasable) -> dict[str, Any]:
    return {
        "practice_code": row.practice_code,
        "sequence": row.sequence,
        "parcel_id": str(row.parcel_id),
        "table_name": row.table_name,
        "rule_id": row.rule_id,
        "rows": shown(row.table_name, row.rows),
        "why_not_released": releasable.why_not(row.table_name, row.rule_id),
    }
