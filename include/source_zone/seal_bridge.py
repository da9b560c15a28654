"""A bridge as a parcel: pairs of tokens under two keys, sealed and signed as every parcel is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa

from crossing.canonical import BRIDGE, PERSON, schema
from crossing.manifest import Manifest, read_manifest
from crossing.parcel import parcel_id, read_manifest_bytes
from source_zone.keys import SourceKeys
from source_zone.leave import check_place_is_free
from source_zone.memory import Memory
from source_zone.pseudonymise import local_tokens, tokens_of_numbers
from source_zone.release import Release
from source_zone.seal import ROWS_PER_PART, seal, to_parquet
from source_zone.unsealed_manifest import Statement, everything_sent, unsealed_manifest

# No command makes one again, and it may wait long for a parcel before it that a steward holds, or that never came. A year is
# the longest that the centre takes.
_VALID_FOR = timedelta(days=365)


@dataclass(slots=True)
class _Pairs:
    """The parts of a bridge."""

    rows: pa.Table = field(repr=False)
    parts: list[tuple[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = [(BRIDGE, each.num_rows) for each in self._pieces()]

    def _pieces(self) -> Iterator[pa.Table]:
        for start in range(0, self.rows.num_rows, ROWS_PER_PART):
            yield self.rows.slice(start, ROWS_PER_PART)

    def plaintexts(self) -> Iterator[tuple[str, int, bytes]]:
        for piece in self._pieces():
            yield BRIDGE, piece.num_rows, to_parquet(BRIDGE, piece)


def seal_bridge(release: Release, memory: Memory, old: SourceKeys, known: pl.DataFrame) -> Manifest:
    """Seals the pairs of these ids as the practice's next parcel: from the old keys to the release's. A draft: nothing left.

    One that is out already is left as it is: a memory restored from backup finds what left since. Raises MemoryIsOld.
    """
    sequence = memory.sequence + 1
    extract_id = f"bridge-{sequence}-v{old.token_key_version}-v{release.keys.token_key_version}"
    identity = parcel_id(release.rules.collection.id, release.practice.practice_code, sequence, extract_id)
    check_place_is_free(release, sequence, identity)
    out_already = release.settings.outbox / identity
    if out_already.exists():
        return read_manifest(read_manifest_bytes(out_already)[0])
    pairs = pairs_of(known, release.practice.practice_code, old, release.keys)
    draft = _manifest(release, memory, old, (extract_id, identity), pairs.num_rows)
    return seal(draft, _Pairs(pairs), release.keys, release.settings.outbox)


def pairs_of(known: pl.DataFrame, practice_code: str, old: SourceKeys, new: SourceKeys) -> pa.Table:
    """The rows of a bridge, in the order of the new tokens, which tells nothing of what they were made of."""
    of_persons = pl.col("stands_for") == PERSON
    local, numbers = known.filter(~of_persons), known.filter(of_persons)
    made = [
        pa.table(
            {
                "old_token": local_tokens(local["id"], practice_code, old),
                "new_token": local_tokens(local["id"], practice_code, new),
                "stands_for": local["stands_for"].cast(pl.String).to_arrow().cast(pa.string()),
            },
            schema=schema(BRIDGE),
        ),
        pa.table(
            {
                "old_token": tokens_of_numbers(numbers["id"], old),
                "new_token": tokens_of_numbers(numbers["id"], new),
                "stands_for": numbers["stands_for"].cast(pl.String).to_arrow().cast(pa.string()),
            },
            schema=schema(BRIDGE),
        ),
    ]
    together = pa.concat_tables(made)
    order = pl.Series(together["new_token"].cast(pa.binary())).arg_sort()
    return together.take(order.to_arrow())


def _manifest(release: Release, memory: Memory, old: SourceKeys, named: tuple[str, str], rows: int) -> Manifest:
    extract_id, identity = named
    now = datetime.now(UTC).replace(microsecond=0)
    said = Statement(
        parcel_id=identity,
        extract_kind=BRIDGE,
        extract_id=extract_id,
        taken_at=memory.taken_until or now.isoformat(),
        sequence=memory.sequence + 1,
        previous_manifest_sha256=memory.previous_manifest_sha256,
        counts=everything_sent(BRIDGE, rows),
        not_after=now + _VALID_FOR,
        bridges_from=old.token_key_name,
        erasures_before=memory.erasures,
    )
    return unsealed_manifest(release, said)
