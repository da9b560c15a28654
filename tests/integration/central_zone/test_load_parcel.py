"""A parcel's way into the store, on a real PostgreSQL and with the real rules."""

import hmac
import json
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from polars.exceptions import PanicException

from central_zone import judge, load_parcel, receipts, validate
from central_zone.chain.verify import verify
from central_zone.errors import (
    DecisionRefused,
    HeldForSteward,
    NotAllLoaded,
    NotAllLoadedYet,
    NotHeld,
    ParcelRefused,
    WaitsForEarlier,
)
from crossing.canonical import TABLES
from support.parcels import a_night, events, observations, patients, tokens


def run_shards(zone, collection="gpdpr"):
    """What the DAG does, task after task; answers what the last one told."""
    told = []
    for ids in load_parcel.parcels_waiting(collection, zone.settings):
        load_parcel.receive_shard(collection, ids, zone.settings)
        load_parcel.validate_shard(collection, ids, zone.settings)
        told += load_parcel.load_shard(collection, ids, zone.settings)
    return told


def mostly_faulty():
    """More than a twentieth of the rows have a code that no terminology could hold."""
    return {"patient": patients(), "observation": observations(snomed_concept_id=["12345"] * 50)}


def test_a_parcel_loads_and_the_ledger_the_audit_chain_and_the_outbox_say_so(zone):
    parcel = zone.sealed(a_night(), rows_per_part=20)
    result = load_parcel.load_parcel(parcel.folder, zone.settings)
    assert (result["state"], result["rows"]) == ("loaded", 60)
    assert zone.query("SELECT count(*) FROM records.observation WHERE practice_code = 'A12345'") == [(50,)]
    (ledger,) = load_parcel.ledger_entries(zone.settings)
    assert ledger["rows_loaded"] == {"patient": 10, "observation": 50}
    assert set(ledger["seconds"]) == {"receive", "validate", "load"}
    assert verify(zone.settings)["head"] == ledger["audit_hash"]
    ((event,),) = zone.query("SELECT event FROM lineage.outbox WHERE delivered_at IS NULL")
    assert event["run"]["runId"] == parcel.manifest.parcel_id
    assert {output["name"] for output in event["outputs"]} == {"records.patient", "records.observation"}
    assert list(zone.settings.work_folder.iterdir()) == []


def test_every_canonical_table_and_type_comes_back_as_it_was_sent(zone):
    tables = {name: events(name, 10) if "effective_date" in names(name) else bare(name) for name in TABLES}
    tables["patient"] = patients()
    parcel = zone.sealed(tables)
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"
    assert {name for name in TABLES if zone.query(f"SELECT count(*) FROM records.{name}") == [(10,)]} == set(TABLES)
    sent = (
        tables["observation"].select(["snomed_concept_id", "effective_date", "recorded_at", "is_deleted"]).to_pylist()
    )
    stored = zone.query("SELECT snomed_concept_id, effective_date, recorded_at, is_deleted FROM records.observation")
    assert sorted(tuple(row.values()) for row in sent) == sorted(stored)


def names(table):
    return {column.name for column in TABLES[table]}


def bare(table):
    from support.parcels import rows, tokens

    columns = {"registration_token": tokens(10, 1)} if "registration_token" in names(table) else {}
    return rows(table, 10, **columns)


def test_the_store_holds_tokens_of_its_own_and_none_of_the_sources(zone):
    night = a_night()
    load_parcel.load_parcel(zone.sealed(night).folder, zone.settings)
    key = (zone.keys.folder / "store-v1.key").read_bytes()
    subkey = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"gp-collect|store|v1").derive(key)
    for table in night:
        sent = night[table]["record_token"].to_pylist()
        ours = {UUID(bytes=hmac.digest(subkey.hex().encode(), token.hex().encode(), "sha256")[:16]) for token in sent}
        stored = {row[0] for row in zone.query(f"SELECT record_token FROM records.{table}")}
        assert stored == ours
        assert not stored & {UUID(bytes=token) for token in sent}


def test_a_registration_has_the_same_token_in_every_table(zone):
    load_parcel.load_parcel(zone.sealed(a_night()).folder, zone.settings)
    joined = zone.query("SELECT count(*) FROM records.observation JOIN records.patient USING (registration_token)")
    assert joined == [(50,)]


