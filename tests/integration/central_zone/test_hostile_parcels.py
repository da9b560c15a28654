"""Whoever can write to the inbox, and whoever holds a signing key, can spoil their own parcel and nobody else's."""

import os
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from central_zone import load_parcel
from crossing.manifest import canonical_json
from crossing.parcel import parcel_id
from support.parcels import a_night, events, patients

A_PARCEL_ID = "11111111-1111-1111-1111-111111111111"
A_NHS_NUMBER = 9990548609


def run_shards(zone):
    for ids in load_parcel.parcels_waiting("gpdpr", zone.settings):
        load_parcel.receive_shard("gpdpr", ids, zone.settings)
        load_parcel.validate_shard("gpdpr", ids, zone.settings)
        load_parcel.load_shard("gpdpr", ids, zone.settings)


def a_manifest_that_is_a_folder(folder: Path) -> None:
    (folder / "manifest.json").mkdir(parents=True)


def a_manifest_that_is_a_pipe(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "manifest.json")


def a_folder_that_is_a_file(folder: Path) -> None:
    folder.write_text("x")


def a_folder_that_is_a_pipe(folder: Path) -> None:
    os.mkfifo(folder)


def a_manifest_of_infinities(folder: Path) -> None:
    folder.mkdir()
    (folder / "manifest.json").write_text('{"practice_code": [], "sequence": Infinity, "collection": "gpdpr"}')
    (folder / "manifest.sig").write_bytes(b"")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "make",
    [
        a_manifest_that_is_a_folder,
        a_manifest_that_is_a_pipe,
        a_folder_that_is_a_file,
        a_folder_that_is_a_pipe,
        a_manifest_of_infinities,
    ],
)
def test_a_strange_thing_in_the_inbox_is_refused_once_and_the_parcels_beside_it_load(zone, make):
    good = zone.sealed(a_night())
    make(zone.settings.inbox_folder / A_PARCEL_ID)
    run_shards(zone)
    assert zone.state(good) == "loaded"
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []
    assert zone.query("SELECT folder_name FROM ledger.refusal") == [(A_PARCEL_ID,)]


def test_text_of_a_manifest_that_nobody_signed_is_neither_told_nor_kept(zone, caplog):
    parcel = zone.sealed(a_night())
    content = asdict(parcel.manifest)
    content["counts"]["tables"]["Mrs Smith 9990548609"] = {"read": "born 17/05/1960", "sent": 0, "held_back": {}}
    (parcel.folder / "manifest.json").write_bytes(canonical_json(content))
    (result,) = load_parcel.receive_shard("gpdpr", [parcel.folder.name], zone.settings)
    ((kept,),) = zone.query("SELECT message FROM ledger.refusal")
    assert "signature does not fit" in kept
    assert not any(text in f"{kept}{result}{caplog.text}" for text in ("Smith", "9990548609", "1960"))
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"sequence": 2**31},
        {"sequence": 10**30},
        {"software": "gp-collect 1\u0000"},
        {"extract_id": "Mrs Smith 9990548609\u0000"},
        {"practice_code": "SMITHJOHN"},
        {"policy_sha256": 5},
        {"extract_taken_at": "2999-01-01T00:00:00+00:00"},
    ],
)
def test_a_signed_parcel_that_could_never_settle_is_refused_once(zone, changes):
    place = {"practice_code": "A12345", "sequence": 1, "extract_id": "extract"}
    place |= {name: value for name, value in changes.items() if name in place}
    own_id = parcel_id("gpdpr", place["practice_code"], place["sequence"], place["extract_id"])
    zone.sealed(a_night(), **{**changes, "parcel_id": own_id})
    good = zone.sealed(a_night(), practice_code="A99999")
    run_shards(zone)
    assert zone.state(good) == "loaded"
    assert zone.query("SELECT folder_name FROM ledger.refusal") == [(own_id,)]
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []
    assert "Smith" not in str(zone.query("SELECT * FROM ledger.refusal") + zone.query("SELECT * FROM ledger.parcel"))


def test_a_manifest_that_hides_a_table_in_its_parts_is_refused(zone):
    counts = {**zone.sealed(a_night()).manifest.counts, "tables": {}}
    zone.sealed(a_night(), counts=counts)
    run_shards(zone)
    assert zone.query("SELECT error FROM ledger.refusal") == [("ManifestRefused",)]
    assert zone.query("SELECT count(*) FROM records.observation") == [(0,)]


ENDS_OF_TIME = pa.array([2**31 - 1, -(2**31), 0] + [0] * 97, pa.int32()).cast(pa.date32())


@pytest.mark.fault(
    "F28",
    injected="dates beyond what the store can hold, in a parcel",
    happened="the rows are quarantined by rule, the rest loads",
)
def test_rows_with_dates_the_store_cannot_hold_stay_out_and_the_rest_loads(zone):
    tables = {"patient": patients(), "problem": events("problem", 100, end_date=ENDS_OF_TIME)}
    parcel = zone.sealed(tables)
    run_shards(zone)
    assert zone.state(parcel) == "loaded"
    ((rows,),) = zone.query("SELECT rows_quarantined FROM ledger.parcel")
    assert rows == {"problem": {"date_not_possible": 2}}
    assert zone.query("SELECT min(end_date), count(*) FROM records.problem") == [(date(1970, 1, 1), 98)]


def test_a_parcel_with_impossible_event_dates_does_not_stop_the_ones_judged_with_it(zone):
    good = zone.sealed(a_night(), practice_code="A99999")
    zone.sealed(a_night(observation_count=100, effective_date=ENDS_OF_TIME))
    run_shards(zone)
    assert zone.state(good) == "loaded"


@pytest.mark.fault(
    "F29",
    injected="a number of ten digits reaches the centre as a measurement",
    happened="quarantined by rule; more than a twentieth of a parcel holds it for a steward",
)
def test_a_number_with_ten_digits_never_loads(zone):
    values = [float(A_NHS_NUMBER), -float(A_NHS_NUMBER)] + [7.1] * 98
    zone.sealed(a_night(observation_count=100, value=values, range_high=[None] * 100))
    run_shards(zone)
    ((rows,),) = zone.query("SELECT rows_quarantined FROM ledger.parcel")
    assert rows == {"observation": {"number_too_large": 2}}
    assert zone.query("SELECT count(*), max(value) FROM records.observation") == [(98, 7.1)]
