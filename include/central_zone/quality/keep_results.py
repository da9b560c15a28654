"""Keeps what validation found in a parcel, in the transaction that notes the judgement. Lets go of what policy keeps no longer."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql

from central_zone.expectations.rules import PARCEL, RuleBook
from central_zone.quality.small_numbers import OF_PEOPLE
from central_zone.store.connection import transaction
from central_zone.store.quality_tables import rule_book, rule_result
from central_zone.zone import Zone

Rules = Iterable[Mapping[str, Any]]  # each: table, rule, severity, failed, seen


def keep_results(connection: Connection, parcel_number: int, rules: Rules) -> None:
    """In place of what an earlier judgement of the same parcel left. Rules that nothing broke leave no line."""
    broken = [
        {
            "parcel_number": parcel_number,
            "table_name": each["table"],
            "rule_id": each["rule"],
            "severity": str(each["severity"]),
            "rows_failed": each["failed"],
            "rows_seen": each["seen"],
        }
        for each in rules
        if each["failed"]
    ]
    connection.execute(delete(rule_result).where(rule_result.c.parcel_number == parcel_number))
    if broken:
        connection.execute(insert(rule_result), broken)


def rows_asked(rules: Rules) -> dict[str, Any]:
    """For the parcel in the ledger: rows by table, and by rule only where it was asked of others than those; 0 where of none."""
    told = list(rules)
    rows: dict[str, int] = {}
    for each in told:
        rows[each["table"]] = max(each["seen"], rows.get(each["table"], 0))
    if PARCEL in rows:
        rows[PARCEL] = 1
    others: dict[str, dict[str, int]] = {}
    for each in told:
        if each["seen"] != rows[each["table"]]:
            others.setdefault(each["table"], {})[each["rule"]] = each["seen"]
    of_records = sum(number for table, number in rows.items() if table not in (PARCEL, OF_PEOPLE))
    return {"rows_seen": rows, "rows_seen_by_rule": others, "rows_of_records_seen": of_records}


def keep_rule_book(connection: Connection, book: RuleBook) -> None:
    """Once a version."""
    if connection.scalar(select(rule_book.c.suite_sha256).where(rule_book.c.suite_sha256 == book.sha256)):
        return
    rules = {table: {rule.id: str(rule.severity) for rule in rules} for table, rules in book.rules.items()}
    statement = postgresql.insert(rule_book).values(suite_sha256=book.sha256, rules=rules)
    connection.execute(statement.on_conflict_do_nothing())


def forget_old_results(zone: Zone, keep_days: int) -> int:
    """Answers how many lines went."""
    before = zone.now() - timedelta(days=keep_days)
    with transaction(zone.store, "forget old results") as connection:
        return connection.execute(delete(rule_result).where(rule_result.c.at < before)).rowcount
