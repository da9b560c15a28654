"""Policy knows every table and every layout that TPP's extract has been seen with."""

import json
from datetime import date
from pathlib import Path

import pytest

from crossing.canonical import TABLES
from crossing.policy import Policy
from source_zone.adapters.known_columns import NOT_COLLECTED, Header, KnownColumns

KNOWN = KnownColumns.read(Policy(), "tpp_csv", date(2026, 11, 22))
CANONICAL = {column.name for columns in TABLES.values() for column in columns}
SAY_WHO = (
    "Name",
    "Address",
    "Telephone",
    "Email",
    "Contact",
    "Road",
    "Town",
    "Postcode",
    "PostCode",
    "Textual",
    "Text",
    "Note",
)


@pytest.mark.needs_shared
def test_every_table_and_every_header_that_tpp_has_had_is_known(shared_data: Path) -> None:
    seen = json.loads((shared_data / "supplier_schemas" / "tpp_csv_headers.json").read_text())
    checked = [
        KNOWN.check(Path(f"{table}.csv"), table, variant["columns"])
        for table, entry in seen.items()
        for variant in entry["variants"]
    ]
    assert len(seen) == 166
    assert len(checked) == 272
    assert all(isinstance(header, Header) for header in checked)
    read = {table for table, entry in seen.items() if table in KNOWN.fields}
    assert {header.version for header in checked} > {NOT_COLLECTED}
    assert read == set(KNOWN.fields) - {"SRManifest"}


def test_every_table_is_read_or_says_why_not() -> None:
    assert len(KNOWN.fields) == 23
    assert not KNOWN.fields.keys() & KNOWN.not_collected.keys()
    assert all(len(why) > 10 for why in KNOWN.not_collected.values())


def test_what_travels_goes_to_columns_that_exist() -> None:
    named = {to for lines in KNOWN.fields.values() for line in lines.values() for to in line.get("to", "").split(", ")}
    assert named - CANONICAL - {""} == set()


def test_nothing_that_says_who_somebody_is_is_read() -> None:
    """By the look of its name. What is read in spite of it is coarsened, or only a list's own text."""
    looks = {
        f"{table}.{column}"
        for table, lines in KNOWN.fields.items()
        for column, line in lines.items()
        if line["action"] != "drop" and any(word in column for word in SAY_WHO)
    }
    assert looks == {
        "SRPatientAddressHistory.FullPostCode",
        "SRPatientAddressHistory.AddressType",
        "SRManifest.FileName",
    }
