"""TPP's text: Windows-1252, English dates in local time, 01 Jan 1900 and -1 for nothing, whole columns at a time.

Times stay as SystmOne shows them, in local time; midnight is how it writes a time that nobody knows.
"""

import io
from collections.abc import Iterator
from datetime import date, time

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from source_zone.adapters.reading import FileRefused
from source_zone.adapters.tpp_csv.files import ENCODING, UNREADABLE_ZIP, TableFile
from source_zone.identified import IdentifiedBatch, schema

_BLOCK_BYTES = 8 * 1024 * 1024  # at 24 MB parsing takes half as long again: the block falls out of the caches
_ASK_AGAIN = "Ask the supplier to send this extract again."
_DAY, _INSTANT = "%d %b %Y", "%d %b %Y %H:%M:%S"
_LENGTHS = (11, 17, 20)  # a day alone, with hours and minutes, with seconds
_NOBODY_KNOWS = date(1900, 1, 1)


class _AsUtf8(io.RawIOBase):
    """A Windows-1252 file as UTF-8. What is pure ASCII, nearly everything, passes as it is."""

    def __init__(self, file: TableFile) -> None:
        self._file = file.open()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """A byte that Windows-1252 does not have becomes U+FFFD: it is no code, no number and no date."""
        data = self._file.read(size)
        return data if data.isascii() else data.decode(ENCODING, errors="replace").encode()

    def close(self) -> None:
        self._file.close()
        super().close()


_UNREADABLE = (pa.ArrowException, *UNREADABLE_ZIP)


def stream_csv(file: TableFile, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Frames of the named columns, all as text, empty text as NULL. Raises FileRefused with the row's number."""
    try:
        with _open(file, columns, threads=True) as reader:
            for batch in reader:
                yield pl.DataFrame(pl.from_arrow(batch))
    except _UNREADABLE:
        raise FileRefused(_why_unreadable(file, columns)) from None


def _open(file: TableFile, columns: list[str], *, threads: bool, on_bad_row: object = None) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        _AsUtf8(file),
        read_options=pacsv.ReadOptions(use_threads=threads, block_size=_BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_bad_row),
        convert_options=pacsv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _why_unreadable(file: TableFile, columns: list[str]) -> str:
    """Reads once more in one thread, only to learn the number of the first bad row."""
    bad: list[int] = []

    def note(row: pacsv.InvalidRow) -> str:
        bad.append(row.number or 0)
        return "error"

    try:
        with _open(file, columns, threads=False, on_bad_row=note) as reader:
            for _ in reader:
                pass
    except _UNREADABLE:
        where = f", row {bad[0]}" if bad else ""
        rule = "a row has too few or too many columns" if bad else "its quotes do not close"
        return f"{file.name}{where}: {rule}. {_ASK_AGAIN}"
    return f"{file.name}: could not be read at first and could at the second attempt. Run the practice again."


def with_days(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Adds for each column its `day` and whether it is `unreadable`: filled, and no date for all that.

    The day that stands for "unknown" is no day, and no fault.
    """
    parsed = rows.with_columns(
        pl.col(each).str.slice(0, 11).str.to_date(_DAY, strict=False).alias(day(each)) for each in columns
    )
    told = [(pl.col(each), pl.col(day(each)), day(each)) for each in columns]
    sound = {name: text.str.len_bytes().is_in(_LENGTHS) & (found >= date.min) for text, found, name in told}
    return parsed.with_columns(
        *(pl.when(sound[name] & (found != _NOBODY_KNOWS)).then(found).alias(name) for _, found, name in told),
        *((text.is_not_null() & ~sound[name].fill_null(False)).alias(f"{name} unreadable") for text, _, name in told),
    )


def with_moment(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """As with_days, with the time of day. Midnight says that nobody knows the time, and nobody's midnight is made up."""
    name = day(column)
    parsed = rows.with_columns(pl.col(column).str.to_datetime(_INSTANT, strict=False, time_unit="us").alias(name))
    found = pl.col(name)
    sound = found >= date.min
    known = sound & (found.dt.time() != time()) & (found.dt.date() != _NOBODY_KNOWS)
    return parsed.with_columns(
        pl.when(known).then(found).alias(name),
        (pl.col(column).is_not_null() & ~sound.fill_null(False)).alias(f"{name} unreadable"),
    )


def day(column: str) -> str:
    """What with_days calls the day of a column."""
    return f"{column} day"


def unreadable(*columns: str) -> pl.Expr:
    """Whether one of the columns given to with_days or with_moment is filled and no date for all that."""
    return pl.any_horizontal(*(pl.col(f"{day(each)} unreadable") for each in columns))


def precision(column: str) -> pl.Expr:
    """TPP has no partial dates: a day, or nothing."""
    return pl.when(pl.col(day(column)).is_null()).then(pl.lit("unknown")).otherwise(pl.lit("day"))


def something(column: str) -> pl.Expr:
    """The text, where it is not a negative number: TPP's word for nothing."""
    return pl.when(~pl.col(column).str.starts_with("-")).then(pl.col(column))


def reference(table: str, column: str) -> pl.Expr:
    """The id of a row of a table: numbers are counted anew in each, so the table is part of it."""
    return pl.concat_str(pl.lit(f"{table}/"), something(column).str.strip_chars())


def batch(table: str, rows: pl.DataFrame) -> IdentifiedBatch:
    """Adds the columns this format does not carry, as NULL, and fixes the order and types."""
    wanted = schema(table)
    missing = [pl.lit(None).alias(each.name) for each in wanted if each.name not in rows.columns]
    whole = rows.with_columns(missing).select(wanted.names).to_arrow().cast(wanted)
    return IdentifiedBatch(table, whole.combine_chunks().to_batches()[0])
