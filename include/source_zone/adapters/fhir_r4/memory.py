"""What entries of later nights refer to and will not be sent again: drugs, and encounters that are kept confidential."""

import json

import pyarrow as pa

from source_zone.adapters.fhir_r4.elements import Coded
from source_zone.adapters.fhir_r4.record import Record

_MEDICATIONS, _RESTRICTED = "fhir_medications", "fhir_restricted_encounters"


def read_memory(tables: dict[str, pa.Table], record: Record) -> None:
    if _MEDICATIONS in tables:
        for row in tables[_MEDICATIONS].to_pylist():
            coded = Coded(json.loads(row["columns"]), tuple(json.loads(row["own"])), row["fault"])
            record.medications[row["name"]] = coded, row["further_codes"]
    if _RESTRICTED in tables:
        record.restricted_encounters.update(tables[_RESTRICTED].column("encounter").to_pylist())


def medications_table(record: Record) -> dict[str, pa.Table]:
    names = ("name", "columns", "own", "fault", "further_codes")
    rows = [
        dict(zip(names, (name, json.dumps(coded.columns), json.dumps(coded.own), coded.fault, further), strict=True))
        for name, (coded, further) in record.medications.items()
    ]
    return {_MEDICATIONS: pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))}


def restricted_table(record: Record) -> dict[str, pa.Table]:
    encounters = sorted(each for each in record.restricted_encounters if each is not None)
    return {_RESTRICTED: pa.table({"encounter": pa.array(encounters, pa.string())})}
