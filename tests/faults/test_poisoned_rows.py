"""Rows that no parser, database or reader should ever meet: stopped at the source, and once more at the centre."""

from pathlib import Path

import pytest

from central_zone import load_parcel
from central_zone.expectations.code_shapes import SHAPES
from crossing.errors import PersonMustAct
from faults.conftest import CentralZone
from source_zone.release_practice import release_practice
from support.emis_files import a_patient, an_observation, write_extract
from support.parcels import a_night
from support.source_zone import make_source_zone

MEGABYTE = 1_000_000
SECRET = "Surnamep "
# The cell -> the rule that keeps the row, at the source. The row's others are sound.
POISON = {
    "a day that is none": ({"EffectiveDate": "2023-02-30"}, "unreadable_date"),
    "a year of five digits": ({"EffectiveDate": "20240-01-01"}, "unreadable_date"),
    "a number too large": ({"Value": "1e999"}, "unreadable_number"),
    "an infinite number": ({"Value": "Infinity"}, "unreadable_number"),
    "four hundred digits": ({"Value": "9" * 400}, "unreadable_number"),
    "a NUL in a date": ({"EffectiveDate": "2024-01-0\0"}, "unreadable_date"),
    "a NUL in a code": ({"CodeId": "1\0"}, "unknown_code"),
    "a NUL in a number": ({"Value": "7\0"}, "unreadable_number"),
    "a NUL for an id": ({"ObservationGuid": "\0"}, "no_record_id"),
    "a megabyte of a number": ({"Value": "9" * MEGABYTE}, "unreadable_number"),
    "a megabyte of a code": ({"CodeId": "1" * MEGABYTE}, "unknown_code"),
}
# What no rule need stop, because nothing of it leaves: text is dropped, an id becomes a token, a unit a listed word or none.
DROPPED = {
    "a megabyte of text": {"AssociatedText": SECRET * (MEGABYTE // len(SECRET))},
    "a NUL in text": {"AssociatedText": "\0"},
    "a megabyte of an id": {"ObservationGuid": "x" * MEGABYTE},
    "a megabyte of a unit": {"NumericUnit": "x" * MEGABYTE},
}


@pytest.mark.fault(
    "F28",
    injected="impossible dates, numbers too large, NULs and texts of a megabyte in eleven cells of one delivery",
    happened="each row is quarantined at the source and counted by its rule; the sound rows leave",
)
def test_poisoned_rows_stay_at_the_source_as_a_count_and_a_rule(tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path)
    sound = [an_observation("p", f"sound {number}") for number in range(len(POISON))]
    poisoned = [{**an_observation("p", what), **cells} for what, (cells, _) in POISON.items()]
    dropped = [{**an_observation("p", what), **cells} for what, cells in DROPPED.items()]
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [*sound, *poisoned, *dropped]}
    write_extract(zone.deliveries, rows)
    said = release_practice(zone.release())
    rules = [rule for _, rule in POISON.values()]
    assert said["quarantined"] == {rule: rules.count(rule) for rule in rules}
    assert said["sent"] == 1 + len(sound) + len(dropped)
    left = sum(path.stat().st_size for path in zone.settings.outbox.rglob("*") if path.is_file())
    assert left < 50_000, "nothing of those megabytes"


@pytest.mark.fault(
    "F28",
    injected="half a surrogate pair, an overlong byte and bytes of another encoding in a cell",
    happened="the practice stops: the file is not UTF-8; the next delivery is taken",
)
def test_bytes_that_are_no_text_stop_the_practice(tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path)
    for data in (b"\xed\xa0\x80", b"\xc0\xaf", "é".encode("latin-1")):
        rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "o", Value="@@@")]}
        path = write_extract(zone.deliveries, rows)["CareRecord_Observation"]
        path.write_bytes(path.read_bytes().replace(b"@@@", data))
        with pytest.raises(PersonMustAct, match="not UTF-8"):
            release_practice(zone.release())
    write_extract(zone.deliveries, {"Admin_Patient": [a_patient("p")]})
    assert release_practice(zone.release())["state"] == "released"


NUMBER, ALSO_SNOMED = "9990548609", "9992683104"


@pytest.mark.fault(
    "F29",
    injected="NHS numbers in any spelling as codes at the centre, also those that pass for SNOMED concepts or terms",
    happened="no shape lets them pass; real concepts of ten digits still do",
)
def test_no_shape_of_a_code_fits_an_nhs_number() -> None:
    for code in (NUMBER, "999-054-8609", f"NHS{NUMBER}", f"{NUMBER}x", "999.054.8609"):
        assert not SHAPES["not_an_nhs_number"](code), code
        assert not SHAPES["snomed_concept"](code)
    assert not SHAPES["snomed_concept"](ALSO_SNOMED)
    assert not SHAPES["snomed_concept"]("4826988001")
    assert not SHAPES["snomed_description"]("9067949019")
    assert SHAPES["snomed_concept"]("1387462008"), "given out, and by chance an NHS number"
    assert SHAPES["not_an_nhs_number"]("EMISNQSU12")
    assert SHAPES["not_an_nhs_number"]("^ESCT12345678")


@pytest.mark.fault(
    "F29",
    injected="one NHS number as one local code of 51, in a parcel with a good signature",
    happened="the whole parcel is held as an incident, whatever the share; nothing of it loads; the number is told nowhere",
)
def test_one_nhs_number_holds_a_parcel_at_the_centre(zone: CentralZone, caplog: pytest.LogCaptureFixture) -> None:
    parcel = zone.sealed(a_night(local_code=[f"NHS{NUMBER}"] + [None] * 49))
    ids = [parcel.manifest.parcel_id]
    load_parcel.receive_shard("gpdpr", ids, zone.settings)
    (result,) = load_parcel.validate_shard("gpdpr", ids, zone.settings)
    assert (result["state"], "an incident at the source" in result["reason"]) == ("held", True)
    load_parcel.load_shard("gpdpr", ids, zone.settings)
    assert zone.query("SELECT count(*) FROM records.observation") == [(0,)]
    kept = zone.query("SELECT p::text FROM ledger.parcel AS p") + zone.query("SELECT e::text FROM audit.entry AS e")
    assert NUMBER not in f"{kept}{result}{caplog.text}"
