"""A notice: a parcel that says of people, as tokens alone, what is to become of their records.

Sealed, signed and carried as every parcel is; each kind has a sequence of its own at each practice.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from crossing.canonical import schema
from crossing.manifest import Manifest
from crossing.parcel import parcel_id, publish
from source_zone.release import Release
from source_zone.seal import draft_of, seal, to_parquet
from source_zone.unsealed_manifest import Statement, everything_sent, unsealed_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be said, and at which place of its kind's sequence. `rows` as in crossing.canonical.NOTICES."""

    kind: str
    sequence: int
    rows: pa.Table = field(repr=False)
    taken_at: datetime  # as known when
    not_after: datetime  # the last moment it may still be taken, and for an allow list be relied on
    previous_manifest_sha256: str | None = None


@dataclass(slots=True)
class _OnePart:
    """The only part of a notice."""

    table: str
    rows: pa.Table = field(repr=False)
    parts: list[tuple[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = [(self.table, self.rows.num_rows)]

    def plaintexts(self) -> Iterator[tuple[str, int, bytes]]:
        yield self.table, self.rows.num_rows, to_parquet(self.table, self.rows)


def notice_id(release: Release, notice: Notice) -> str:
    """The parcel id of this notice at this place, whenever it is made. Other people, another id."""
    whose = release.rules.collection.id, release.practice.practice_code
    return parcel_id(*whose, notice.sequence, _extract_id(notice))


def draft_notice(release: Release, notice: Notice) -> Manifest:
    """Seals it as a draft in the outbox; nothing has left. Rows of other columns than the notice's raise."""
    rows = notice.rows.cast(schema(notice.kind))
    return seal(_manifest(release, notice), _OnePart(notice.kind, rows), release.keys, release.settings.outbox)


def publish_notice(release: Release, parcel: str) -> None:
    """The draft leaves, by one rename. One that has left already is left alone."""
    draft = draft_of(release.settings.outbox, parcel)
    if draft is not None:
        publish(draft, release.settings.outbox / parcel)


def _extract_id(notice: Notice) -> str:
    digest = hashlib.sha256(repr(notice.rows.to_pylist()).encode()).hexdigest()
    return f"{notice.kind}-{notice.sequence}-{digest[:12]}"


def _manifest(release: Release, notice: Notice) -> Manifest:
    said = Statement(
        parcel_id=notice_id(release, notice),
        extract_kind=notice.kind,
        extract_id=_extract_id(notice),
        taken_at=notice.taken_at.isoformat(),
        sequence=notice.sequence,
        previous_manifest_sha256=notice.previous_manifest_sha256,
        counts=everything_sent(notice.kind, notice.rows.num_rows),
        not_after=notice.not_after,
    )
    return unsealed_manifest(release, said)
