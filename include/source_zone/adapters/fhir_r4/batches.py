"""Rows waiting to become a batch, a list a table."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from crossing.canonical import has_patient
from source_zone.adapters.fhir_r4.owners import Owners
from source_zone.adapters.fhir_r4.record import Row
from source_zone.adapters.reading import FileRefused
from source_zone.identified import IdentifiedBatch, schema

_BATCH_ROWS = 20_000


@dataclass(slots=True)
class Batches:
    """Whose each record is, is noted as it leaves for the pipeline."""

    owners: Owners
    _waiting: dict[str, list[Row]] = field(default_factory=dict, repr=False)

    def add(self, table: str, row: Row) -> IdentifiedBatch | None:
        """The batch that is full with this row."""
        rows = self._waiting.get(table)
        if rows is None:
            rows = self._waiting[table] = []
        rows.append(row)
        return self._batch(table, self._waiting.pop(table)) if len(rows) >= _BATCH_ROWS else None

    def rest(self) -> Iterator[IdentifiedBatch]:
        for table in list(self._waiting):
            yield self._batch(table, self._waiting.pop(table))

    def _batch(self, table: str, rows: list[Row]) -> IdentifiedBatch:
        if has_patient(table) and table != "patient":
            self.owners.note(table, rows)
        fields = schema(table)
        try:
            said = set().union(*rows)  # most formats of most tables fill half the columns
            columns = [
                pa.array([row.get(name) for row in rows], type_) if name in said else pa.nulls(len(rows), type_)
                for name, type_ in zip(fields.names, fields.types, strict=True)
            ]
            return IdentifiedBatch(table, pa.RecordBatch.from_arrays(columns, schema=fields))
        except MemoryError:  # Arrow's own is an ArrowException too, and no fault of the delivery
            raise
        except (pa.ArrowException, OverflowError, UnicodeError, TypeError):
            raise FileRefused(
                f"{table}: a value does not fit its column. Report this as a fault of the software."
            ) from None
