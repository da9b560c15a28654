"""Who knew what when: a table as it was is what today's view would say, had nothing come since."""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert, text

from central_zone.store.connection import store_of
from central_zone.store.tables import RECORDS, parcel
from crossing.canonical import TABLES, has_patient

START = datetime(2026, 1, 1, tzinfo=UTC)
PRACTICES = ("A10001", "A10002")
PARCELS, ROWS = 12, 40
# Few of each, so that records come again, are deleted, come back, and move between kinds.
RECORD_TOKENS = [UUID(int=number) for number in range(1, 13)]
REGISTRATIONS = [UUID(int=number) for number in range(101, 105)]


@pytest.fixture(scope="module")
def connection(postgres: Any) -> Iterator[Connection]:
    with store_of(postgres.a_store()) as store, store.connect() as made:
        yield made


@pytest.fixture
def history(connection: Connection, request: pytest.FixtureRequest) -> Iterator[list[tuple[datetime, datetime]]]:
    """A random history, and for each parcel when its extract was taken and when it was loaded."""
    drawn = random.Random(request.param)
    with connection.begin() as transaction:
        yield [_a_parcel(connection, drawn, number) for number in range(PARCELS)]
        transaction.rollback()


def _a_parcel(connection: Connection, drawn: random.Random, number: int) -> tuple[datetime, datetime]:
    """Some are backfilled: taken long before they are loaded."""
    loaded_at = START + timedelta(days=number, hours=12)
    taken_at = START + timedelta(days=drawn.choice([number, number, drawn.randrange(number + 1)]), hours=1)
    practice = drawn.choice(PRACTICES)
    number_by_time = "SELECT ledger.number_by_time(:taken_at, :arrival)"
    (parcel_number,) = connection.execute(text(number_by_time), {"taken_at": taken_at, "arrival": number}).one()
    connection.execute(
        insert(parcel).values(
            parcel_number=parcel_number,
            parcel_id=uuid4(),
            collection="gpdpr",
            practice_code=practice,
            sequence=number,
            manifest_sha256=uuid4().hex,
            extract_id="extract",
            extract_taken_at=taken_at,
            supplier_format="emis_csv",
            synthetic=True,
            state="loaded",
            loaded_at=loaded_at,
            manifest={},
        )
    )
    tables = list(TABLES)
    rows: dict[tuple[str, UUID], dict[str, Any]] = {}
    for _ in range(ROWS):
        table = drawn.choice([*tables, "patient", "observation", "problem"])
        row = {"record_token": drawn.choice(RECORD_TOKENS), "is_deleted": drawn.random() < 0.25}
        if has_patient(table):
            row["registration_token"] = drawn.choice(REGISTRATIONS)
        if table == "patient":
            row["record_token"] = row["registration_token"]
        rows[table, row["record_token"]] = row
    for (table, _), row in rows.items():
        whose = {"practice_code": practice, "parcel_number": parcel_number}
        connection.execute(insert(RECORDS[table]).values(**row, **whose))
    return taken_at, loaded_at


def rows_of(connection: Connection, table: str, relation: str, **times: datetime) -> list[str]:
    told = [*(column.name for column in TABLES[table]), "parcel_number"] if table in TABLES else ["registration_token"]
    columns = ", ".join(["practice_code", *told])
    return sorted(str(tuple(row)) for row in connection.execute(text(f"SELECT {columns} FROM {relation}"), times))


def had_nothing_come_since(connection: Connection, until: dict[str, datetime]) -> dict[str, list[str]]:
    """The views of today, after everything later was taken out of the tables."""
    nested = connection.begin_nested()
    later = "SELECT parcel_number FROM ledger.parcel WHERE extract_taken_at > :taken OR loaded_at > :known"
    for table in TABLES:
        connection.execute(text(f"DELETE FROM records.{table} WHERE parcel_number IN ({later})"), until)
    found = {table: rows_of(connection, table, f"records.current_{table}") for table in ("registration", *TABLES)}
    nested.rollback()
    return found


def as_it_was(connection: Connection, until: dict[str, datetime]) -> dict[str, list[str]]:
    return {
        table: rows_of(connection, table, f"records.{table}_as_of(:taken, :known)", **until)
        for table in ("registration", *TABLES)
    }


FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("history", range(2), indirect=True)
def test_a_table_as_it_was_is_todays_had_nothing_come_since(connection, history):
    taken, loaded = history[PARCELS // 2]
    moments = [
        {"taken": FOR_EVER, "known": FOR_EVER},
        {"taken": FOR_EVER, "known": loaded},  # what we knew then
        {"taken": taken, "known": FOR_EVER},  # how it was then, as we know now
        {"taken": taken, "known": loaded},  # how it was then, as we knew then
        {"taken": START, "known": START},
    ]
    told = [as_it_was(connection, moment) for moment in moments]
    assert told == [had_nothing_come_since(connection, moment) for moment in moments]
    assert len({str(each) for each in told}) >= 4, "the moments differ, or this would say nothing"
    assert not any(told[-1].values())
    assert all(told[0][table] for table in ("registration", "patient", "observation"))


@pytest.mark.parametrize("history", [7], indirect=True)
def test_one_registrations_past_is_found_by_its_index(connection, history):
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    plan = connection.execute(
        text(
            "EXPLAIN SELECT * FROM records.observation_as_of('infinity', '2026-01-05') "
            f"WHERE practice_code = 'A10001' AND record_token = '{RECORD_TOKENS[0]}'"
        )
    ).scalars()
    found = "\n".join(plan)
    assert "Function Scan" not in found, "the function is part of the question, and not answered as a whole before it"
    partitions = re.findall(r"on (observation|immunisation|allergy|patient)_([0-9]+) ", found)
    assert len({number for _, number in partitions}) == 1, "one partition of each table"


def test_a_restored_copy_does_not_serve_the_past_either(postgres):
    with store_of(postgres.a_copy(postgres.a_store())) as store, store.connect() as copy:
        for table in ("registration", "patient", "organisation"):
            with pytest.raises(Exception, match="restored copy"):
                copy.execute(text(f"SELECT * FROM records.{table}_as_of('infinity', 'infinity')"))
            copy.rollback()
