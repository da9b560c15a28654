"""The manifest of a parcel before it has parts: what every kind of parcel says alike, and what each says itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from crossing.accounting import Counts
from crossing.canonical import schema_sha256
from crossing.manifest import HPKE_SUITE, MANIFEST_VERSION, Manifest
from source_zone import SOFTWARE
from source_zone.keys import RECIPIENT_KEY
from source_zone.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a parcel says that another does not."""

    parcel_id: str
    extract_kind: str  # crossing.manifest_fields.KINDS
    extract_id: str
    taken_at: str  # ISO instant
    sequence: int
    previous_manifest_sha256: str | None
    counts: Counts
    not_after: datetime | None = None  # as long as the collection's parcels are valid, where nothing else is said
    supplier_record_count: int | None = None
    bridges_from: str | None = None
    erasures_before: int | None = None


def everything_sent(table: str, rows: int) -> Counts:
    """The counts of a parcel that is no part of what was read: all of it is sent."""
    counts = Counts()
    counts.of(table).read = counts.of(table).sent = rows
    return counts


def unsealed_manifest(release: Release, said: Statement) -> Manifest:
    """Under the keys, policy and software of this run."""
    now = release.clock().replace(microsecond=0)
    not_after = said.not_after or now + timedelta(days=release.rules.collection.parcel_valid_days)
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        parcel_id=said.parcel_id,
        collection=release.rules.collection.id,
        practice_code=release.practice.practice_code,
        supplier_format=release.practice.format,
        synthetic=release.practice.synthetic,
        sequence=said.sequence,
        previous_manifest_sha256=said.previous_manifest_sha256,
        extract_id=said.extract_id,
        extract_taken_at=said.taken_at,
        extract_kind=said.extract_kind,
        supplier_record_count=said.supplier_record_count,
        created_at=now.isoformat(),
        not_after=not_after.isoformat(),
        schema_sha256=schema_sha256(),
        policy_sha256=dict(sorted(release.policy.sha256.items())),
        token_key=release.keys.token_key_name,
        bridges_from=said.bridges_from,
        erasures_before=said.erasures_before,
        recipient_key=RECIPIENT_KEY,
        signing_key=release.keys.signing_key_name,
        hpke_suite=HPKE_SUITE,
        software=SOFTWARE,
        parts=(),
        counts=said.counts.as_dict(),
    )
