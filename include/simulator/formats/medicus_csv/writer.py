"""Medicus's bulk extract: a zip a night, a CSV a query; the first full, the others with what happened to each row."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import calendar
from simulator.facts import TABLE, Rows
from simulator.formats import CHANGED_HEADER, CUT_FILE, RowsOf, Written
from simulator.formats.medicus_csv.layout import CHANGE_TYPE, COLUMNS, MADE_OF, OF_OBSERVATIONS
from simulator.formats.medicus_csv.rows import Cells
from simulator.practice import Practice

_ADDED_COLUMN, _ADDED_TEXT = "patient_comment", "Rang about Snibbletwitch, zibberous"
_WITHOUT_NUMBERS = [TABLE["immunisation"], TABLE["allergy"]]


@dataclass(frozen=True, slots=True)
class MedicusCsv:
    """Everything is carried, but for numbers on vaccinations and allergies."""

    name: str = "medicus_csv"
    files: tuple[str, ...] = tuple(dict.fromkeys(MADE_OF.values()))

    def extract_id(self, night: int) -> str:
        return calendar.extract_date(night).isoformat()

    def carried(self, rows: Rows) -> Rows:
        """A vaccination or allergy whose only fault is a number has no place for that number: it is left out."""
        facts = rows.facts
        if facts is None:
            return rows
        lost = np.isin(facts.table, _WITHOUT_NUMBERS) & facts.unreadable_number
        return rows.where(~lost) if lost.any() else rows

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        """Trouble is with the coded entries, or with the end of the zip."""
        path = folder / f"{source.code}-medicus-test-extract-{self.extract_id(night)}.zip"
        draft = path.with_name(f".{path.name}.part")
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for file in COLUMNS:
                added = trouble == CHANGED_HEADER and file == "coded_entry"
                with archive.open(_member(f"{file}.csv", night), "w", force_zip64=True) as member:
                    for text in _texts(file, source, night, rows_of, added=added):
                        member.write(text)
        if trouble == CUT_FILE:
            whole = draft.read_bytes()
            draft.write_bytes(whole[: len(whole) * 3 // 5])
        draft.rename(path)
        return Written(files=1, bytes=path.stat().st_size)

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        self.write(folder, source, night, rows_of, None)


def _member(name: str, night: int) -> zipfile.ZipInfo:
    """No clock in it, so that the same night gives the same bytes."""
    day = calendar.extract_date(night)
    member = zipfile.ZipInfo(name, (day.year, day.month, day.day, 1, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _texts(file: str, source: Practice, night: int, rows_of: RowsOf, *, added: bool) -> Iterator[bytes]:
    names = [*COLUMNS[file], *([CHANGE_TYPE] if night > 1 else [])]
    yield (",".join([*names, *([_ADDED_COLUMN] if added else [])]) + "\n").encode()
    for rows in rows_of(MADE_OF[file]):
        some = _of_this_file(file, rows)
        if len(some):
            cells = Cells(source, night, some)
            columns = [cells.column(file, name) for name in names]
            columns += [pa.repeat(pa.scalar(_ADDED_TEXT), len(some))] if added else []
            yield _lines(columns)


def _of_this_file(file: str, rows: Rows) -> Rows:
    if file not in OF_OBSERVATIONS or rows.facts is None:
        return rows
    return rows.where(rows.facts.table == TABLE[OF_OBSERVATIONS[file]])


def _lines(columns: list[pa.Array]) -> bytes:
    lines = pc.binary_join_element_wise(*(_quoted(each) for each in columns), ",")
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _quoted(text: pa.Array) -> pa.Array:
    """A backslash goes before a quote, and before a backslash. Empty is empty."""
    escaped = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
    quote = pa.scalar('"')
    return pc.if_else(pc.equal(text, ""), "", pc.binary_join_element_wise(quote, escaped, quote, ""))


WRITER = MedicusCsv()
