"""Reading supplier CSV in a stream, and turning its text into values whole columns at a time.

Foreign parsers quote the text they stumble over. Every failure here names the file, the line and the rule instead.
"""

import codecs
import csv
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from crossing.errors import PersonMustAct
from source_zone.identified import UNREADABLE_DATE, UNREADABLE_FLAG, UNREADABLE_NUMBER

_BLOCK_BYTES = 8 * 1024 * 1024  # Arrow reads up to 32 blocks ahead: this, times 32, is what a file of any size costs
_ASK_AGAIN = "Ask the supplier to send this extract again."


class FileRefused(PersonMustAct):
    """A supplier's file cannot be trusted whole, so nothing of its practice is taken."""


def check_whole(path: Path) -> None:
    """Raises FileRefused for a file that is empty or whose last line is cut off."""
    size = path.stat().st_size
    if size == 0:
        raise FileRefused(f"{path.name}: the file is empty; even a table without rows has a header. {_ASK_AGAIN}")
    with path.open("rb") as file:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            raise FileRefused(
                f"{path.name}, line {_count_lines(path)}: the last line has no end; the file was cut off. {_ASK_AGAIN}"
            )


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) + 1


def read_header(path: Path, encoding: str = "utf-8-sig") -> list[str]:
    """The cells of the first line. Raises FileRefused where it is no text."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            return next(csv.reader(file))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise FileRefused(f"{path.name}, line 1: the header is not UTF-8 text. {_ASK_AGAIN}") from None


Source: TypeAlias = Callable[[], Any]  # opens the text anew: a path, or a file of bytes


def stream_csv(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of the named columns, all as text, empty text as NULL. Raises FileRefused with the row's number."""
    yield from stream_text(path.name, lambda: path, columns)


def stream_text(
    name: str, source: Source, columns: list[str], *, escape: str | None = None
) -> Iterator[pa.RecordBatch]:
    """The same of any source of text. `escape` is the character before a quote, where quotes are not doubled."""
    try:
        with _open(source, columns, threads=True, escape=escape) as reader:
            yield from reader
    except _UNREADABLE:
        raise FileRefused(f"{name}{_why_unreadable(source, columns, escape)}. {_ASK_AGAIN}") from None


# What Arrow says of a file, and what a source of text may say while Arrow reads it.
_UNREADABLE = (pa.ArrowException, OSError, UnicodeError, EOFError, zipfile.BadZipFile)


def _open(
    source: Source, columns: list[str], *, threads: bool, escape: str | None, on_bad_row: object = None
) -> pacsv.CSVStreamingReader:
    quoting = {"escape_char": escape, "double_quote": False} if escape else {}
    return pacsv.open_csv(
        source(),
        read_options=pacsv.ReadOptions(use_threads=threads, block_size=_BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_bad_row, **quoting),
        convert_options=pacsv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _why_unreadable(source: Source, columns: list[str], escape: str | None) -> str:
    """Reads once more in one thread, only to learn the number of the first bad row."""
    bad: list[int] = []

    def note(row: pacsv.InvalidRow) -> str:
        bad.append(row.number or 0)
        return "error"

    try:
        if not _is_utf8(source):  # Arrow would show, on standard error, that it cannot hand us such a row
            return ": the text is not UTF-8"
        with _open(source, columns, threads=False, escape=escape, on_bad_row=note) as reader:
            for _ in reader:
                pass
    except _UNREADABLE:
        where = f", row {bad[0]}" if bad else ""
        rule = "a row has too few or too many columns" if bad else "the text is not UTF-8, or its quotes do not close"
        return f"{where}: {rule}"
    return ": could not be read at first and could at the second attempt"


def _is_utf8(source: Source) -> bool:
    decoder, opened = codecs.getincrementaldecoder("utf-8")(), source()
    with opened.open("rb") if isinstance(opened, Path) else opened as file:
        try:
            for block in iter(lambda: file.read(1 << 20), b""):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def guid(column: str) -> pl.Expr:
    """The same as same_ids, as an expression."""
    return pl.col(column).str.strip_chars("{} ").str.to_uppercase()


def same_ids(rows: pa.RecordBatch, columns: list[str]) -> pa.RecordBatch:
    """EMIS writes {GUIDS} in braces and in either case; the same id must always be the same text.

    In Arrow, which does this ten times as fast as any expression.
    """
    for name in columns:
        text = pc.ascii_upper(pc.ascii_trim(rows.column(name), characters="{} "))
        rows = rows.set_column(rows.schema.get_field_index(name), name, text)
    return rows


def flag(column: str) -> pl.Expr:
    """true/false as people write them. Anything else is NULL, which the privacy rules read as the safer answer."""
    text = pl.col(column)
    return pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)


def _written(*words: str) -> list[str]:
    """Looked up as they are: lower case for every cell would be the dearest part of reading a flag."""
    return [way for word in words for way in (word, word.capitalize(), word.upper())]


_TRUE, _FALSE = _written("true", "1", "yes"), _written("false", "0", "no")


def selected(rows: pl.DataFrame, *columns: pl.Expr) -> pl.DataFrame:
    """Lazily, so that what occurs twice, as a date and its fault do, is worked out once."""
    return rows.lazy().select(*columns).collect()


def day(column: str) -> pl.Expr:
    """A day of the years 1 to 9999; anything else is NULL, and so a fault where the cell is filled."""
    found = pl.col(column).str.to_date("%Y-%m-%d", strict=False)
    return pl.when(found.is_between(date.min, date.max)).then(found)


_YEARS_1_TO_9999 = (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001 (suppliers write local time)


def instant(date_column: str, time_column: str) -> pl.Expr:
    """Date and time come apart; without a time there is no instant, and nobody's midnight is made up."""
    text = pl.col(date_column) + pl.lit(" ") + pl.col(time_column)
    found = text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    return pl.when(found.is_between(*_YEARS_1_TO_9999)).then(found)


def whole_instant(column: str) -> pl.Expr:
    """Date and time in one cell, yyyy-mm-dd hh:mm:ss."""
    found = pl.col(column).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    return pl.when(found.is_between(*_YEARS_1_TO_9999)).then(found)


def number(column: str) -> pl.Expr:
    value = pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def whole_number(column: str) -> pl.Expr:
    return number(column).round(0).cast(pl.Int32, strict=False)


def words(column: str, mapping: dict[str, str]) -> pl.Expr:
    """A supplier's words as ours. Words not mapped stay as they are; minimisation turns them into "other" and counts."""
    return pl.col(column).replace(mapping)


def first_fault(
    *,
    dates: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    whole: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
) -> pl.Expr:
    """The rule a row breaks because a filled cell could not be read, or NULL."""
    bad_numbers = [_is_lost(each, number(each)) for each in numbers]
    bad_numbers += [_is_lost(each, whole_number(each)) for each in whole]
    rules = (
        (UNREADABLE_DATE, [_is_lost(each, day(each)) for each in dates]),
        (UNREADABLE_NUMBER, bad_numbers),
        (UNREADABLE_FLAG, [_is_lost(each, flag(each)) for each in flags]),
    )
    broken = [pl.when(pl.any_horizontal(*lost)).then(pl.lit(rule)) for rule, lost in rules if lost]
    return pl.coalesce(*broken) if broken else pl.lit(None, pl.String)


def _is_lost(column: str, read: pl.Expr) -> pl.Expr:
    return pl.col(column).is_not_null() & read.is_null()
