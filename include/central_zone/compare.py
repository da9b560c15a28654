"""Compare: a recon or snapshot extract, everything a practice has, against what the store holds of the practice today.

Nothing is changed by it. What differs is counted by table and written beside the parcel; a person decides what is done.
"""

from collections.abc import Iterable, Mapping

import pyarrow as pa
from sqlalchemy import Connection, insert, text

from central_zone.ledger import Entry
from central_zone.load import load_records
from central_zone.store.tables import RECORDS, reconciliation
from crossing.canonical import TABLES, has_patient

_BESIDE = "pg_temp"
# Only live records count, on both sides. The store's are those of registrations that are live today.
_COUNTS = """
SELECT count(extract.record_token), count(store.record_token),
       count(*) FILTER (WHERE store.record_token IS NULL),
       count(*) FILTER (WHERE ROW({extracts}) IS DISTINCT FROM ROW({stores}))
         - count(*) FILTER (WHERE store.record_token IS NULL OR extract.record_token IS NULL),
       count(*) FILTER (WHERE extract.record_token IS NULL),
       count(*) FILTER (WHERE extract.record_token IS NULL AND {absent})
FROM (SELECT * FROM pg_temp.{table} WHERE NOT is_deleted) AS extract
FULL JOIN (SELECT * FROM records.current_{table} WHERE practice_code = :practice_code) AS store USING (record_token)
"""
# Where the extract names no patient at all, it is one of other tables only, and says nothing of who is there.
_ABSENT = """EXISTS (SELECT FROM pg_temp.patient) AND store.registration_token NOT IN (
         SELECT registration_token FROM pg_temp.patient WHERE NOT is_deleted AND registration_token IS NOT NULL)"""
_COLUMNS = ("in_extract", "in_store", "missing", "differs", "surplus", "of_absent")


def compare_with_store(
    connection: Connection, entry: Entry, tables: Mapping[str, Iterable[pa.Table]], *, in_extract: set[str]
) -> None:
    """Writes a row for each canonical table. `in_extract` names those of which the practice's extract had any row."""
    for table in TABLES:
        # A copy for this transaction alone. The server joins; rows come back neither here nor to any log.
        connection.execute(text(f"CREATE TEMPORARY TABLE {table} (LIKE {RECORDS[table].fullname}) ON COMMIT DROP"))
        load_records(
            connection,
            table,
            tables.get(table, ()),
            practice_code=entry.practice_code,
            parcel_number=entry.parcel_number,
            schema=_BESIDE,
        )
        connection.execute(text(f"ANALYZE pg_temp.{table}"))
    for table in TABLES:
        counts = _counted(connection, table, entry.practice_code)
        row = {"parcel_number": entry.parcel_number, "table_name": table, "is_in_extract": table in in_extract}
        connection.execute(insert(reconciliation).values(**row, **counts))


def _counted(connection: Connection, table: str, practice_code: str) -> dict[str, int]:
    names = [column.name for column in TABLES[table]]
    statement = _COUNTS.format(
        table=table,
        extracts=", ".join(f"extract.{name}" for name in names),
        stores=", ".join(f"store.{name}" for name in names),
        absent=_ABSENT if has_patient(table) else "false",
    )
    found = connection.execute(text(statement), {"practice_code": practice_code}).one()
    return dict(zip(_COLUMNS, found, strict=True))
