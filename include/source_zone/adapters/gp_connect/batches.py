"""Rows waiting to become a batch, a list a table."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from crossing.canonical import TABLES
from source_zone.adapters.gp_connect.record import Row, Rows
from source_zone.adapters.reading import FileRefused
from source_zone.identified import IdentifiedBatch, schema

_BATCH_ROWS = 10_000
# Problems and referrals come after all observations; they are few enough to wait in memory.
_LAST = ("problem", "referral")
_SCHEMAS = {table: schema(table) for table in TABLES}


def in_batches(rows: Rows) -> Iterator[IdentifiedBatch]:
    """A batch as soon as a table has rows enough for one; problems and referrals after everything else."""
    batches = _Batches()
    for table, row in rows:
        batch = batches.add(table, row)
        if batch:
            yield batch
    yield from batches.rest()


@dataclass(slots=True)
class _Batches:
    _waiting: dict[str, list[Row]] = field(default_factory=dict, repr=False)
    _held: list[IdentifiedBatch] = field(default_factory=list, repr=False)

    def add(self, table: str, row: Row) -> IdentifiedBatch | None:
        rows = self._waiting.setdefault(table, [])
        rows.append(row)
        if len(rows) < _BATCH_ROWS:
            return None
        batch = _batch(table, self._waiting.pop(table))
        if table in _LAST:
            self._held.append(batch)
            return None
        return batch

    def rest(self) -> Iterator[IdentifiedBatch]:
        waiting = sorted(self._waiting.items(), key=lambda each: each[0] in _LAST)
        yield from (_batch(table, rows) for table, rows in waiting if table not in _LAST)
        yield from self._held
        yield from (_batch(table, rows) for table, rows in waiting if table in _LAST)
        self._waiting, self._held = {}, []


def _batch(table: str, rows: list[Row]) -> IdentifiedBatch:
    fields = _SCHEMAS[table]
    try:
        return IdentifiedBatch(table, pa.RecordBatch.from_pylist(rows, schema=fields))
    except MemoryError:  # Arrow's own is an ArrowException too, and no fault of the delivery
        raise
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError):
        raise FileRefused(
            f"{table}: a value does not fit its column. Report this as a fault of the software."
        ) from None
