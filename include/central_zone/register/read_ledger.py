"""What actually ran, as the ledger and the audit chain say. Nothing of any record is read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, select

from central_zone.store.connection import transaction
from central_zone.store.tables import audit_entry, parcel, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelRun:
    """One parcel in the ledger."""

    collection: str
    practice_code: str
    sequence: int
    state: str
    supplier_format: str
    synthetic: bool
    extract_kind: str
    extract_taken_at: datetime
    received_at: datetime
    loaded_at: datetime | None
    rows_loaded: dict[str, int]  # table -> rows
    rows_quarantined: dict[str, dict[str, int]]  # table -> rule id -> rows
    manifest: dict[str, Any]  # crossing.manifest.Manifest as plain data


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The last entry of the audit chain. Printed in public, so that the chain cannot be rewritten unseen."""

    seq: int
    at: datetime
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What ran, at one instant."""

    parcels: tuple[ParcelRun, ...]
    audit_head: AuditHead | None
    parcels_refused_unread: int  # folders that could not be shown to be parcels of ours


def read_ledger(store: Engine) -> Ledger:
    """All three in one snapshot. Raises StoreDown or StoreRefused."""
    one_snapshot = store.execution_options(isolation_level="REPEATABLE READ")
    columns = [parcel.c[name] for name in ParcelRun.__dataclass_fields__]
    head = select(audit_entry.c.seq, audit_entry.c.at, audit_entry.c.hash).order_by(audit_entry.c.seq.desc()).limit(1)
    with transaction(one_snapshot, "Reading the ledger for the register") as connection:
        parcels = connection.execute(select(*columns).order_by(parcel.c.parcel_number)).mappings().all()
        last = connection.execute(head).mappings().first()
        refused = connection.execute(select(func.count()).select_from(refusal)).scalar_one()
    return Ledger(
        parcels=tuple(ParcelRun(**row) for row in parcels),
        audit_head=AuditHead(**last) if last else None,
        parcels_refused_unread=refused,
    )
