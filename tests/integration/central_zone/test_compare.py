"""A recon extract is held against the store and never loaded; a snapshot is both. What differs is counted by table."""

import json

import pytest

from central_zone import load_parcel
from central_zone.chain.verify import verify
from support.parcels import a_night, observations, patients


def load(zone, tables, sequence=1, previous=None, kind="delta", **how):
    parcel = zone.sealed(tables, sequence=sequence, previous=previous, extract_kind=kind, **how)
    return parcel, load_parcel.load_parcel(parcel.folder, zone.settings)["state"]


def found(zone, table):
    """in_extract, in_store, missing, differs, surplus."""
    columns = "in_extract, in_store, missing, differs, surplus"
    return zone.query(f"SELECT {columns} FROM ledger.reconciliation WHERE table_name = %s", table)


def rows(zone):
    return zone.query("SELECT (SELECT count(*) FROM records.patient), (SELECT count(*) FROM records.observation)")


def test_a_recon_that_agrees_is_compared_and_not_loaded(zone):
    first, _ = load(zone, a_night())
    recon, state = load(zone, a_night(), 2, first, "recon")
    assert state == "compared"
    assert rows(zone) == [(10, 50)]
    assert (found(zone, "patient"), found(zone, "observation")) == ([(10, 10, 0, 0, 0)], [(50, 50, 0, 0, 0)])
    receipt = json.loads((zone.settings.receipts_folder / f"{recon.manifest.parcel_id}.receipt.json").read_bytes())
    assert (receipt["receipt"]["outcome"], receipt["receipt"]["rows_loaded"]) == ("compared", {})
    _, state = load(zone, a_night(seed=8), 3, recon)
    assert state == "loaded"
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []


def test_a_recon_counts_what_is_missing_what_differs_and_what_is_surplus(zone):
    first, _ = load(zone, a_night())
    whole = observations(60, snomed_concept_id=["44054006"] * 60)  # 50 of the 60 are in the store, 12 of them alike
    same = observations(50)
    alike = sum(a == b for a, b in zip(same["snomed_concept_id"].to_pylist(), ["44054006"] * 50, strict=True))
    load(zone, {"patient": patients().slice(1), "observation": whole.slice(5)}, 2, first, "recon")
    first_five = sum(each == "44054006" for each in same["snomed_concept_id"].to_pylist()[:5])
    assert found(zone, "observation") == [(55, 50, 10, 45 - (alike - first_five), 5)]
    assert found(zone, "patient") == [(9, 10, 0, 0, 1)]


def test_a_practices_first_snapshot_has_nothing_to_be_compared_with(zone):
    load(zone, a_night(), practice_code="A99999")
    _, state = load(zone, a_night(), kind="snapshot")
    assert (state, found(zone, "patient"), rows(zone)) == ("loaded", [], [(20, 100)])


def test_what_only_the_store_has_is_told_apart_by_whether_the_extract_names_the_person(zone):
    first, _ = load(zone, a_night())
    load(zone, {"patient": patients().slice(2), "observation": observations().slice(12)}, 2, first, "recon")
    absent = dict(zone.query("SELECT table_name, of_absent FROM ledger.reconciliation WHERE surplus > 0"))
    assert absent == {
        "patient": 2,
        "observation": 4,
    }  # of the twelve missing entries, four are of the two who are absent


def test_an_extract_without_patients_says_nothing_of_who_is_there(zone):
    first, _ = load(zone, a_night())
    load(zone, {"observation": observations().slice(12)}, 2, first, "recon")
    assert zone.query("SELECT surplus, of_absent FROM ledger.reconciliation WHERE table_name = 'observation'") == [
        (12, 0)
    ]


def test_deleted_records_count_on_neither_side(zone):
    first, _ = load(zone, a_night())
    second, _ = load(zone, {"observation": observations(is_deleted=[True] * 20 + [False] * 30)}, 2, first)
    load(zone, {"patient": patients(), "observation": observations().slice(20)}, 3, second, "recon")
    assert found(zone, "observation") == [(30, 30, 0, 0, 0)]


def test_another_practices_records_are_not_looked_at(zone):
    load(zone, a_night(seed=21), practice_code="A99999")
    load(zone, a_night(), kind="recon")
    assert found(zone, "observation") == [(50, 0, 50, 0, 0)]


def test_a_snapshot_is_loaded_and_what_the_store_had_beyond_it_is_named_and_kept(zone):
    first, _ = load(zone, a_night())
    _, state = load(zone, {"patient": patients(), "observation": observations().slice(5)}, 2, first, "snapshot")
    assert state == "loaded"
    assert found(zone, "observation") == [(45, 50, 0, 0, 5)]
    assert zone.query("SELECT count(*) FROM records.current_observation") == [(50,)]


def test_a_recon_without_rows_of_a_table_says_so(zone):
    first, _ = load(zone, a_night())
    load(zone, {"patient": patients()}, 2, first, "recon")
    said = dict(zone.query("SELECT table_name, is_in_extract FROM ledger.reconciliation"))
    assert (said["patient"], said["observation"], len(said)) == (True, False, 12)


def test_rows_that_break_a_rule_are_not_compared(zone):
    bad = a_night(snomed_concept_id=["44054006"] * 49 + ["12345"])
    first, _ = load(zone, bad)
    load(zone, bad, 2, first, "recon")
    assert found(zone, "observation") == [(49, 49, 0, 0, 0)]


@pytest.mark.parametrize("kind", ["delta", "snapshot"])
def test_the_ledger_and_the_audit_chain_say_what_was_done(zone, kind):
    first, _ = load(zone, a_night(), kind=kind)
    load(zone, a_night(), 2, first, "recon")
    assert zone.query("SELECT extract_kind, state FROM ledger.parcel ORDER BY sequence") == [
        (kind, "loaded"),
        ("recon", "compared"),
    ]
    events = [row[0] for row in zone.query("SELECT event FROM audit.entry ORDER BY seq")]
    assert ["loaded" in event for event in events] == [True, False]
    verify(zone.settings)
