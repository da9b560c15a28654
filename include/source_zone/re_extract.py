"""The whole record of people who may leave again: every delivery that was taken is read once more, for them alone.

Something of theirs was held back or erased, and increments cannot bring it back. Where deliveries no longer lie there,
only the supplier can: a full extract of the practice, which is taken as any delivery is and ends the wait.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crossing.canonical import TABLES, has_patient
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest
from crossing.manifest_fields import RE_EXTRACT
from crossing.parcel import parcel_id
from source_zone import identified, spool
from source_zone.account import manifest_without_parts
from source_zone.bridge import name_persons, persons
from source_zone.canonical_forms import spelling, spelt_once
from source_zone.draft_extract import Drafted, draft_extract
from source_zone.identified import Extract, IdentifiedBatch, ReadTally
from source_zone.ids_sent import registrations_and_persons, written_down
from source_zone.leave import check_place_is_free, leave
from source_zone.memory import Memory
from source_zone.minimise import Withheld
from source_zone.people_sent import held, sent, with_people
from source_zone.pull import table_in_spool
from source_zone.release import Release
from source_zone.roster import people
from source_zone.seal import seal
from source_zone.spool import Spool

_SPOOLS = ".re_extract"  # apart from the nightly run's, which may be under way between two of its steps
_SPELT_ONCE = spelling("registration_id")


def re_extract(release: Release, memory: Memory, roster: pa.Table, wanted: frozenset[str]) -> tuple[Memory, int]:
    """The memory, moved on if a parcel left, and how many people it holds; 0 where they have to wait.

    The caller holds the practice's lock. Raises as reading a delivery does, and MemoryIsOld.
    """
    root = release.settings.spool / _SPOOLS / release.rules.collection.id
    spool.shred_all(root, release.practice.practice_code)  # of a run killed after its parcel left
    extracts = _every_one_taken(release, memory) if wanted and _may_be_gone_by(release, memory) else []
    if not extracts:
        return memory, 0
    run_spool = spool.open_new(root, release.practice.practice_code, release.run_id)
    try:
        return _read_and_leave(release, memory, run_spool, _only(roster, wanted), extracts), len(wanted)
    finally:
        spool.shred(run_spool.folder)


def _may_be_gone_by(release: Release, memory: Memory) -> bool:
    """Whether the practice takes part today, and its opt-outs are not too old to let anybody go by them, as on any night."""
    now, known = release.clock(), memory.taken_until_instant()
    longest = timedelta(days=release.rules.collection.opt_out_source.stale_after_days)
    return release.practice.takes_part_on(now.date()) and known is not None and now - known <= longest


def _every_one_taken(release: Release, memory: Memory) -> list[Extract]:
    """All deliveries ever taken, in order, if they still lie there as they were; otherwise none.

    None either while another lies there: it may say no again, and a night's run takes it first.
    """
    if not release.has_deliveries():
        return []
    found = release.adapter(Memory()).find_extracts(release.folder)
    all_taken = {each.extract_id: each.fingerprint() for each in found} == memory.taken_extracts
    return sorted(found, key=lambda each: each.taken_at) if all_taken else []


def _read_and_leave(
    release: Release, memory: Memory, run_spool: Spool, roster: pa.Table, extracts: list[Extract]
) -> Memory:
    memory = name_persons(release, memory, partial(_persons, memory, roster))
    sequence = memory.sequence + 1
    extract_id = f"re-extract-{sequence}"
    place = release.rules.collection.id, release.practice.practice_code, sequence, extract_id
    check_place_is_free(release, sequence, parcel_id(*place))
    _fill(release, memory, run_spool, extract_id, extracts, roster)
    faultpoint("re_extract.spooled")
    withheld = Withheld(set(_withheld(memory)))
    drafted = draft_extract(release, run_spool, extract_id, roster, withheld)
    manifest = seal(
        _manifest(release, run_spool, memory, drafted), drafted.drafts, release.keys, release.settings.outbox
    )
    faultpoint("re_extract.sealed")
    back = frozenset(spelt_once(each) for each in roster.column("registration_id").to_pylist())
    moved_on = replace(
        memory, sequence=sequence, previous_manifest_sha256=manifest.sha256(), parcel_id=manifest.parcel_id
    )
    moved_on = with_people(moved_on, sent=sent(memory) | back, held=held(memory) - back)
    moved_on = written_down(release.ids_book(), moved_on, drafted.ids)
    return leave(release, moved_on, sequence)


def _manifest(release: Release, run_spool: Spool, memory: Memory, drafted: Drafted) -> Manifest:
    sequence = memory.sequence + 1
    identity = parcel_id(release.rules.collection.id, release.practice.practice_code, sequence, drafted.extract_id)
    return manifest_without_parts(release, run_spool, memory, drafted, sequence, identity)


def _fill(
    release: Release, memory: Memory, run_spool: Spool, extract_id: str, extracts: list[Extract], roster: pa.Table
) -> None:
    """One extract made of all of them, line after line: of a record that comes again the last line leaves."""
    wanted = [spelt_once(each) for each in roster.column("registration_id").to_pylist()]
    rows = dict.fromkeys(TABLES, 0)
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {
            table: stack.enter_context(run_spool.writer(table_in_spool(extract_id, table), identified.schema(table)))
            for table in TABLES
        }
        for batch in _theirs(release, extracts, wanted):
            writers[batch.table].write_batch(batch.rows)
            rows[batch.table] += batch.rows.num_rows
    run_spool.write_table("patients", people(memory.tables["patients"]))
    counted_before: dict[str, Any] = {name: {} for name in ("reference_rows", "not_collected", "retired_objections")}
    note = {"taken_at": memory.taken_until, "kind": RE_EXTRACT, **counted_before, "rows": rows}
    run_spool.write_note(f"read-{extract_id}", note)


def _theirs(release: Release, extracts: list[Extract], wanted: list[str]) -> Iterator[IdentifiedBatch]:
    """Read as by a practice that is collected for the first time. What is about no patient is in the store already."""
    adapter, tally = release.adapter(Memory()), ReadTally()
    for extract in extracts:
        release.progress(f"re-extract: {extract.extract_id}")
        for batch in adapter.read(extract, tally):
            if has_patient(batch.table):
                rows = pl.DataFrame(pl.from_arrow(batch.rows)).filter(_SPELT_ONCE.is_in(wanted))
                schema = identified.schema(batch.table)
                yield from (IdentifiedBatch(batch.table, each) for each in rows.to_arrow().cast(schema).to_batches())


def _only(roster: pa.Table, wanted: frozenset[str]) -> pa.Table:
    frame = pl.DataFrame(pl.from_arrow(roster)).filter(_SPELT_ONCE.is_in(list(wanted)))
    return frame.to_arrow().cast(roster.schema)


def _persons(memory: Memory, roster: pa.Table) -> pl.Series:
    """The NHS numbers ever stated of those on the roster."""
    wanted = [spelt_once(each) for each in roster.column("registration_id").to_pylist()]
    stated = pl.DataFrame(pl.from_arrow(memory.tables["patients"])).filter(_SPELT_ONCE.is_in(wanted))
    return persons(registrations_and_persons(stated.to_arrow()))


def _withheld(memory: Memory) -> list[str]:
    return list(memory.tables["withheld"].column(0).to_pylist()) if "withheld" in memory.tables else []
