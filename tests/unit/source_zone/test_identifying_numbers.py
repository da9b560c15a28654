"""What is asked for under "telephone number" is an identifier, whatever it looks like: the code travels, the number never."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from crossing.policy import Policy
from source_zone.identifying_numbers import IDENTIFIER_VALUED, holds_an_identifier, without_identifying_numbers
from source_zone.release_practice import release_practice
from source_zone.rules import read_rules
from support.emis_files import CODES, a_patient, an_observation, write_extract
from support.source_zone import make_source_zone

LISTED = read_rules(Policy(), "gpdpr", synthetic=True).codes.identifier_valued
NUMBERS: dict[str, Any] = {"value": 4711.0, "range_low": 1.0, "range_high": 2.0}


def an_entry(**cells: Any) -> pl.DataFrame:
    row = {"snomed_concept_id": None, "read_v2_code": None, "local_code": None, "further_codes": None, "fault": None}
    return pl.DataFrame([{**row, **NUMBERS, **cells}], schema_overrides=dict.fromkeys([*row], pl.String))


@pytest.mark.parametrize("column", ["snomed_concept_id", "read_v2_code", "local_code", "further_codes"])
@pytest.mark.parametrize("code", sorted(LISTED))
def test_the_numbers_of_such_an_entry_are_gone_wherever_the_code_is_written(code: str, column: str) -> None:
    left = without_identifying_numbers(an_entry(**{column: code}), LISTED).row(0, named=True)
    assert {name: left[name] for name in NUMBERS} == dict.fromkeys(NUMBERS)
    assert left[column] == code
    assert left[IDENTIFIER_VALUED]


def test_the_numbers_of_any_other_entry_stay() -> None:
    left = without_identifying_numbers(an_entry(snomed_concept_id="271649006"), LISTED).row(0, named=True)
    assert {name: left[name] for name in NUMBERS} == NUMBERS
    assert not left[IDENTIFIER_VALUED]


@pytest.mark.parametrize(("numbers", "counted"), [({}, True), (dict.fromkeys(NUMBERS), False)])
def test_only_an_entry_that_had_a_number_is_counted(numbers: dict[str, None], counted: bool) -> None:
    entry = an_entry(snomed_concept_id="184103008", **numbers).with_columns(pl.col(*NUMBERS).cast(pl.Float64))
    assert without_identifying_numbers(entry, LISTED)[IDENTIFIER_VALUED].to_list() == [counted]


@pytest.mark.parametrize("value", ["12345", "07700900123", "07700 900123", "9990548609", "19600517"])
def test_the_entry_itself_leaves_and_is_counted(tmp_path: Path, value: str) -> None:
    zone = make_source_zone(tmp_path)
    codes = [*CODES, {"CodeId": "99", "SnomedCTConceptId": "428481002"}]
    entry = an_observation("p", "telephone", "99", Value=value)
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [entry], "Coding_ClinicalCode": codes}
    write_extract(zone.deliveries, rows)
    (parcel,) = release_practice(zone.release())["parcels"]
    counts = read_manifest(read_manifest_bytes(zone.settings.outbox / parcel)[0]).counts
    assert counts["tables"]["observation"] == {"read": 1, "sent": 1, "held_back": {}, "quarantined": {}}
    assert counts["generalised"] == {IDENTIFIER_VALUED: 1}


def test_elsewhere_a_number_that_looks_like_an_identifier_still_is_one() -> None:
    entry = an_entry(value=9990548609.0).with_columns(pl.lit(date(1960, 5, 17)).alias("born"))
    assert entry.select(holds_an_identifier(entry)).item()
