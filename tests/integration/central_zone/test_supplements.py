"""What stewards decided of rows that were kept out is told to their practice, signed; its receipt stays as it was."""

import json

import pytest

from central_zone import keys, load_parcel, quarantine_decide
from central_zone.chain.verify import verify
from central_zone.errors import CheckpointsBroken, NothingInQuarantine
from central_zone.quarantine_choice import Choice
from crossing import answers, faultpoint
from support.quarantined import a_night_with_plans

WORDS = {"by": "A. Steward", "reason": "the practice books reviews as events"}


@pytest.fixture
def parcel(zone):
    sealed = zone.sealed(a_night_with_plans())
    assert load_parcel.load_parcel(sealed.folder, zone.settings)["state"] == "loaded"
    return sealed


def choice(parcel, rule):
    return Choice(parcel_id=parcel.manifest.parcel_id, table_name="observation", rule_ids=(rule,), **WORDS)


def path(zone, parcel, kind=answers.SUPPLEMENT):
    return zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.{kind}.json"


def believed(zone, parcel):
    """As its practice reads it: under a signature that is good for a supplement alone."""
    found = answers.read_answer(path(zone, parcel).read_bytes(), answers.SUPPLEMENT, "the supplement")
    key = keys.receipt_signing_key(zone.settings.keys_folder).public_key()
    key.verify(found.signature, answers.bytes_to_sign(found.content, answers.PAYLOAD_TYPES[answers.SUPPLEMENT]))
    return found.content


def test_every_decision_is_told_in_order_and_the_receipt_stays_as_it_was(zone, parcel):
    receipt = path(zone, parcel, answers.RECEIPT).read_bytes()
    assert not path(zone, parcel).exists()
    quarantine_decide.release_rows(choice(parcel, "dated_in_future"), zone.settings)
    first = believed(zone, parcel)
    assert (first["rows_released"], first["rows_discarded"]) == ({"observation": 3}, {})
    quarantine_decide.discard_rows(choice(parcel, "snomed_concept_shape"), zone.settings)
    said = believed(zone, parcel)
    assert (said["parcel_id"], said["manifest_sha256"]) == (parcel.manifest.parcel_id, parcel.manifest.sha256())
    assert (said["rows_released"], said["rows_discarded"]) == ({"observation": 3}, {"observation": 1})
    assert [(each["outcome"], each["rule_ids"], each["rows"]) for each in said["decisions"]] == [
        ("released", ["dated_in_future"], 3),
        ("discarded", ["snomed_concept_shape"], 1),
    ]
    assert said["decisions"][0] == first["decisions"][0]
    assert said["decisions"][0].keys() == {"outcome", "table_name", "rule_ids", "rows", "reason", "at", "audit_head"}
    assert WORDS["by"] not in path(zone, parcel).read_text()
    assert path(zone, parcel, answers.RECEIPT).read_bytes() == receipt
    kept_out = json.loads(receipt)["receipt"]["rows_quarantined"]["observation"]
    assert sum(kept_out.values()) == 3 + 1  # released and discarded: every row that was kept out is accounted for
    assert verify(zone.settings)["witnesses"] == {"checkpoint": 1, "receipt": 1, "supplement": 1}


def test_said_again_it_has_the_same_bytes_and_where_nothing_was_decided_there_is_none(zone, parcel):
    with pytest.raises(NothingInQuarantine):
        quarantine_decide.discard_rows(choice(parcel, "placeholder_date"), zone.settings)
    assert not path(zone, parcel).exists()
    quarantine_decide.discard_rows(choice(parcel, "dated_in_future"), zone.settings)
    given = path(zone, parcel).read_bytes()
    assert quarantine_decide.discard_rows(choice(parcel, "dated_in_future"), zone.settings).said_before
    assert path(zone, parcel).read_bytes() == given


def test_one_that_a_killed_run_never_gave_is_given_by_the_next_load(zone, parcel, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(faultpoint._switch, "asked", faultpoint.Fault("receipt.drafted", 1, faultpoint.RAISE))
        with pytest.raises(faultpoint.FaultInjected):
            quarantine_decide.release_rows(choice(parcel, "dated_in_future"), zone.settings)
    assert not path(zone, parcel).exists()
    load_parcel.parcels_waiting("gpdpr", zone.settings)
    given = path(zone, parcel).read_bytes()
    assert believed(zone, parcel)["rows_released"] == {"observation": 3}
    load_parcel.parcels_waiting("gpdpr", zone.settings)
    assert path(zone, parcel).read_bytes() == given


def test_one_that_was_changed_since_is_found_by_verifying(zone, parcel):
    quarantine_decide.discard_rows(choice(parcel, "dated_in_future"), zone.settings)
    path(zone, parcel).write_bytes(path(zone, parcel).read_bytes().replace(b"discarded", b"released", 1))
    with pytest.raises(CheckpointsBroken, match=r"supplement\.json does not bear our signature"):
        verify(zone.settings)