@pytest.mark.fault(
    "F11",
    injected="the parcel is loaded, and loaded again",
    happened="already; one receipt of the same bytes, one audit entry, no row more",
)
def test_loading_twice_says_already_and_gives_the_same_receipt(zone):
    parcel = zone.sealed(a_night())
    load_parcel.load_parcel(parcel.folder, zone.settings)
    receipt = zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.receipt.json"
    first = receipt.read_bytes()
    receipt.unlink()
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "already"
    assert receipt.read_bytes() == first
    assert zone.query("SELECT count(*) FROM records.observation") == [(50,)]
    assert verify(zone.settings)["entries"] == 1


def test_the_receipt_is_signed_and_says_what_became_of_the_rows(zone):
    parcel = zone.sealed(a_night(snomed_concept_id=["44054006"] * 49 + ["12345"]))
    load_parcel.load_parcel(parcel.folder, zone.settings)
    signed = json.loads((zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.receipt.json").read_bytes())
    key = Ed25519PrivateKey.from_private_bytes((zone.keys.folder / "receipt-signing-v1.key").read_bytes())
    key.public_key().verify(bytes.fromhex(signed["signature"]), receipts.bytes_to_sign(signed["receipt"]))
    receipt = signed["receipt"]
    assert (receipt["outcome"], receipt["manifest_sha256"]) == ("loaded", parcel.manifest.sha256())
    assert receipt["rows_loaded"] == {"patient": 10, "observation": 49}
    assert sum(receipt["rows_quarantined"]["observation"].values()) == 1


def test_a_row_that_breaks_a_rule_is_kept_out_and_named_by_its_token_and_rule_only(zone):
    night = a_night(snomed_concept_id=["44054006"] * 49 + ["12345"])
    load_parcel.load_parcel(zone.sealed(night).folder, zone.settings)
    ((table, token, rule),) = zone.query("SELECT table_name, record_token, rule_id FROM quarantine.row")
    assert (table, rule) == ("observation", "snomed_concept_id_out_of_shape") or "snomed" in rule
    assert zone.query("SELECT count(*) FROM records.observation WHERE record_token = %s", token) == [(0,)]
    assert zone.query("SELECT count(*) FROM records.observation") == [(49,)]


def test_of_a_record_that_stands_in_a_parcel_twice_the_last_line_is_today_and_nothing_is_left_to_its_place(zone):
    """A bridge moves rows to other places; what decides must be in the data."""
    said = [float(number) for number in range(48)]
    sent = observations(48, value=said, record_token=pa.concat_arrays([tokens(24, 7)] * 2))
    parcel = zone.sealed({"patient": patients(), "observation": sent})
    approve = {"approve": True, "by": "steward", "reason": "half of it was sent twice", "settings": zone.settings}
    run_shards(zone)
    load_parcel.decide(parcel.manifest.parcel_id, **approve)
    run_shards(zone)
    (kept,) = zone.query("SELECT rows_quarantined #>> '{observation,same_record_twice}' FROM ledger.parcel")
    assert kept == ("24",)
    assert zone.query("SELECT value FROM records.observation ORDER BY 1") == [(each,) for each in said[24:]]


def test_parcels_of_one_practice_load_in_their_order_within_one_shard(zone):
    first = zone.sealed(a_night())
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first)
    other = zone.sealed(a_night(), practice_code="A99999")
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    assert shard == [parcel.manifest.parcel_id for parcel in (first, second, other)]
    assert [result["state"] for result in run_shards(zone)] == ["loaded"] * 3
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []
    load_parcel.account_for("gpdpr", shard, zone.settings)


@pytest.mark.fault(
    "F14",
    injected="parcels 2 and 3 arrive before 1",
    happened="both wait and say for which; once 1 is there all load, in order",
)
def test_a_parcel_that_comes_before_its_turn_waits_and_then_loads(zone):
    first = zone.sealed(a_night())
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first)
    third = zone.sealed(a_night(seed=5), sequence=3, previous=second)
    away = zone.root / "away"
    shutil.move(first.folder, away)
    with pytest.raises(WaitsForEarlier, match="parcel 2 waits for 1"):
        load_parcel.load_parcel(second.folder, zone.settings)
    with pytest.raises(WaitsForEarlier, match="parcel 3 waits for 1"):
        load_parcel.load_parcel(third.folder, zone.settings)
    assert zone.state(second) == "waiting"
    with pytest.raises(NotAllLoadedYet, match="A12345 parcel 2 waiting"):
        load_parcel.account_for("gpdpr", [second.manifest.parcel_id], zone.settings)
    shutil.move(away, first.folder)
    assert [result["state"] for result in run_shards(zone)] == ["loaded"] * 3


