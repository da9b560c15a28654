"""What is said of a release: the manifest of each parcel before it has parts, and the outcome of the practice."""

from collections import Counter
from typing import Any

import pyarrow as pa

from crossing.manifest import Manifest
from crossing.manifest_fields import DELTA
from source_zone.draft_extract import Drafted
from source_zone.memory import Memory
from source_zone.release import Release
from source_zone.roster import held_by_reason
from source_zone.spool import Spool
from source_zone.unsealed_manifest import Statement, unsealed_manifest


def manifest_without_parts(
    release: Release, run_spool: Spool, memory: Memory, made: Drafted, sequence: int, identity: str
) -> Manifest:
    note = run_spool.read_note(f"read-{made.extract_id}")
    said = Statement(
        parcel_id=identity,
        extract_kind=note.get("kind", DELTA),
        extract_id=made.extract_id,
        taken_at=note["taken_at"],
        sequence=sequence,
        previous_manifest_sha256=memory.previous_manifest_sha256,
        counts=made.counts,
        supplier_record_count=note.get("supplier_record_count"),
    )
    return unsealed_manifest(release, said)


def outcome(manifests: list[Manifest], made: list[Drafted], roster: pa.Table, seconds: float) -> dict[str, Any]:
    held, retired = Counter[str](), Counter[str]()
    quarantined = Counter[str]()
    for table in (counts for each in made for counts in each.counts.tables.values()):
        held += table.held_back
        quarantined += table.quarantined
    for each in made:
        retired += each.counts.retired_objections
    tables = [counts for each in made for counts in each.counts.tables.values()]
    return {
        "state": "released",
        "parcels": [each.parcel_id for each in manifests],
        "sent_by_parcel": {each.parcel_id: sum(part.rows for part in each.parts) for each in manifests},
        "extracts": [each.extract_id for each in made],
        "sequence": manifests[-1].sequence,
        "read": sum(each.read for each in tables),
        "sent": sum(each.sent for each in tables),
        "held_back": dict(sorted(held.items())),
        "quarantined": dict(sorted(quarantined.items())),
        "retired_objections": dict(sorted(retired.items())),
        "patients_may_leave": made[-1].counts.patients_may_leave,
        "patients_held_back": held_by_reason(roster),
        "seconds": round(seconds, 2),
    }
