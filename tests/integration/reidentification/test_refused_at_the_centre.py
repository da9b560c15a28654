"""Every case that must not be carried out: refused, in the audit chain, counted, and nobody is found."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from central_zone.chain.walk import walk
from central_zone.store.connection import store_of
from crossing.case_request import CaseRefused, unreadable
from crossing.key_files import KeyRefused
from crossing.key_register import KeyNotValid
from crossing.manifest import canonical_json
from support.cases import ONE, TWO, Cases
from support.parcels import Recipient


def refused(cases: Cases, path: Path, reason: str, *, case_id: str | None, **how: Any) -> None:
    carried_out = cases.query("SELECT count(*) FROM custody.case")
    with pytest.raises(CaseRefused) as told:
        cases.run(path, **how)
    assert told.value.reason == reason
    assert cases.last_refused()[:2] == (case_id, reason)
    event = cases.last_audited()
    assert event.keys() == {"reidentification_refused", "reason", "people"}
    assert (event["reidentification_refused"], event["reason"]) == (case_id, reason)
    assert cases.query("SELECT count(*) FROM custody.case") == carried_out
    assert not list(cases.zones.central.receipts_folder.glob(f"{case_id}.*"))
    with store_of(cases.zones.central.store_url) as store, store.begin() as connection:
        walk(connection, set())


def changed(path: Path, **fields: Any) -> Path:
    content = json.loads(path.read_bytes())
    content["request"] |= fields
    path.write_bytes(canonical_json(content))
    return path


def test_no_signature_and_one(cases: Cases) -> None:
    path = cases.ask("ONE-SIGNATURE", "h0")
    refused(cases, path, "too_few_approvals", case_id="ONE-SIGNATURE")
    refused(cases, cases.approve(path, ONE), "too_few_approvals", case_id="ONE-SIGNATURE")
    cases.approve(path, TWO)
    assert cases.run(path)["people_found"] == 1  # nothing was answered before: what was lacking may be made good


def test_the_same_person_with_one_key_in_two_files(cases: Cases) -> None:
    path = cases.approve(cases.ask("SAME-KEY", "h0"), ONE)
    again = path.with_name("approver-two-v1.approval.json")
    again.write_bytes(path.with_name("approver-one-v1.approval.json").read_bytes())
    refused(cases, path, "same_person_twice", case_id="SAME-KEY")


@pytest.mark.parametrize("owner", ["Approver One, development", "approver  one, Development"])
def test_the_same_person_with_two_keys(cases: Cases, owner: str) -> None:
    name = f"approver-again-v{len(owner)}"
    cases.enter_approver(name, owner)
    path = cases.approve(cases.ask(f"TWO-KEYS-{len(owner)}", "h0"), ONE, name)
    refused(cases, path, "same_person_twice", case_id=f"TWO-KEYS-{len(owner)}")


def test_whoever_asked_may_not_approve(cases: Cases) -> None:
    path = cases.approve(cases.ask("OWN-REQUEST", "h0", by="Approver Two, development"), ONE, TWO)
    refused(cases, path, "requester_approved", case_id="OWN-REQUEST")


def test_expired(cases: Cases) -> None:
    path = cases.approved("EXPIRED", "h0")
    on_its_last_day = cases.now + timedelta(days=7)
    refused(cases, path, "expired", case_id="EXPIRED", now=on_its_last_day + timedelta(days=1))
    assert cases.run(path, now=on_its_last_day)["people_found"] == 1


def test_replayed(cases: Cases) -> None:
    path = cases.approved("REPLAYED", "h0")
    cases.run(path)
    for written in cases.zones.central.receipts_folder.glob("REPLAYED.*"):
        written.unlink()
    refused(cases, path, "already_carried_out", case_id="REPLAYED")


def test_another_request_under_an_id_that_was_used(cases: Cases) -> None:
    cases.run(cases.approved("USED-ID", "h0"))
    for path in (cases.root / "cases" / "USED-ID").iterdir():
        path.unlink()
    for written in cases.zones.central.receipts_folder.glob("USED-ID.*"):
        written.unlink()
    refused(cases, cases.approved("USED-ID", "h1"), "already_carried_out", case_id="USED-ID")


def test_too_many_people_by_a_request_that_was_made_elsewhere(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [bytes([0, number]) * 8 for number in range(21)]
    with pytest.raises(CaseRefused, match="20 is the most"):
        cases.ask("TOO-MANY", tokens=many)
    assert cases.ask("JUST-ENOUGH", tokens=many[:20])
    path = ask_by_other_software(cases, "TOO-MANY", monkeypatch, tokens=many)
    refused(cases, path, "too_many_people", case_id="TOO-MANY")


def ask_by_other_software(cases: Cases, case_id: str, monkeypatch: pytest.MonkeyPatch, **how: Any) -> Path:
    """Software that checks nothing: the run must."""
    with monkeypatch.context() as lax:
        lax.setattr("central_zone.reidentification.ask.check_request", lambda *_: None)
        return cases.approved(case_id, **how)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"purpose": "curiosity"}, "purpose_not_allowed"),
        ({"days": 31}, "expires_too_late"),
        ({"use": "gpdpr_other"}, "use_not_allowed"),
        ({"made_in_days": 2}, "approval_not_valid"),
    ],
)
def test_what_policy_does_not_allow(
    cases: Cases, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], reason: str
) -> None:
    case_id = f"POLICY-{reason.replace('_', '-').upper()}"
    expires_on = cases.now.date() + timedelta(days=how.pop("days", 7))
    made = cases.now + timedelta(days=how.pop("made_in_days", 0))
    monkeypatch.setattr("central_zone.reidentification.ask._collection_of", lambda *_: "gpdpr")
    tokens = [cases.t3("h0")]
    path = ask_by_other_software(cases, case_id, monkeypatch, tokens=tokens, expires_on=expires_on, now=made, **how)
    refused(cases, path, reason, case_id=case_id)


def test_a_use_under_which_nothing_is_released(cases: Cases) -> None:
    path = cases.approved("NOT-RELEASED", "h0")
    rows = cases.query(
        "DELETE FROM release.released_table RETURNING use_id, table_name, disclosure_id, project_key_version"
    )
    try:
        refused(cases, path, "use_not_released", case_id="NOT-RELEASED")
    finally:
        for row in rows:
            cases.query("INSERT INTO release.released_table VALUES (%s, %s, %s, %s)", *row)


@pytest.mark.parametrize("field", ["purpose", "expires_on", "requested_by"])
def test_a_request_that_was_changed_after_it_was_approved(cases: Cases, field: str) -> None:
    case_id = f"CHANGED-{field.replace('_', '-').upper()}"
    path = cases.approved(case_id, "h0")
    to = {"purpose": "unsafe_treatment", "expires_on": str(cases.now.date()), "requested_by": "Somebody Else"}[field]
    refused(cases, changed(path, **{field: to}), "approval_not_valid", case_id=case_id)


def test_other_people_put_into_a_request(cases: Cases) -> None:
    path = cases.approved("OTHER-PEOPLE", "h0")
    content = json.loads(path.read_bytes())
    path.write_bytes(canonical_json({**content, "tokens": [cases.t3("h1").hex()]}))
    refused(cases, path, "unreadable", case_id=None)


def test_an_approval_of_another_case(cases: Cases) -> None:
    other = cases.approved("ANOTHER-CASE", "h1")
    path = cases.approve(cases.ask("BORROWED", "h0"), ONE)
    name = f"{TWO}.approval.json"
    path.with_name(name).write_bytes(other.with_name(name).read_bytes())
    refused(cases, path, "approval_not_valid", case_id="BORROWED")


def test_a_signature_by_another_key_than_it_names(cases: Cases) -> None:
    path = cases.approved("FORGED", "h0")
    approval = path.with_name(f"{TWO}.approval.json")
    content = json.loads(approval.read_bytes())
    content["signature"] = "0" * 128
    approval.write_bytes(canonical_json(content))
    refused(cases, path, "approval_not_valid", case_id="FORGED")


def test_a_key_that_was_revoked_since_and_one_whose_time_had_not_come(cases: Cases) -> None:
    path = cases.approved("REVOKED", "h0")
    before = {zone: (cases.root / "keys" / zone / "key_register.toml").read_bytes() for zone in ("source", "central")}
    for change in (
        {"revoked_at": cases.now.replace(microsecond=0)},
        {"valid_from": cases.now.replace(microsecond=0) + timedelta(hours=1)},
    ):
        cases.register_again(lambda each, change=change: replace(each, **change) if each.key.name == TWO else each)
        refused(cases, path, "approver_not_valid", case_id="REVOKED")
        with pytest.raises(KeyNotValid):
            cases.approve(path, TWO)
        for zone, data in before.items():
            file = cases.root / "keys" / zone / "key_register.toml"
            file.unlink()
            file.write_bytes(data)
            file.chmod(0o400)
    assert cases.run(path)["people_found"] == 1


def test_a_key_that_signs_parcels_approves_nothing(cases: Cases) -> None:
    path = cases.approve(cases.ask("PARCELS-KEY", "h0"), ONE)
    approval = path.with_name(f"{ONE}.approval.json")
    content = json.loads(approval.read_bytes())
    content["approval"]["signing_key"] = "signing-v1"
    path.with_name("signing-v1.approval.json").write_bytes(canonical_json(content))
    refused(cases, path, "approver_not_valid", case_id="PARCELS-KEY")


def test_the_key_of_another_custodian(cases: Cases, tmp_path: Path) -> None:
    other = tmp_path / "custodian-v1.key"
    other.write_bytes(Recipient().private())
    other.chmod(0o400)
    path = cases.approved("CUSTODIAN", "h0")
    refused(cases, path, "custodian_key", case_id="CUSTODIAN", custodian=other)
    other.chmod(0o444)
    with pytest.raises(KeyRefused, match="can be read by others"):
        cases.run(path, custodian=other)
    assert cases.run(path)["people_found"] == 1


def test_a_store_in_which_a_token_was_pointed_at_somebody_else(cases: Cases) -> None:
    """Whoever can write to the store cannot have another patient answered for than the one in the release."""
    path = cases.approved("POINTED", "h0")
    before, after = cases.t2(cases.patient_t1("h0")).hex(), cases.t2(cases.patient_t1("h1")).hex()
    swap = (
        "UPDATE records.patient SET patient_token = CASE patient_token WHEN %s::uuid THEN %s::uuid ELSE %s::uuid END "
        "WHERE practice_code = 'Y99001' AND patient_token IN (%s::uuid, %s::uuid)"
    )
    cases.query(swap, before, after, before, before, after)
    try:
        refused(cases, path, "escrow_altered", case_id="POINTED")
    finally:
        cases.query(swap, before, after, before, before, after)


def test_an_escrow_that_was_moved_to_another_registration(cases: Cases) -> None:
    path = cases.approved("MOVED-ESCROW", "h0")
    h0, h1 = (cases.t2(cases.registration_t1("Y99001", name)).hex() for name in ("h0", "h1"))
    [(own,)] = cases.query("SELECT sealed FROM custody.escrow WHERE registration_token = %s::uuid", h0)
    cases.query(
        "UPDATE custody.escrow SET sealed = (SELECT sealed FROM custody.escrow WHERE registration_token = %s::uuid) "
        "WHERE registration_token = %s::uuid",
        h1,
        h0,
    )
    try:
        refused(cases, path, "escrow_altered", case_id="MOVED-ESCROW")
    finally:
        cases.query("UPDATE custody.escrow SET sealed = %s WHERE registration_token = %s::uuid", own, h0)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\x00" * 9, b'{"request":1,"tokens":[]}', b"[" * 100_000, b" " * 1_000_001]
)
def test_what_is_no_request(cases: Cases, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "case.request.json"
    path.write_bytes(data)
    refused(cases, path, "unreadable", case_id=None)


@pytest.mark.parametrize("case_id", ["case-1", "9991230009", "CASE-999-123-0009", "A" * 41, "../CASE", "", "A\n"])
def test_an_id_that_could_be_somebodys_or_a_path(cases: Cases, case_id: str) -> None:
    with pytest.raises(CaseRefused, match="capital letters"):
        cases.ask(case_id, "h0")


def test_a_refusal_says_nothing_of_whom_it_was_about() -> None:
    assert "token" not in str(unreadable("it is not canonical JSON of the right kind"))
