"""The ledger: what became of every parcel. It, not Airflow, knows what is loaded."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Connection, Row, Text, Uuid, any_, func, insert, literal, select, text, update
from sqlalchemy.dialects import postgresql

from central_zone.errors import ParcelUnknown
from central_zone.store.tables import parcel, refusal
from crossing.canonical import BRIDGE
from crossing.manifest import Manifest

RECEIVED = "received"
VALIDATED = "validated"
APPROVED = "approved"
WAITING = "waiting"
LOADED = "loaded"
COMPARED = "compared"  # a recon extract: held against the store, and not loaded
REFUSED = "refused"
HELD = "held"
TAKEN_IN = (LOADED, COMPARED)  # all that was to be done with the parcel is done
_WITHOUT_MANIFEST = [column for column in parcel.c if column.name != "manifest" and column.computed is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One parcel as the ledger has it."""

    parcel_number: int
    parcel_id: str
    collection: str
    practice_code: str
    sequence: int
    manifest_sha256: str
    state: str
    state_reason: str | None
    decided_by: str | None
    audit_hash: str | None
    extract_taken_at: datetime
    extract_kind: str
    settled_at: str | None
    rows_loaded: dict[str, int]
    rows_quarantined: dict[str, dict[str, int]]
    held_by: tuple[str, ...]  # ids of what holds it, or held it: rules, and see judge
    rows_erased: dict[str, int]  # of people who were erased: kept out when it was loaded, or taken out since


def lock_practice(connection: Connection, collection: str, practice_code: str) -> None:
    """One at a time for each collection and practice, until the caller's transaction ends, however it ends."""
    place = f"{collection}|{practice_code}"
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 0))"), {"place": place})


def find(connection: Connection, parcel_id: str) -> Entry | None:
    row = connection.execute(select(*_WITHOUT_MANIFEST).where(parcel.c.parcel_id == UUID(parcel_id))).first()
    return _entry(row) if row else None


def entry(connection: Connection, parcel_id: str) -> Entry:
    """What the ledger has of a parcel. Raises ParcelUnknown."""
    found = find(connection, parcel_id)
    if found is None:
        raise ParcelUnknown("The ledger has no such parcel. Receive it first: gp-central load FOLDER")
    return found


def manifest_of(connection: Connection, parcel_id: str) -> dict[str, Any]:
    """The signed manifest of a parcel in the ledger, as plain data."""
    statement = select(parcel.c.manifest).where(parcel.c.parcel_id == UUID(parcel_id))
    return dict(connection.execute(statement).scalar_one())


def has_loaded_before(connection: Connection, entry: Entry) -> bool:
    """Whether anything of this practice is in the store."""
    same = (parcel.c.collection == entry.collection, parcel.c.practice_code == entry.practice_code)
    return (
        connection.execute(
            select(parcel.c.sequence).where(*same, parcel.c.state == LOADED, parcel.c.extract_kind != BRIDGE).limit(1)
        ).first()
        is not None
    )


def has_loaded_later(connection: Connection, entry: Entry) -> bool:
    """Whether a parcel of this practice that was taken later is in the store already: this one is backfilled."""
    same = (parcel.c.collection == entry.collection, parcel.c.practice_code == entry.practice_code)
    later = (parcel.c.state == LOADED, parcel.c.parcel_number > entry.parcel_number)
    return connection.execute(select(parcel.c.sequence).where(*same, *later).limit(1)).first() is not None


def states(connection: Connection, parcel_ids: Iterable[str]) -> dict[str, Entry]:
    """What the ledger has of these parcels, by id. One it never heard of is not among them."""
    wanted = [UUID(parcel_id) for parcel_id in parcel_ids]
    rows = connection.execute(
        select(*_WITHOUT_MANIFEST).where(parcel.c.parcel_id == any_(literal(wanted, ARRAY(Uuid()))))
    )
    return {str(row.parcel_id): _entry(row) for row in rows}


