"""The counts of a manifest against the rows of its parcel that the store really holds, loaded or in quarantine."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, any_, func, literal, select, update

from central_zone.ledger import LOADED
from central_zone.store.quality_tables import quarantined_row
from central_zone.store.tables import RECORDS, parcel

PARCELS_AT_ONCE = 200
SUPPLIER = "supplier"


def forget_counts(connection: Connection, collection: str) -> None:
    connection.execute(
        update(parcel).where(parcel.c.collection == collection).values(counted_at=None, rows_counted=None)
    )


def count_some(connection: Connection, collection: str, *, at: datetime) -> int:
    """Counts the rows of up to PARCELS_AT_ONCE loaded parcels that were not counted yet, and notes what differs."""
    # A parcel is loaded once; only an erasure takes rows from it, and counts them. So it need be counted once, and the
    # cost does not grow with the store. An erasure that wants a parcel's row of the ledger waits until this has ended.
    wanted = (
        select(parcel.c.parcel_number, parcel.c.manifest, parcel.c.rows_erased)
        .where(parcel.c.collection == collection, parcel.c.state == LOADED, parcel.c.counted_at.is_(None))
        .order_by(parcel.c.parcel_number)
        .limit(PARCELS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    parcels = connection.execute(wanted).all()
    numbers = literal([row.parcel_number for row in parcels], ARRAY(BigInteger()))
    stored = {table: _stored(connection, table, numbers) for table in RECORDS} if parcels else {}
    kept_out = _kept_out(connection, numbers) if parcels else {}
    for row in parcels:
        number = row.parcel_number
        differing = {
            table: {"sent": sent, "stored": found, "kept_out": out, "erased": gone}
            for table, sent in _sent(row.manifest).items()
            for found, out in [(stored[table].get(number, 0), kept_out.get((number, table), 0))]
            for gone in [row.rows_erased.get(table, 0)]
            if sent != found + out + gone
        }
        values = {"counted_at": at, "rows_counted": {**differing, **_of_the_supplier(row.manifest)}}
        connection.execute(update(parcel).where(parcel.c.parcel_number == number).values(**values))
    return len(parcels)


def _sent(manifest: dict[str, Any]) -> dict[str, int]:
    """By table; a table the manifest does not name sent nothing, and should be found empty."""
    tables = manifest["counts"]["tables"]
    return {table: tables[table]["sent"] if table in tables else 0 for table in RECORDS}


def _stored(connection: Connection, table: str, numbers: Any) -> dict[int, int]:
    column = RECORDS[table].c.parcel_number
    counts = select(column, func.count()).where(column == any_(numbers)).group_by(column)
    return {row[0]: row[1] for row in connection.execute(counts)}


def _kept_out(connection: Connection, numbers: Any) -> dict[tuple[int, str], int]:
    """Rows in quarantine, each once: a row that broke two rules stands there twice."""
    row = quarantined_row.c
    counts = (
        select(row.parcel_number, row.table_name, func.count(row.record_token.distinct()))
        .where(row.parcel_number == any_(numbers))
        .group_by(row.parcel_number, row.table_name)
    )
    return {(found[0], found[1]): found[2] for found in connection.execute(counts)}


def _of_the_supplier(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the supplier says it sent beside what the source read, where both are known and differ."""
    said, counts = manifest.get("supplier_record_count"), manifest["counts"]
    read = sum(table["read"] for table in counts["tables"].values())
    read += sum(counts["reference_rows"].values()) + sum(counts["not_collected"].values())
    return {} if said is None or said == read else {SUPPLIER: {"said": said, "read": read}}
