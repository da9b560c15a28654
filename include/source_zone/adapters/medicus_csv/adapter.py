"""Medicus bulk extract: a zip a day, a CSV a query; the first full, the others saying of each row what happened to it.

Only the envelope is the supplier's. Which columns there are and where they go is declared in policy/fields/medicus_csv*.toml.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from crossing.manifest_fields import DELTA, SNAPSHOT
from crossing.policy import Policy
from source_zone.adapters.known_columns import KnownColumns
from source_zone.adapters.medicus_csv.archive import ZippedFile, open_archive
from source_zone.adapters.medicus_csv.column_map import CHANGE_TYPE, read_map
from source_zone.adapters.reading import FileRefused
from source_zone.identified import Extract, IdentifiedBatch, ReadTally

_ZIP = re.compile(r"([A-Z][0-9]{5})-medicus-(?:[a-z]{1,20}-){1,4}([0-9]{4}-[0-9]{2}-[0-9]{2})\.zip")
_FULL_SEEN = (
    "full_extract"  # remembered: a practice's first extract must be full, or its earlier records would be missing
)
_SPREADSHEET = r"^[0-9](\.[0-9]+)?[Ee]\+[0-9]+$"
_CODES = ("snomed_concept_id", "snomed_description_id", "dmd_code", "other_codes", "original_code")
_ORDER = ("organisation", "staff", "patient", "encounter", "coded_entry", "immunisation", "allergy")  # then the others


@dataclass(slots=True)
class MedicusCsv:
    """The adapter of one practice."""

    practice_code: str
    policy: Policy
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "medicus_csv"
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def find_extracts(self, folder: Path) -> list[Extract]:
        if not folder.is_dir():
            raise FileRefused(
                f"{self.practice_code}: its folder {folder.name} is not there. Check the path, or ask the supplier to deliver."
            )
        days: dict[str, Path] = {}
        for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
            matched = _ZIP.fullmatch(path.name)
            if not matched or matched[1] != self.practice_code or matched[2] in days:
                raise FileRefused(
                    f"{self.practice_code}: a file in its folder is not named as Medicus names this practice's extracts "
                    "(<code>-medicus-...-<yyyy-mm-dd>.zip), or is the second of its day. Move it away, or ask the supplier."
                )
            days[matched[2]] = path
        if not days:
            raise FileRefused(f"{self.practice_code}: no zip in its folder {folder.name}. Ask the supplier to deliver.")
        known = self._known()
        return [_extract(day, path, open_archive(path, known)) for day, path in sorted(days.items())]

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        known = self._known()
        files = open_archive(extract.files[0], known)
        kind = _kind(extract.files[0], files)
        seen = {**self.remembered, **tally.remembered}.get(_FULL_SEEN)
        if kind == DELTA and seen is None:
            raise FileRefused(
                f"{self.practice_code}, extract {extract.extract_id}: the first extract taken of a practice must be a full "
                "one; this one holds changes only. Ask the supplier for a full extract."
            )
        tally.remembered[_FULL_SEEN] = pa.table(
            {"extract_id": pa.array([extract.extract_id] if seen is None else seen[0])}
        )
        maps = read_map(self.policy, known)
        for name in (*_ORDER, *sorted(maps.keys() - {*_ORDER})):
            for rows in files[name].stream():
                _check_not_from_a_spreadsheet(name, rows)
                if rows.num_rows:
                    yield IdentifiedBatch(maps[name].table, maps[name].mapped(rows, files[name].header))

    def _known(self) -> KnownColumns:
        return KnownColumns.read(self.policy, self.name, self.today)


def _extract(day: str, path: Path, files: Mapping[str, ZippedFile]) -> Extract:
    try:
        taken_at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        raise FileRefused(f"{path.name}: its day is no date. Ask the supplier to name it rightly.") from None
    return Extract(extract_id=day, taken_at=taken_at, files=(path,), kind=_kind(path, files))


def _kind(path: Path, files: Mapping[str, ZippedFile]) -> str:
    """Whether it holds everything or changes. Raises FileRefused for a zip that is partly the one, partly the other."""
    is_delta = {CHANGE_TYPE in each.header.columns for each in files.values()}
    if len(is_delta) > 1:
        raise FileRefused(
            f"{path.name}: some of its files have {CHANGE_TYPE} and some have not, so it is neither full nor changes. "
            "Ask the supplier to send this extract again."
        )
    return DELTA if is_delta == {True} else SNAPSHOT


def _check_not_from_a_spreadsheet(name: str, rows: pa.RecordBatch) -> None:
    """8.27E+14 was a code once. Which one cannot be told, and it may have been an objection."""
    for column in (each for each in _CODES if each in rows.schema.names):
        if pc.any(pc.match_substring_regex(pc.unique(rows.column(column)), _SPREADSHEET)).as_py():
            raise FileRefused(
                f"{name}.csv, column {column}: codes written as 8.27E+14. The file went through a spreadsheet and its codes "
                "are lost. Ask the supplier for the file as their system wrote it."
            )