@pytest.mark.fault(
    "F16",
    injected="another parcel with a good signature, for a place that is filled",
    happened="refused as a replay; no row of it; in ledger and audit chain",
)
def test_another_parcel_in_a_place_that_is_loaded_is_refused_as_a_replay(zone):
    load_parcel.load_parcel(zone.sealed(a_night()).folder, zone.settings)
    replay = zone.sealed(a_night(), extract_id="another-extract")
    with pytest.raises(ParcelRefused, match="place 1 of the sequence is filled"):
        load_parcel.load_parcel(replay.folder, zone.settings)
    assert zone.query("SELECT count(*) FROM records.observation") == [(50,)]
    assert zone.state(replay) == "refused"


def test_a_loaded_parcel_sealed_again_under_its_id_is_refused_and_stays_loaded(zone):
    parcel = zone.sealed(a_night())
    load_parcel.load_parcel(parcel.folder, zone.settings)
    again = zone.sealed(a_night(seed=9))
    with pytest.raises(ParcelRefused, match="this is another under its id"):
        load_parcel.load_parcel(again.folder, zone.settings)
    assert zone.state(parcel) == "loaded"


def test_a_parcel_that_does_not_follow_the_one_we_hold_is_refused(zone):
    first = zone.sealed(a_night())
    load_parcel.load_parcel(first.folder, zone.settings)
    stranger = replace(first, manifest=replace(first.manifest, software="another 1"))
    second = zone.sealed(a_night(seed=4), sequence=2, previous=stranger)
    with pytest.raises(ParcelRefused, match="does not follow the parcel before it"):
        load_parcel.load_parcel(second.folder, zone.settings)


def test_a_spoilt_parcel_stops_alone_and_the_others_load(zone):
    good = zone.sealed(a_night())
    bad = zone.sealed(a_night(), practice_code="A99999")
    (bad.folder / "part-00000.hpke").write_bytes(b"")
    ids = [parcel.manifest.parcel_id for parcel in (good, bad)]
    run_shards(zone)
    assert (zone.state(good), zone.state(bad)) == ("loaded", "refused")
    with pytest.raises(NotAllLoaded, match="1 loaded, not loaded: A99999 parcel 1 refused"):
        load_parcel.account_for("gpdpr", ids, zone.settings)
    assert zone.query("SELECT folder_name, error FROM ledger.refusal") == [(ids[1], "ParcelUnreadable")]
    assert verify(zone.settings)["entries"] == 2


def test_an_unsigned_parcel_is_refused_without_a_place_in_the_ledger(zone):
    parcel = zone.sealed(a_night())
    (parcel.folder / "manifest.sig").write_bytes(bytes(64))
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    (result,) = load_parcel.receive_shard("gpdpr", shard, zone.settings)
    assert (result["state"], result["practice_code"]) == ("refused", None)
    assert zone.state(parcel) is None
    with pytest.raises(NotAllLoaded, match="1 refused before it was known whose"):
        load_parcel.account_for("gpdpr", shard, zone.settings)


def test_a_refused_parcel_is_not_tried_again_until_it_is_sent_again(zone):
    parcel = zone.sealed(a_night())
    whole = (parcel.folder / "part-00000.hpke").read_bytes()
    (parcel.folder / "part-00000.hpke").write_bytes(whole[:-1])
    run_shards(zone)
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []
    (parcel.folder / "part-00000.hpke").write_bytes(whole)
    assert [result["state"] for result in run_shards(zone)] == ["loaded"]


