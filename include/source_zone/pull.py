"""Pull: everything a practice's supplier has delivered and we have not taken, into this run's encrypted spool.

Suppliers' files are parsed here, once. Columns that policy drops are never read, so they are not even in the spool.
Patients and objections are also laid aside, so that deciding who may leave need not read the rest again.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossing.canonical import TABLES
from crossing.errors import PersonMustAct, TryAgain
from crossing.faultpoint import faultpoint
from source_zone import identified
from source_zone.background import Background
from source_zone.consent_codes import ConsentCodes
from source_zone.identified import Adapter, Extract, ReadTally
from source_zone.memory import Memory
from source_zone.objections import CONSENTS, Objections
from source_zone.spool import Spool
from source_zone.versions import stated
from source_zone.windows import Window

Progress = Callable[[str], None]


class NothingToTake(TryAgain):
    """The supplier has delivered nothing that has not been taken already."""


class DeliveryOutOfTurn(PersonMustAct):
    """A delivery changed after it was taken, or is older than one already taken: only a backfill takes that one."""


def waiting_extracts(adapter: Adapter, folder: Path, memory: Memory, window: Window | None = None) -> list[Extract]:
    """Deliveries not taken yet, oldest first. Raises DeliveryOutOfTurn.

    Of a window, those that are older than one already taken come first and alone: they are taken in another way.
    """
    found = adapter.find_extracts(folder)
    for each in found:
        taken = memory.taken_extracts.get(each.extract_id)
        if taken is not None and taken != each.fingerprint():
            raise DeliveryOutOfTurn(
                f"Extract {each.extract_id} was taken already, and its files have changed since. "
                "Ask the supplier to deliver corrections under a new time stamp, and to put the old files back."
            )
    waiting = [each for each in found if each.extract_id not in memory.taken_extracts]
    if window:
        waiting = [each for each in waiting if window.holds(each.taken_at)]
        return late_ones(waiting, memory) or waiting
    if late := late_ones(waiting, memory):
        raise DeliveryOutOfTurn(
            f"Extract {late[0].extract_id} is older than one already taken ({len(late)} such). A night's run does not take "
            f"it. Take it with: gp-source backfill --collection ... --practice ... --from {late[0].taken_at.date()} "
            f"--until {late[-1].taken_at.date()}, or move it away."
        )
    return waiting


def late_ones(extracts: list[Extract], memory: Memory) -> list[Extract]:
    """Those older than one already taken."""
    taken_until = memory.taken_until_instant()
    return [each for each in extracts if taken_until and each.taken_at < taken_until]


def pull(
    adapter: Adapter,
    extracts: list[Extract],
    spool: Spool,
    memory: Memory,
    consent_codes: ConsentCodes,
    progress: Progress,
) -> dict[str, int]:
    """Fills the spool. Returns rows pulled by table. Raises PersonMustAct for a file that cannot be trusted whole."""
    tally = ReadTally()
    counts: dict[str, int] = {}
    objections = Objections(consent_codes, memory.tables.get("consents", CONSENTS.empty_table()))
    consents = [stated(CONSENTS.empty_table(), datetime.now(UTC))]
    for extract in extracts:
        before = (tally.reference_rows.copy(), tally.not_collected.copy(), objections.retired.copy())
        found_before = objections.found().num_rows
        spoken_before, unreadable_before = objections.read, objections.unreadable
        rows, deleted = _spool_extract(adapter, extract, tally, spool, objections, progress)
        for table, count in rows.items():
            counts[table] = counts.get(table, 0) + count
        beside = {
            "reference_rows": dict(tally.reference_rows - before[0]),
            "not_collected": dict(tally.not_collected - before[1]),
            "retired_objections": dict(objections.retired - before[2]),
            "consents": objections.read - spoken_before,
            "consents_unreadable": objections.unreadable - unreadable_before,
        }
        spool.write_note(f"read-{extract.extract_id}", {**_about(extract), **beside, "rows": rows, "deleted": deleted})
        faultpoint("pull.extract_spooled")
        consents.append(stated(objections.found().slice(found_before), extract.taken_at))
    spool.write_table("consents", pa.concat_tables(consents))
    for name, table in tally.remembered.items():
        spool.write_table(f"remembered-{name}", table)
    spool.write_note("extracts", _about_all(extracts, memory, tally))
    faultpoint("pull.all_spooled")
    return counts


def _about_all(extracts: list[Extract], memory: Memory, tally: ReadTally) -> dict[str, Any]:
    return {
        "ids": [each.extract_id for each in extracts],
        "late": bool(late_ones(extracts, memory)),
        "remembered": sorted(tally.remembered),
        "told_apart_by": {name: list(key) for name, key in tally.told_apart_by.items()},
    }


def _about(extract: Extract) -> dict[str, Any]:
    return {
        "taken_at": extract.taken_at.isoformat(),
        "fingerprint": extract.fingerprint(),
        "kind": extract.kind,
        "supplier_record_count": extract.supplier_record_count,
    }


def table_in_spool(extract_id: str, table: str) -> str:
    return f"{extract_id}-{table}"


def _spool_extract(
    adapter: Adapter, extract: Extract, tally: ReadTally, spool: Spool, objections: Objections, progress: Progress
) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by table, and how many of them are deletions.

    Every table gets a file, also an empty one: a table that is not there later is a fault, not an empty night.
    """
    counts, deleted = dict.fromkeys(TABLES, 0), dict.fromkeys(TABLES, 0)
    writers = {
        table: spool.writer(table_in_spool(extract.extract_id, table), identified.schema(table)) for table in TABLES
    }
    try:
        with Background() as background:
            for batch in adapter.read(extract, tally):
                background.do(writers[batch.table].write_batch, batch.rows)
                objections.look_at(batch.table, batch.rows)
                counts[batch.table] += batch.rows.num_rows
                deleted[batch.table] += pc.sum(batch.rows.column("is_deleted")).as_py() or 0
                progress(f"pull {extract.extract_id}: {sum(counts.values()):,} rows")
    finally:
        _close(writers)
    return counts, deleted


def _close(writers: dict[str, pq.ParquetWriter]) -> None:
    for writer in writers.values():
        writer.close()
