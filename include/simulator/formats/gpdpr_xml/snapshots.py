"""Elements put in order by patient, on disk: a night comes table by table, a snapshot needs all tables of a patient."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.ipc

_COLUMNS = pa.schema([("whose", pa.string()), ("place", pa.int32()), ("xml", pa.string())])


class Snapshots:
    """Buckets by the first letter of whose an element is. Going through them keeps one bucket in memory.

    `rows` says how many elements were put in.
    """

    def __init__(self, parts: Iterable[pl.DataFrame]) -> None:
        self.rows = 0
        self._folder = tempfile.TemporaryDirectory(prefix="gp-simulator-")
        with ExitStack() as open_files:
            writers: dict[str, pa.ipc.RecordBatchStreamWriter] = {}
            for part in parts:
                self.rows += len(part)
                for letter, some in _by_letter(part):
                    if letter not in writers:
                        writers[letter] = open_files.enter_context(pa.ipc.new_stream(self._path(letter), _COLUMNS))
                    writers[letter].write_table(some.select(_COLUMNS.names).to_arrow().cast(_COLUMNS))
            self._letters = sorted(writers)

    def texts(self) -> Iterator[str]:
        """One text a patient, in order of their ids; its elements in the order of their tables, then as they came."""
        for letter in self._letters:
            with pa.ipc.open_stream(self._path(letter)) as bucket:
                found = pl.DataFrame(pl.from_arrow(bucket.read_all()))
            ordered = found.sort("whose", "place", maintain_order=True)
            yield from ordered.group_by("whose", maintain_order=True).agg(pl.col("xml").str.join(""))["xml"].to_list()

    def close(self) -> None:
        self._folder.cleanup()

    def _path(self, letter: str) -> str:
        return str(Path(self._folder.name) / f"{letter or 'nobody'}.arrow")


def _by_letter(part: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    parts = part.with_columns(pl.col("whose").str.slice(0, 1).alias("letter")).partition_by("letter", as_dict=True)
    for (letter,), some in parts.items():
        yield str(letter), some
