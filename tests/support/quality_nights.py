"""Nights of validation as the ledger has them, without a parcel being made: who judged what is tested elsewhere."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from support.postgres import psycopg_url

BOOK = {
    "observation": {"dated_in_future": "drop_row", "placeholder_date": "warn"},
    "patient": {"lsoa_shape": "drop_row"},
    "parcel": {"volume_unusual": "hold_parcel"},
}
FIRST_NIGHT = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
_PARCEL = """
INSERT INTO ledger.parcel (parcel_number, parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id, extract_taken_at,
  supplier_format, synthetic, state, validated_at, loaded_at, received_at, manifest, validation, seconds)
VALUES (ledger.number_by_time(%(at)s, nextval('ledger.arrival')), %(id)s, 'gpdpr', %(practice)s, %(sequence)s, %(id)s, 'extract', %(at)s,
  %(format)s, true, %(state)s, %(at)s, CASE WHEN %(state)s = 'loaded' THEN %(at)s END, %(at)s, %(manifest)s, %(validation)s, %(seconds)s)
RETURNING parcel_number
"""
_RESULT = """
INSERT INTO ledger.rule_result (parcel_number, table_name, rule_id, severity, rows_failed, rows_seen) VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One parcel: how many rows of each table were looked at, and how many broke which rule."""

    practice_code: str
    night: int
    seen: Mapping[str, int]
    failed: Mapping[tuple[str, str], int]
    supplier_format: str = "emis_csv"
    suite: str = "first"
    state: str = "loaded"
    otherwise: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # rules that were asked of other rows


def keep(url: str, parcels: Iterable[Judged], books: Mapping[str, Any] | None = None) -> None:
    with psycopg.connect(psycopg_url(url)) as connection:
        for suite, rules in (books or {"first": BOOK}).items():
            connection.execute(
                "INSERT INTO ledger.rule_book (suite_sha256, rules) VALUES (%s, %s)", (suite, json.dumps(rules))
            )
        with connection.cursor() as cursor:
            for each in parcels:
                _keep_one(cursor, each)


def _keep_one(cursor: psycopg.Cursor[Any], each: Judged) -> None:
    of_records = sum(rows for table, rows in each.seen.items() if table != "patient")
    values = {
        "at": FIRST_NIGHT + timedelta(days=each.night),
        "id": uuid4(),
        "practice": each.practice_code,
        "sequence": each.night + 1,
        "format": each.supplier_format,
        "state": each.state,
        "manifest": json.dumps({"counts": {"tables": {}, "patients_may_leave": each.seen.get("patient", 0)}}),
        "validation": json.dumps(
            {
                "suite_sha256": each.suite,
                "rows_seen": {**each.seen, "parcel": 1},
                "rows_of_records_seen": of_records,
                "rows_seen_by_rule": each.otherwise,
            }
        ),
        "seconds": json.dumps({"receive": 0.25, "validate": 0.5, "load": 1.0}),
    }
    number = cursor.execute(_PARCEL, values).fetchone()[0]  # type: ignore[index]  # it returns one
    lines = [
        (
            number,
            table,
            rule,
            BOOK.get(table, {}).get(rule, "drop_row"),
            failed,
            each.otherwise.get(table, {}).get(rule) or {**each.seen, "parcel": 1}[table],
        )
        for (table, rule), failed in each.failed.items()
    ]
    if lines:
        cursor.executemany(_RESULT, lines)


def seven_practices() -> list[Judged]:
    """Ten nights of seven practices with one row in a hundred in the future; on the last one, A00001 has ten in a hundred."""
    return [
        Judged(
            practice_code=f"A0000{practice}",
            night=night,
            seen={"observation": 1_000, "patient": 40},
            failed={
                ("observation", "dated_in_future"): 100 if (practice, night) == (1, 9) else 10,
                **({("patient", "lsoa_shape"): 3} if practice == 2 else {}),
                **({("parcel", "volume_unusual"): 1} if (practice, night) == (1, 9) else {}),
            },
            state="held" if (practice, night) == (1, 9) else "loaded",
        )
        for practice in range(1, 8)
        for night in range(10)
    ]
