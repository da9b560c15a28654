"""Writing EMIS's files, whole or as they arrive broken."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from simulator.emis.layout import COLUMNS, in_order
from simulator.facts import Rows
from simulator.texts import constant

_OPTIONS = pyarrow.csv.WriteOptions(include_header=True, quoting_style="all_valid")
ADDED_COLUMN = "PatientComment"
_ADDED_TEXT = "Rang about Snibbletwitch, zibberous"


def write(path: Path, file: str, rows: Iterable[Rows], night: int, *, changed_header: bool = False) -> int:
    """Writes one file and returns its bytes. It appears under its name only when it is whole."""
    draft = path.with_name(path.name + ".part")
    names = [*COLUMNS[file], *([ADDED_COLUMN] if changed_header else [])]
    schema = pa.schema([(name, pa.string()) for name in names])
    with pyarrow.csv.CSVWriter(draft, schema, write_options=_OPTIONS) as writer:
        for batch in _batches(rows, night):
            writer.write_batch(_with_added_column(batch, schema) if changed_header else batch)
    draft.rename(path)
    return path.stat().st_size


def cut_off(path: Path) -> None:
    """Breaks the file off in the middle of a row, as a lost connection does."""
    data = path.read_bytes()
    start_of_row = data.index(b"\n", len(data) * 3 // 5) + 1
    end_of_row = data.index(b"\n", start_of_row)
    path.write_bytes(data[: (start_of_row + end_of_row) // 2])


def _batches(rows: Iterable[Rows], night: int) -> Iterator[pa.RecordBatch]:
    for some in rows:
        if len(some):
            yield in_order(some, night)


def _with_added_column(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([*batch.columns, constant(_ADDED_TEXT, len(batch))], schema=schema)