@pytest.mark.fault(
    "F21",
    injected="sealed to a key that we do not have (any more)",
    happened="refused, with the key's name; sealed again under the same id it loads",
)
def test_a_parcel_for_another_recipient_may_be_sealed_again_for_us(zone):
    load = load_parcel.load_parcel
    wrong = zone.sealed(a_night(), recipient_key="recipient-v2")
    with pytest.raises(ParcelRefused, match="seal it again"):
        load(wrong.folder, zone.settings)
    right = zone.sealed(a_night())
    assert right.manifest.parcel_id == wrong.manifest.parcel_id
    assert load(right.folder, zone.settings)["state"] == "loaded"


def test_a_parcel_with_too_many_faulty_rows_is_held_and_loads_once_a_steward_approves(zone):
    parcel = zone.sealed(mostly_faulty())
    (result,) = run_shards(zone)
    assert result["state"] == "held"
    assert "largest_quarantined_share" in result["reason"]
    assert zone.query("SELECT count(*) FROM records.patient") == [(0,)]
    with pytest.raises(NotAllLoaded, match="A12345 parcel 1 held"):
        load_parcel.account_for("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    assert [type(error) for error in load_parcel.not_loaded(result)] == [HeldForSteward]
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []
    decide(zone, parcel, approve=True)
    assert [result["state"] for result in run_shards(zone)] == ["loaded"]
    assert zone.query("SELECT count(*) FROM records.patient") == [(10,)]
    assert zone.query("SELECT count(*) FROM records.observation") == [(0,)]


def test_a_parcel_that_a_steward_refuses_never_loads_and_the_next_one_does(zone):
    parcel = zone.sealed(mostly_faulty())
    run_shards(zone)
    decide(zone, parcel, approve=False)
    receipt = json.loads((zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.receipt.json").read_bytes())
    assert receipt["receipt"]["outcome"] == "refused"
    with pytest.raises(ParcelRefused, match="a steward decided against it"):
        load_parcel.load_parcel(parcel.folder, zone.settings)
    zone.sealed(a_night(), sequence=2, previous=parcel)
    assert [result["state"] for result in run_shards(zone)] == ["loaded"]


def test_only_a_held_parcel_can_be_decided_on(zone):
    parcel = zone.sealed(a_night())
    load_parcel.load_parcel(parcel.folder, zone.settings)
    with pytest.raises(NotHeld, match="is loaded, not held"):
        decide(zone, parcel, approve=False)


def test_a_decision_that_is_carried_out_twice_is_one_decision(zone):
    parcel = zone.sealed(mostly_faulty())
    run_shards(zone)
    first = decide(zone, parcel, approve=True)
    assert decide(zone, parcel, approve=True) == first
    run_shards(zone)
    assert decide(zone, parcel, approve=True)["state"] == "loaded"
    assert verify(zone.settings)["entries"] == 2
    with pytest.raises(NotHeld):
        decide(zone, parcel, approve=False)


@pytest.mark.parametrize("reason", ["patient 943 476 5919 was seen", "9434765919", " ", "x" * 501])
def test_a_reason_that_may_not_be_kept_is_refused_and_not_repeated(zone, reason):
    parcel = zone.sealed(mostly_faulty())
    run_shards(zone)
    with pytest.raises(DecisionRefused) as refused:
        decide(zone, parcel, approve=True, reason=reason)
    assert "5919" not in str(refused.value)
    assert zone.state(parcel) == "held"


@pytest.mark.runbook("SoftwareFault")
def test_an_error_nobody_foresaw_is_told_by_its_type_and_line_only_and_the_others_go_on(zone):
    first, second = zone.sealed(a_night()), zone.sealed(a_night(), practice_code="A99999")
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    load_parcel.validate_shard("gpdpr", shard, zone.settings)
    verdict = zone.settings.work_folder / first.manifest.parcel_id / "verdict.json"
    spoilt = {"failed_rows": {"patient": {"a_rule": [10**12]}}, "held_because": [], "facts": {}}
    verdict.write_text(json.dumps(spoilt))
    told = {result["practice_code"]: result for result in load_parcel.load_shard("gpdpr", shard, zone.settings)}
    assert told["A99999"]["state"] == zone.state(second) == "loaded"
    assert told["A12345"]["state"] == "validated"
    assert ".py, line " in told["A12345"]["reason"]
    with pytest.raises(NotAllLoaded, match="A12345 parcel 1 validated"):
        load_parcel.account_for("gpdpr", shard, zone.settings)


def test_a_panic_over_one_parcel_is_told_as_its_own_and_the_others_go_on(zone, monkeypatch):
    first, second = zone.sealed(a_night()), zone.sealed(a_night(), practice_code="A99999")
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    asked = []

    def panicking_over_the_first(parcels, **how):
        asked.append(len(parcels))
        if len(parcels) == 2 or len(asked) == 2:
            raise PanicException("called `Option::unwrap()` on a `None` value: 9990548609")
        return validate.validate_shard(parcels, **how)

    monkeypatch.setattr(judge, "validate_shard", panicking_over_the_first)
    told = {result["practice_code"]: result for result in load_parcel.validate_shard("gpdpr", shard, zone.settings)}
    assert asked == [2, 1, 1]
    assert {zone.state(first), zone.state(second)} == {"received", "validated"}
    (failed,) = (result["failed"] for result in told.values() if "failed" in result)
    assert failed["message"].startswith("PanicException at judge.py, line")
    assert "9990548609" not in str(told)


def decide(zone, parcel, *, approve, reason="the practice told us why"):
    who = {"by": "steward", "reason": reason}
    return load_parcel.decide(parcel.manifest.parcel_id, approve=approve, **who, settings=zone.settings)


def test_staged_rows_that_were_lost_are_made_again(zone):
    parcel = zone.sealed(a_night())
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    lose_staged_rows(zone)
    load_parcel.validate_shard("gpdpr", shard, zone.settings)
    lose_staged_rows(zone)
    assert [result["state"] for result in load_parcel.load_shard("gpdpr", shard, zone.settings)] == ["loaded"]
    assert zone.state(parcel) == "loaded"


def lose_staged_rows(zone):
    shutil.rmtree(zone.settings.work_folder)


def test_staged_rows_that_were_cut_off_are_made_again(zone):
    zone.sealed(a_night())
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    path = zone.settings.work_folder / shard[0] / "observation.arrow"
    path.write_bytes(path.read_bytes()[:100])
    load_parcel.validate_shard("gpdpr", shard, zone.settings)
    assert load_parcel.load_shard("gpdpr", shard, zone.settings)[0]["rows"] == 60


@pytest.mark.fault(
    "F34", injected="every task of a load twice, and again after it is loaded", happened="loaded once; the tasks say so"
)
def test_every_task_may_be_cleared_and_run_again(zone):
    zone.sealed(a_night())
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    for step in (load_parcel.receive_shard, load_parcel.validate_shard, load_parcel.load_shard):
        step("gpdpr", shard, zone.settings)
        step("gpdpr", shard, zone.settings)
    assert load_parcel.receive_shard("gpdpr", shard, zone.settings)[0]["state"] == "loaded"
    assert load_parcel.validate_shard("gpdpr", shard, zone.settings)[0]["state"] == "loaded"
    assert zone.query("SELECT count(*) FROM records.observation") == [(50,)]


def test_a_parcel_without_a_row_loads_and_takes_its_place(zone):
    first = zone.sealed({})
    assert load_parcel.load_parcel(first.folder, zone.settings)["rows"] == 0
    second = zone.sealed(a_night(), sequence=2, previous=first)
    assert load_parcel.load_parcel(second.folder, zone.settings)["state"] == "loaded"


def test_folders_that_are_not_named_by_a_parcel_id_are_left_alone(zone):
    (zone.settings.inbox_folder / "9434765919").mkdir()
    (zone.settings.inbox_folder / ".draft-x").mkdir()
    assert load_parcel.parcels_waiting("gpdpr", zone.settings) == []


def test_what_is_told_to_airflow_holds_ids_counts_and_states_only(zone):
    zone.sealed(a_night())
    zone.sealed(mostly_faulty(), practice_code="A99999")
    told = json.dumps(run_shards(zone))
    token = pa.scalar(a_night()["patient"]["record_token"][0].as_py(), pa.binary(16)).as_py().hex()
    assert token not in told
    assert set(json.loads(told)[0]) == {"parcel_id", "practice_code", "sequence", "state", "reason", "rows"}


def test_the_work_folder_is_closed_to_others(zone):
    zone.sealed(a_night())
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    folder: Path = zone.settings.work_folder / shard[0]
    assert folder.stat().st_mode & 0o077 == 0
