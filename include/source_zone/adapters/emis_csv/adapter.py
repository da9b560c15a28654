"""EMIS bulk CSV, versions 5.0 to 5.4: every column is named in policy/fields/emis_csv.toml, every header beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.emis_csv.codes import ClinicalCodes, DrugCodes
from source_zone.adapters.emis_csv.delivery import (
    OWN_ORGANISATION,
    EmisFile,
    check_agreement,
    check_files,
    find_extracts,
)
from source_zone.adapters.emis_csv.late_codes import LateCodes, remembered_as
from source_zone.adapters.emis_csv.tables import CLINICAL_CODE, DRUG_CODE, MAPPINGS
from source_zone.adapters.known_columns import KnownColumns
from source_zone.adapters.reading import flag
from source_zone.identified import Extract, IdentifiedBatch, ReadTally, schema

_CLINICAL_CODES, _DRUG_CODES = "Coding_ClinicalCode", "Coding_DrugCode"
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


@dataclass(slots=True)
class EmisCsv:
    """The adapter of one practice. `remembered` holds code tables of earlier nights, since increments may lack them."""

    practice_code: str
    policy: Policy
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "emis_csv"
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def find_extracts(self, folder: Path) -> list[Extract]:
        return find_extracts(self.practice_code, folder)

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        files = check_files(self.practice_code, extract, KnownColumns.read(self.policy, self.name, self.today))
        earlier = {**self.remembered, **tally.remembered}
        own = check_agreement(self.practice_code, files, earlier.get(OWN_ORGANISATION))
        codes = ClinicalCodes.read(_counted(_CLINICAL_CODES, files, tally), earlier.get("clinical_codes"))
        drugs = DrugCodes.read(_counted(_DRUG_CODES, files, tally), earlier.get("drug_codes"))
        tally.remembered |= {OWN_ORGANISATION: own, "clinical_codes": codes.table(), "drug_codes": drugs.table()}
        for table in sorted(files.keys() - {*_ORDER, _CLINICAL_CODES, _DRUG_CODES}):
            for _ in _counted(table, files, tally):
                pass
        late = {
            table: LateCodes.of(table, record, code, earlier)
            for table, (record, code) in (CLINICAL_CODE | DRUG_CODE).items()
        }
        tally.told_apart_by |= {"clinical_codes": ("code_id",), "drug_codes": ("code_id",)}
        tally.told_apart_by |= {remembered_as(table): (each.record,) for table, each in late.items()}
        for table in _ORDER:
            yield from _of_one_table(table, files[table], drugs if table in DRUG_CODE else codes, late)
        tally.remembered |= {remembered_as(table): each.still_waiting() for table, each in late.items()}


def _counted(table: str, files: Mapping[str, EmisFile], tally: ReadTally) -> Iterator[pl.DataFrame]:
    for rows in files[table].stream():
        tally.reference_rows[table] += rows.height
        yield rows


def _of_one_table(
    table: str, file: EmisFile, codes: ClinicalCodes | DrugCodes, late: Mapping[str, LateCodes]
) -> Iterator[IdentifiedBatch]:
    """What waited for its code comes before what is new, so that the newest version of a record is the last."""
    if table not in late:
        for rows in file.stream():
            yield from _map(table, rows)
        return
    waiting = late[table]
    came = waiting.now_known(codes.frame["code_id"])
    if came.height:
        yield from _map(table, codes.join(came, waiting.code))
    for rows in file.stream():
        coded = codes.join(rows, waiting.code)
        yield from _map(table, coded)
        waiting.look_at(coded)
        if table == "CareRecord_Observation":  # a referral is deleted by the tombstone of its observation
            gone = coded.filter(flag("Deleted").fill_null(False))["ObservationGuid"]
            late["CareRecord_ObservationReferral"].end(gone)


def _map(table: str, rows: pl.DataFrame) -> Iterator[IdentifiedBatch]:
    if not rows.height:
        return
    for canonical, mapped in MAPPINGS[table](rows).items():
        if mapped.height:
            yield IdentifiedBatch(canonical, _conform(canonical, mapped))


def _conform(table: str, rows: pl.DataFrame) -> pa.RecordBatch:
    """Adds the columns this format does not carry, as NULL, and fixes the order and types."""
    wanted = schema(table)
    missing = [pl.lit(None).alias(each.name) for each in wanted if each.name not in rows.columns]
    table_ = rows.with_columns(missing).select(wanted.names).to_arrow().cast(wanted)
    return table_.combine_chunks().to_batches()[0]
