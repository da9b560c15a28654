"""Tonight's parcel is held against the practice's own earlier ones, as the ledger of a real store has them."""

from central_zone import load_parcel
from support.parcels import observations, patients

VALUES, PROBLEMS = ["value"] * 30, ["problem"] * 30


def a_night(kinds, seed):
    kind_of = {"observation_type": kinds, "snomed_concept_id": ["22298006"] * len(kinds)}
    return {"patient": patients(), "observation": observations(len(kinds), seed=seed, **kind_of)}


def test_a_kind_that_falls_silent_holds_the_parcel_and_is_named(zone):
    previous, told = None, []
    for sequence in range(1, 8):
        kinds = VALUES + PROBLEMS if sequence < 7 else VALUES * 2
        previous = zone.sealed(a_night(kinds, sequence), sequence=sequence, previous=previous)
        told.append(load_parcel.load_parcel(previous.folder, zone.settings))
    assert [result["state"] for result in told] == ["loaded"] * 6 + ["held"]
    assert told[-1]["reason"].startswith("data_kind_lost: observation_types_lost is 1 (problem).")
    ledger = load_parcel.ledger_entries(zone.settings)
    too_short = [entry["validation"]["warnings"].get("parcel", {}).get("history_too_short") for entry in ledger]
    # The first holds the whole record, so the nights it is followed by are the history: three of them, at the fifth.
    assert too_short == [1, 1, 1, 1, None, None, None]
    assert ledger[1]["validation"]["profile"]["observation_types"] == {"value": 30, "problem": 30}
    assert "rules" not in ledger[1]["validation"]
