"""A notice as the central zone has it: verified, opened, its tokens the store's own; and its line in the ledger."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import ARRAY, Connection, Uuid, any_, func, literal, select, update
from sqlalchemy.dialects import postgresql

from central_zone import keys, receive
from central_zone.errors import ParcelRefused
from central_zone.rotation.open_pairs import with_present_people
from central_zone.store.connection import transaction
from central_zone.store.tables import notice
from central_zone.tokens import with_store_tokens
from central_zone.zone import Zone
from crossing.canonical import schema
from crossing.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Notice:
    """Its signed manifest, and the people it is about. The repr shows no token."""

    manifest: Manifest
    people: pa.Table = field(repr=False)  # columns as in crossing.canonical.NOTICES, tokens T2

    @property
    def whose(self) -> str:
        """For messages: practice, kind and place."""
        return f"{self.manifest.practice_code}, {self.manifest.extract_kind} {self.manifest.sequence}"


def signed(zone: Zone, parcel_id: str) -> Manifest:
    """The manifest, if a known signer signed it. Raises ParcelRefused, ParcelUnreadable, ManifestRefused."""
    return receive.read_signed_manifest(zone.folder(parcel_id), zone.settings.keys_folder, now=zone.now())


def check_may_be_taken(zone: Zone, manifest: Manifest) -> None:
    """Whether it is a notice that we may take today. Raises ParcelRefused."""
    if not manifest.is_notice or manifest.collection not in zone.policy.collections():
        raise ParcelRefused("The parcel is no notice, or of a collection that policy does not know.")
    receive.check_manifest(manifest, collection=zone.policy.collection(manifest.collection), now=zone.now())


def opened(zone: Zone, manifest: Manifest) -> Notice:
    """Raises ParcelRefused or ParcelUnreadable where it does not open, or is not what was signed for."""
    key, subkey = keys.recipient_key(zone.settings.keys_folder), keys.store_subkey(zone.settings.keys_folder)
    rows = receive.opened_rows(zone.folder(manifest.parcel_id), manifest, key)  # of a notice nothing is ever stripped
    tables = [with_store_tokens(table, some, subkey) for table, some in rows]
    people = pa.concat_tables([schema(manifest.extract_kind).empty_table(), *tables])
    with transaction(zone.store, "look for tokens of an older key") as connection:
        return Notice(manifest, with_present_people(connection, manifest, people))


def enter(connection: Connection, manifest: Manifest) -> bool:
    """Writes it into the ledger once; answers whether it has been applied already. The caller holds the practice's lock.

    Raises ParcelRefused where its place is another's, or it is not what the ledger has under its id.
    """
    values = {name: getattr(manifest, name) for name in ("collection", "practice_code", "sequence")}
    statement = postgresql.insert(notice).values(
        parcel_id=UUID(manifest.parcel_id),
        kind=manifest.extract_kind,
        manifest_sha256=manifest.sha256(),
        taken_at=datetime.fromisoformat(manifest.extract_taken_at),
        not_after=datetime.fromisoformat(manifest.not_after),
        people=sum(part.rows for part in manifest.parts),
        manifest=asdict(manifest),
        **values,
    )
    connection.execute(statement.on_conflict_do_nothing())
    found = connection.execute(
        select(notice.c.manifest_sha256, notice.c.applied_at).where(notice.c.parcel_id == UUID(manifest.parcel_id))
    ).first()
    if found is None or found.manifest_sha256 != manifest.sha256():
        raise ParcelRefused(
            f"{manifest.practice_code}: another {manifest.extract_kind} holds place {manifest.sequence}. The source lost count."
        )
    return found.applied_at is not None


def mark_applied(connection: Connection, manifest: Manifest, *, outcome: dict[str, Any], audit_hash: str) -> None:
    """In the transaction that completes it: counts only."""
    connection.execute(
        update(notice)
        .where(notice.c.parcel_id == UUID(manifest.parcel_id))
        .values(applied_at=func.now(), outcome=outcome, audit_hash=audit_hash)
    )


def applied(connection: Connection, parcel_ids: Iterable[str]) -> set[str]:
    """Which of these have been applied."""
    wanted = literal([UUID(parcel_id) for parcel_id in parcel_ids], ARRAY(Uuid()))
    rows = connection.scalars(
        select(notice.c.parcel_id).where(notice.c.parcel_id == any_(wanted), notice.c.applied_at.is_not(None))
    )
    return {str(parcel_id) for parcel_id in rows}


def every(connection: Connection) -> list[dict[str, Any]]:
    """All there is in the ledger, in order of arrival, without the manifests."""
    columns = [column for column in notice.c if column.name != "manifest"]
    rows = connection.execute(select(*columns).order_by(notice.c.received_at, notice.c.parcel_id))
    return [dict(row._mapping) for row in rows]
