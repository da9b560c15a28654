"""What actually ran, as the ledger and the audit chain say. Nothing of any record is read."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Column, Engine, Table, Text, func, literal, select

from central_zone.store.connection import transaction
from central_zone.store.custody_tables import case, case_file, refused_case
from central_zone.store.release_tables import disclosure
from central_zone.store.tables import audit_entry, notice, parcel, refusal
from crossing.canonical import ERASURE


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
    rows_released: dict[str, int]  # table -> rows that a steward let in since, of those kept out
    rows_discarded: dict[str, int]  # table -> rows that a steward decided stay out
    manifest: dict[str, Any]  # crossing.manifest.Manifest as plain data


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The last entry of the audit chain. Printed in public, so that the chain cannot be rewritten unseen."""

    seq: int
    at: datetime
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """The entry with which a store that was restored from a backup went on: central_zone.restored.resume."""

    seq: int
    at: datetime
    actor: str
    event: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One release, with exact counts of people: they are never printed as they are."""

    disclosure_id: int
    use_id: str
    collection: str
    released_at: datetime
    decision: str
    reason: str | None
    evidence: dict[str, str] | None
    oldest_check: datetime | None
    practices: int
    practices_without_check: list[str]
    excluded_opted_out: int
    excluded_no_valid_number: int
    excluded_no_current_check: int
    persons_released: int
    rows_released: dict[str, int]
    project_key: str
    audit_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One practice's notice that people are to be forgotten, after it was carried out."""

    collection: str
    practice_code: str
    applied_at: datetime
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOut:
    """One case of re-identification, with exact counts of people: they are never printed as they are."""

    purpose: str
    people: int
    carried_out_at: datetime
    practice_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedCase:
    """One time that a case was refused, and why: one of crossing.case_request.REFUSALS."""

    reason: str
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What ran, at one instant."""

    parcels: tuple[ParcelRun, ...]
    audit_head: AuditHead | None
    parcels_refused_unread: int  # folders that could not be shown to be parcels of ours
    disclosures: tuple[Disclosure, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    cases: tuple[CarriedOut, ...] = ()
    refused_cases: tuple[RefusedCase, ...] = ()
    restores: tuple[Restore, ...] = ()


_PRACTICES_ASKED = (
    select(func.array_agg(case_file.c.practice_code)).where(case_file.c.case_id == case.c.case_id).scalar_subquery()
)
_CASES = select(
    case.c.purpose,
    case.c.people,
    case.c.carried_out_at,
    func.coalesce(_PRACTICES_ASKED, literal([], ARRAY(Text()))).label("practice_codes"),
)
_RESTORES = (
    select(audit_entry.c.seq, audit_entry.c.at, audit_entry.c.actor, audit_entry.c.event)
    .where(audit_entry.c.event.has_key("restored_from"))
    .order_by(audit_entry.c.seq)
)


def read_ledger(store: Engine) -> Ledger:
    """All of it in one snapshot. Raises StoreDown or StoreRefused."""
    one_snapshot = store.execution_options(isolation_level="REPEATABLE READ")
    columns = _columns(parcel, ParcelRun)
    head = select(audit_entry.c.seq, audit_entry.c.at, audit_entry.c.hash).order_by(audit_entry.c.seq.desc()).limit(1)
    with transaction(one_snapshot, "Reading the ledger for the register") as connection:
        parcels = connection.execute(select(*columns).order_by(parcel.c.parcel_number)).mappings().all()
        last = connection.execute(head).mappings().first()
        refused = connection.execute(select(func.count()).select_from(refusal)).scalar_one()
        released = connection.execute(select(*_columns(disclosure, Disclosure))).mappings().all()
        done = (notice.c.kind == ERASURE, notice.c.applied_at.is_not(None))
        erased = connection.execute(select(*_columns(notice, Erasure)).where(*done)).mappings().all()
        cases = connection.execute(_CASES).mappings().all()
        restores = connection.execute(_RESTORES).mappings().all()
        refused_cases = connection.execute(select(*_columns(refused_case, RefusedCase))).mappings().all()
    return Ledger(
        parcels=tuple(ParcelRun(**row) for row in parcels),
        audit_head=AuditHead(**last) if last else None,
        parcels_refused_unread=refused,
        disclosures=tuple(Disclosure(**row) for row in released),
        erasures=tuple(Erasure(**row) for row in erased),
        cases=tuple(CarriedOut(**{**row, "practice_codes": tuple(row["practice_codes"])}) for row in cases),
        refused_cases=tuple(RefusedCase(**row) for row in refused_cases),
        restores=tuple(Restore(**row) for row in restores),
    )


def _columns(of: Table, type_: type) -> list[Column[Any]]:
    return [of.c[item.name] for item in fields(type_)]
