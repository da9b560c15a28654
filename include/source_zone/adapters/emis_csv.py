"""EMIS bulk CSV 5.4: files of one timestamp are one extract; every column is named in policy/fields/emis_csv.toml."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from crossing.errors import PersonMustAct
from crossing.policy import Policy
from source_zone.adapters.emis_codes import ClinicalCodes, DrugCodes
from source_zone.adapters.emis_late_codes import UNCODED_ROWS, LateCodes
from source_zone.adapters.emis_tables import MAPPINGS
from source_zone.adapters.known_columns import Header, KnownColumns
from source_zone.adapters.reading import FileRefused, check_whole, flag, read_header, stream_csv
from source_zone.identified import Extract, IdentifiedBatch, ReadTally, schema

_FILE_NAME = re.compile(r"^\d+_([A-Za-z]+_[A-Za-z]+)_(\d{14})_[0-9A-Fa-f-]{36}\.csv$")
_READ_FIRST = ("Agreements_SharingOrganisation", "Coding_ClinicalCode", "Coding_DrugCode")
# Codes first, then who, then what: a row can be understood when it comes by.
_ORDER = (
    "Admin_Organisation",
    "Admin_UserInRole",
    "Admin_Patient",
    "CareRecord_Consultation",
    "CareRecord_Observation",
    "CareRecord_Problem",
    "CareRecord_ObservationReferral",
    "CareRecord_Diary",
    "Prescribing_DrugRecord",
    "Prescribing_IssueRecord",
    "Appointment_Slot",
)
_REMEDY = "Ask the supplier what changed; then have the table reviewed in policy/fields/emis_csv.toml."


class PracticeSwitchedOff(PersonMustAct):
    """The sharing agreement is off. What follows such a flag is often a mass delete, so nothing is taken."""


@dataclass(frozen=True, slots=True)
class EmisFile:
    """One file of an extract, its header recognised."""

    path: Path
    header: Header


@dataclass(slots=True)
class EmisCsv:
    """The adapter of one practice. `remembered` holds code tables of earlier nights, since increments may lack them."""

    practice_code: str
    policy: Policy
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "emis_csv"
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def find_extracts(self, folder: Path) -> list[Extract]:
        if not folder.is_dir():
            raise FileRefused(
                f"{self.practice_code}: its folder {folder.name} is not there. Check the path, or ask the supplier to deliver."
            )
        by_stamp: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("*.csv")):
            matched = _FILE_NAME.match(path.name)
            if not matched:
                raise FileRefused(
                    f"{self.practice_code}: {_safe_name(path)} is not named as EMIS names its files. Move it away, or ask the supplier."
                )
            by_stamp.setdefault(matched.group(2), []).append(path)
        if not by_stamp:
            raise FileRefused(
                f"{self.practice_code}: no EMIS file in its folder {folder.name}. Ask the supplier to deliver."
            )
        return [_extract(stamp, files) for stamp, files in sorted(by_stamp.items())]

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        files = self._check_files(extract)
        self._check_agreement(files, tally)
        codes = ClinicalCodes.read(
            self._rows("Coding_ClinicalCode", files, tally), self._earlier("clinical_codes", tally)
        )
        drugs = DrugCodes.read(self._rows("Coding_DrugCode", files, tally), self._earlier("drug_codes", tally))
        tally.remembered |= {"clinical_codes": codes.table(), "drug_codes": drugs.table()}
        for name in (each for each in files if each not in (*_ORDER, *_READ_FIRST)):
            for _ in self._rows(name, files, tally):
                pass
        late = LateCodes(self._earlier(UNCODED_ROWS, tally))
        yield from _map(MAPPINGS["CareRecord_Observation"], late.now_known(codes), codes, drugs)
        for name in _ORDER:
            for rows in self._stream(name, files):
                yield from _map(MAPPINGS[name], rows, codes, drugs)
                late.look_at(name, rows, codes)
        tally.remembered[UNCODED_ROWS] = late.still_waiting()

    def _check_files(self, extract: Extract) -> dict[str, EmisFile]:
        """Every file of the extract is looked at before a row of any is believed."""
        known = KnownColumns.read(self.policy, self.name, self.today)
        paths = {_table_of(path): path for path in extract.files}
        if len(paths) < len(extract.files):
            raise FileRefused(
                f"{self.practice_code}, extract {extract.extract_id}: two files of one table under one time stamp. "
                "Ask the supplier which one counts, and move the other away."
            )
        needed = {table for table in known.fields if known.to_read(table)}
        for table in sorted(needed - paths.keys()):
            raise FileRefused(
                f"{self.practice_code}, extract {extract.extract_id}: the file of {table} is missing. Ask the supplier to send it."
            )
        for table in sorted(table for table in paths if not known.is_known(table)):
            raise FileRefused(
                f"{self.practice_code}, extract {extract.extract_id}: {table} is not a table policy knows. {_REMEDY}"
            )
        for path in paths.values():
            check_whole(path)
        return {table: EmisFile(path, known.check(path, table, read_header(path))) for table, path in paths.items()}

    def _check_agreement(self, files: dict[str, EmisFile], tally: ReadTally) -> None:
        for rows in self._rows("Agreements_SharingOrganisation", files, tally):
            off = rows.filter(flag("Disabled").fill_null(True) | ~flag("IsActivated").fill_null(False))
            if off.height:
                raise PracticeSwitchedOff(
                    f"{self.practice_code}: {files['Agreements_SharingOrganisation'].path.name} says sharing is disabled or not activated. "
                    "Ask the practice whether it still takes part; nothing is taken and nothing deleted meanwhile."
                )

    def _rows(self, table: str, files: dict[str, EmisFile], tally: ReadTally) -> Iterator[pl.DataFrame]:
        for rows in self._stream(table, files):
            tally.reference_rows[table] += rows.height
            yield rows

    def _stream(self, table: str, files: dict[str, EmisFile]) -> Iterator[pl.DataFrame]:
        path, header = files[table].path, files[table].header
        for batch in stream_csv(path, list(header.to_read or header.columns[:1])):
            yield header.complete(pl.DataFrame(pl.from_arrow(batch)))

    def _earlier(self, name: str, tally: ReadTally) -> pa.Table | None:
        return tally.remembered.get(name, self.remembered.get(name))


def _map(
    mapping: Callable[[pl.DataFrame, ClinicalCodes, DrugCodes], dict[str, pl.DataFrame]],
    rows: pl.DataFrame,
    codes: ClinicalCodes,
    drugs: DrugCodes,
) -> Iterator[IdentifiedBatch]:
    if not rows.height:
        return
    for table, mapped in mapping(rows, codes, drugs).items():
        if mapped.height:
            yield IdentifiedBatch(table, _conform(table, mapped))


def _conform(table: str, rows: pl.DataFrame) -> pa.RecordBatch:
    """Adds the columns this format does not carry, as NULL, and fixes the order and types."""
    wanted = schema(table)
    missing = [pl.lit(None).alias(each.name) for each in wanted if each.name not in rows.columns]
    table_ = rows.with_columns(missing).select(wanted.names).to_arrow().cast(wanted)
    return table_.combine_chunks().to_batches()[0]


def _extract(stamp: str, files: list[Path]) -> Extract:
    try:
        taken_at = datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        raise FileRefused(f"{files[0].name}: its time stamp is no date. Ask the supplier to name it rightly.") from None
    return Extract(extract_id=stamp, taken_at=taken_at, files=tuple(files))


def _table_of(path: Path) -> str:
    matched = _FILE_NAME.match(path.name)
    return matched.group(1) if matched else path.name


def _safe_name(path: Path) -> str:
    """A stranger's file name may hold a patient's name or number."""
    return path.name if re.fullmatch(r"[A-Za-z_]{1,40}\.csv", path.name) else "a file in its folder"