def enter(connection: Connection, manifest: Manifest, *, state: str, reason: str | None = None) -> None:
    """Writes a parcel into the ledger. A parcel sealed again under its id takes the place of its first sealing.

    Its number grows with the time its extract was taken, and only then with its arrival. So today's version of a
    record is the one taken last, also where an older delivery was backfilled after it.
    """
    taken_at = datetime.fromisoformat(manifest.extract_taken_at)
    values = {
        "manifest_sha256": manifest.sha256(),
        "state": state,
        "state_reason": reason,
        "decided_at": func.now() if state == REFUSED else None,
        "decided_by": None,
        "manifest": asdict(manifest),
    }
    statement = postgresql.insert(parcel).values(
        parcel_id=UUID(manifest.parcel_id),
        collection=manifest.collection,
        practice_code=manifest.practice_code,
        sequence=manifest.sequence,
        extract_id=manifest.extract_id,
        parcel_number=func.ledger.number_by_time(taken_at, func.nextval("ledger.arrival")),
        extract_taken_at=taken_at,
        extract_kind=manifest.extract_kind,
        supplier_format=manifest.supplier_format,
        synthetic=manifest.synthetic,
        **values,
    )
    connection.execute(statement.on_conflict_do_update(index_elements=[parcel.c.parcel_id], set_=values))


def mark(connection: Connection, parcel_id: str, *, step: str | None = None, seconds: float = 0, **values: Any) -> None:
    """Changes what the ledger says of a parcel; `step` and `seconds` add how long a step took."""
    if step:
        values["seconds"] = parcel.c.seconds + func.jsonb_build_object(step, round(seconds, 3))
    connection.execute(update(parcel).where(parcel.c.parcel_id == UUID(parcel_id)).values(**values))


def mark_decided(connection: Connection, parcel_id: str, *, state: str, by: str, reason: str, audit_hash: str) -> None:
    """A steward's word on a held parcel."""
    decision: dict[str, Any] = {
        "decided_by": by,
        "decided_at": func.now(),
        "state_reason": reason,
        "audit_hash": audit_hash,
    }
    mark(connection, parcel_id, state=state, **decision)


def note_refusal(connection: Connection, *, folder_name: str, fingerprint: str | None, error: Exception) -> None:
    """Remembers that a folder was refused, and which content it had. Our own errors only: their text holds no value."""
    connection.execute(
        insert(refusal).values(
            folder_name=folder_name,
            folder_fingerprint=fingerprint,
            error=type(error).__name__,
            message=str(error),
        )
    )


def refused_fingerprints(connection: Connection, folder_names: Iterable[str]) -> set[tuple[str, str]]:
    """Folder names with the fingerprints under which they were refused."""
    rows = connection.execute(
        select(refusal.c.folder_name, refusal.c.folder_fingerprint).where(
            refusal.c.folder_name == any_(literal(list(folder_names), ARRAY(Text()))),
            refusal.c.folder_fingerprint.is_not(None),
        )
    )
    return {(row.folder_name, row.folder_fingerprint) for row in rows}


def entries(connection: Connection) -> list[dict[str, Any]]:
    """Everything the ledger has, in the order of arrival, without the manifests."""
    rows = connection.execute(select(*_WITHOUT_MANIFEST).order_by(parcel.c.received_at, parcel.c.parcel_number))
    return [dict(row._mapping) for row in rows]


def _entry(row: Row[Any]) -> Entry:
    settled_at = row.loaded_at or row.decided_at
    return Entry(
        parcel_number=row.parcel_number,
        parcel_id=str(row.parcel_id),
        collection=row.collection,
        practice_code=row.practice_code,
        sequence=row.sequence,
        manifest_sha256=row.manifest_sha256,
        state=row.state,
        state_reason=row.state_reason,
        decided_by=row.decided_by,
        audit_hash=row.audit_hash,
        extract_taken_at=row.extract_taken_at,
        extract_kind=row.extract_kind,
        settled_at=settled_at.astimezone(UTC).isoformat(timespec="microseconds") if settled_at else None,
        rows_loaded=row.rows_loaded,
        rows_quarantined=row.rows_quarantined,
        held_by=tuple(row.validation.get("held_by", ())),
        rows_erased=row.rows_erased,
    )
