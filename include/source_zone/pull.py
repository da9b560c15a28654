"""Pull: everything a practice's supplier has delivered and we have not taken, into this run's encrypted spool.

Suppliers' files are parsed here, once. Columns that policy drops are never read, so they are not even in the spool.
Patients and objections are also laid aside, so that deciding who may leave need not read the rest again.
"""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from crossing.canonical import TABLES
from crossing.errors import PersonMustAct, TryAgain
from source_zone import identified
from source_zone.background import Background
from source_zone.identified import Adapter, Extract, ReadTally
from source_zone.memory import Memory
from source_zone.objections import CONSENTS, Objections
from source_zone.spool import Spool

Progress = Callable[[str], None]


class NothingToTake(TryAgain):
    """The supplier has delivered nothing that has not been taken already."""


class DeliveryOutOfTurn(PersonMustAct):
    """A delivery changed after it was taken, or is older than one already taken. Taking it now would undo newer facts."""


def waiting_extracts(adapter: Adapter, folder: Path, memory: Memory) -> list[Extract]:
    """Deliveries not taken yet, oldest first. Raises DeliveryOutOfTurn."""
    found = adapter.find_extracts(folder)
    for each in found:
        taken = memory.taken_extracts.get(each.extract_id)
        if taken is not None and taken != each.fingerprint():
            raise DeliveryOutOfTurn(
                f"Extract {each.extract_id} was taken already, and its files have changed since. "
                "Ask the supplier to deliver corrections under a new time stamp, and to put the old files back."
            )
    waiting = [each for each in found if each.extract_id not in memory.taken_extracts]
    late = [each for each in waiting if memory.taken_until and each.taken_at.isoformat() < memory.taken_until]
    if late:
        raise DeliveryOutOfTurn(
            f"Extract {late[0].extract_id} is older than one already taken, and would undo newer facts. "
            "Move it away, and ask the supplier for a fresh full extract if nights are missing."
        )
    return waiting


def pull(
    adapter: Adapter,
    extracts: list[Extract],
    spool: Spool,
    memory: Memory,
    consent_codes: dict[str, str],
    progress: Progress,
) -> dict[str, int]:
    """Fills the spool. Returns rows pulled by table. Raises PersonMustAct for a file that cannot be trusted whole.

    `consent_codes` maps a code of any scheme to dissent or withdrawal.
    """
    tally = ReadTally()
    counts: dict[str, int] = {}
    objections = Objections(consent_codes, memory.tables.get("consents", CONSENTS.empty_table()))
    for extract in extracts:
        before = (tally.reference_rows.copy(), tally.not_collected.copy())
        for table, rows in _spool_extract(adapter, extract, tally, spool, objections, progress).items():
            counts[table] = counts.get(table, 0) + rows
        spool.write_note(
            f"read-{extract.extract_id}",
            {
                "taken_at": extract.taken_at.isoformat(),
                "fingerprint": extract.fingerprint(),
                "reference_rows": dict(tally.reference_rows - before[0]),
                "not_collected": dict(tally.not_collected - before[1]),
            },
        )
    spool.write_table("consents", objections.found())
    for name, table in tally.remembered.items():
        spool.write_table(f"remembered-{name}", table)
    spool.write_note(
        "extracts", {"ids": [each.extract_id for each in extracts], "remembered": sorted(tally.remembered)}
    )
    return counts


def table_in_spool(extract_id: str, table: str) -> str:
    return f"{extract_id}-{table}"


def _spool_extract(
    adapter: Adapter, extract: Extract, tally: ReadTally, spool: Spool, objections: Objections, progress: Progress
) -> dict[str, int]:
    """Every table gets a file, also an empty one: a table that is not there later is a fault, not an empty night."""
    counts = dict.fromkeys(TABLES, 0)
    writers = {
        table: spool.writer(table_in_spool(extract.extract_id, table), identified.schema(table)) for table in TABLES
    }
    try:
        with Background() as background:
            for batch in adapter.read(extract, tally):
                background.do(writers[batch.table].write_batch, batch.rows)
                objections.look_at(batch.table, batch.rows)
                counts[batch.table] += batch.rows.num_rows
                progress(f"pull {extract.extract_id}: {sum(counts.values()):,} rows")
    finally:
        _close(writers)
    return counts


def _close(writers: dict[str, pq.ParquetWriter]) -> None:
    for writer in writers.values():
        writer.close()
