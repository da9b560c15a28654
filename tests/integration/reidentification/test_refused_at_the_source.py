"""The source believes nobody: not the centre, not the centre with its custodian. Refused, in the book, and nothing is told.

Here the centre was taken over: it has all its keys and the custodian's, and signs what it likes.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_zone.reidentification.case_keys import SUITE, case_recipient
from crossing.answers import CASE_FILE, PAYLOAD_TYPES, bytes_to_sign
from crossing.case_file import Asked, binding, case_file_name, content_of, people_to_bytes
from crossing.case_request import Approval, CaseRefused, CaseRequest, read_approval, read_request
from crossing.manifest import canonical_json
from source_zone.reidentification import answer_case as answer_case_module
from source_zone.reidentification.answer_case import AnswersFolderUnusable
from source_zone.reidentification.case_book import CaseBookBroken
from source_zone.settings import SettingMissing
from support.cases import HERE, ONE, THERE, TWO, Cases

Change = Callable[[dict[str, Any]], dict[str, Any]]


def by_a_bad_centre(
    cases: Cases,
    path: Path,
    *,
    code: str = HERE,
    people: list[Asked] | None = None,
    change: Change = lambda content: content,
    approvals: list[Approval] | None = None,
    request: CaseRequest | None = None,
    signing_key: str = "receipt-signing-v1",
    signed_by: Path | None = None,
    sealed_for: str | None = None,
) -> str:
    """A case file as the centre could make it if nothing held it back but the source."""
    asked = request or read_request(path.read_bytes())[0]
    shown = [read_approval(each.read_bytes()) for each in sorted(path.parent.glob("*.approval.json"))]
    sealed = SUITE.encrypt(
        people_to_bytes(people if people is not None else [of(cases, "h0")]),
        case_recipient(cases.zones.central.keys_folder),
        info=binding(asked, sealed_for or code),
    )
    approved = tuple(shown if approvals is None else approvals)
    content = change(content_of(asked, approved, code, recipient_key="case-recipient-v1", sealed=sealed))
    key = (signed_by or cases.zones.central.keys_folder / "receipt-signing-v1.key").read_bytes()
    signature = Ed25519PrivateKey.from_private_bytes(key).sign(bytes_to_sign(content, PAYLOAD_TYPES[CASE_FILE]))
    name = case_file_name(asked.case_id, code)
    data = canonical_json({CASE_FILE: content, "signing_key": signing_key, "signature": signature.hex()})
    cases.zones.central.receipts_folder.mkdir(exist_ok=True)
    (cases.zones.central.receipts_folder / name).write_bytes(data)
    return name


def of(cases: Cases, name: str, *, code: str = HERE, reference: int = 1, **how: Any) -> Asked:
    return Asked(
        **{
            "reference": reference,
            "token_key": "token-gpdpr-v1",
            "registration": cases.registration_t1(code, name),
            "patient": cases.patient_t1(name),
            **how,
        }
    )


def refused(cases: Cases, name: str, reason: str, **how: Any) -> None:
    told = {path for path in (cases.root / "answers").rglob("*") if path.is_file()}
    with pytest.raises(CaseRefused) as refusal:
        cases.answer(name, **how)
    assert refusal.value.reason == reason
    line = cases.book()[-1]
    assert (line["what"], line["reason"]) == ("refused", reason)
    assert {path for path in (cases.root / "answers").rglob("*") if path.is_file()} == told


def test_the_same_software_would_answer_it_if_it_were_approved(cases: Cases) -> None:
    name = by_a_bad_centre(cases, cases.approved("CONTROL", "h0"))
    assert cases.answer(name)["told"] == 1


def test_no_approval_one_and_the_same_one_twice(cases: Cases) -> None:
    path = cases.approved("ALONE", "h0")
    both = [read_approval(path.with_name(f"{each}.approval.json").read_bytes()) for each in (ONE, TWO)]
    for approvals, reason in (
        ([], "too_few_approvals"),
        (both[:1], "too_few_approvals"),
        ([both[0], both[0]], "same_person_twice"),
    ):
        refused(cases, by_a_bad_centre(cases, path, approvals=approvals), reason)


def test_one_person_with_two_keys(cases: Cases) -> None:
    cases.enter_approver("approver-three-v1", "Approver One, development")
    path = cases.approve(cases.ask("TWO-KEYS", "h0"), ONE, "approver-three-v1")
    refused(cases, by_a_bad_centre(cases, path), "same_person_twice")


def test_an_approver_whom_only_the_centre_knows(cases: Cases) -> None:
    """The centre enters a friend into its own register. Ours is another file."""
    before = (cases.zones.source.keys / "key_register.toml").read_bytes()
    cases.enter_approver("approver-friend-v1", "A. Friend")
    path = cases.approve(cases.ask("FRIEND", "h0"), ONE, "approver-friend-v1")
    register = cases.zones.source.keys / "key_register.toml"
    register.unlink()
    register.write_bytes(before)
    register.chmod(0o400)
    refused(cases, by_a_bad_centre(cases, path), "approver_not_valid")


def test_an_approver_who_was_revoked_here(cases: Cases) -> None:
    path = cases.approved("REVOKED", "h0")
    revoked_at = cases.now.replace(microsecond=0)
    cases.register_again(lambda each: replace(each, revoked_at=revoked_at) if each.key.name == TWO else each, "source")
    name = by_a_bad_centre(cases, path)
    refused(cases, name, "approver_not_valid")
    cases.register_again(lambda each: replace(each, revoked_at=None), "source")
    assert cases.answer(name)["told"] == 1


def test_expired_when_it_gets_here(cases: Cases) -> None:
    path = cases.approved("EXPIRED", "h0")
    refused(cases, by_a_bad_centre(cases, path), "expired", now=cases.now + timedelta(days=8))


def test_replayed(cases: Cases) -> None:
    path = cases.approved("REPLAYED", "h0")
    name = by_a_bad_centre(cases, path)
    cases.answer(name)
    answer = cases.root / "answers" / HERE / "REPLAYED.csv"
    answer.unlink()  # the practice took it
    refused(cases, name, "already_carried_out")
    refused(cases, by_a_bad_centre(cases, path), "already_carried_out")  # sealed anew, so other bytes
    refused(
        cases, by_a_bad_centre(cases, path, people=[of(cases, "h1")]), "already_carried_out"
    )  # with somebody else in it


def test_another_request_under_the_same_id(cases: Cases) -> None:
    cases.answer(by_a_bad_centre(cases, cases.approved("SAME-ID", "h0")))
    for file in (cases.root / "cases" / "SAME-ID").iterdir():
        file.unlink()
    path = cases.approved("SAME-ID", "t1")
    refused(cases, by_a_bad_centre(cases, path, code=THERE), "already_carried_out")


def test_too_many_people_and_people_beyond_those_approved(cases: Cases) -> None:
    path = cases.approved("BEYOND", "h0", "h1")
    beyond = [of(cases, "h0"), of(cases, "h1", reference=2), of(cases, "h2", reference=3)]
    refused(cases, by_a_bad_centre(cases, path, people=beyond), "unreadable")
    as_one = [of(cases, "h0"), of(cases, "h1"), of(cases, "h2")]
    refused(cases, by_a_bad_centre(cases, path, people=as_one), "unreadable")
    request = replace(read_request(path.read_bytes())[0], people=21)
    refused(cases, by_a_bad_centre(cases, path, request=request), "approval_not_valid")


@pytest.mark.parametrize("field", ["people", "purpose", "expires_on", "case_id", "use"])
def test_a_request_that_was_changed_after_it_was_approved(cases: Cases, field: str) -> None:
    path = cases.approved(f"CHANGED-{field.replace('_', '-').upper()}", "h0")
    request = read_request(path.read_bytes())[0]
    changes = {
        "people": 20,
        "purpose": "unsafe_treatment",
        "expires_on": request.expires_on + timedelta(days=1),
        "case_id": "CHANGED",
        "use": "another",
    }
    changed = replace(request, **{field: changes[field]})
    refused(cases, by_a_bad_centre(cases, path, request=changed), "approval_not_valid")


def test_approved_by_two_and_yet_not_allowed_by_policy(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central_zone.reidentification.ask.check_request", lambda *_: None)
    path = cases.approved("CURIOUS", "h0", purpose="curiosity")
    refused(cases, by_a_bad_centre(cases, path), "purpose_not_allowed")
    many = [bytes([0, number]) * 8 for number in range(21)]
    refused(cases, by_a_bad_centre(cases, cases.approved("MANY", tokens=many)), "too_many_people")


def test_a_case_file_of_another_practice(cases: Cases) -> None:
    path = cases.approved("OTHER-PRACTICE", "h0")
    folder = cases.zones.central.receipts_folder
    name = by_a_bad_centre(cases, path)
    other = case_file_name("OTHER-PRACTICE", THERE)
    (folder / other).write_bytes((folder / name).read_bytes())
    refused(cases, other, "unreadable")
    refused(cases, by_a_bad_centre(cases, path, code=THERE, sealed_for=HERE), "unreadable")
    refused(cases, by_a_bad_centre(cases, path, code="Y99008"), "unreadable")
    there = cases.answer(by_a_bad_centre(cases, path, code=THERE))  # sealed for it, with a patient of another
    assert (there["told"], there["not_told"]) == (0, {"not_at_this_practice": 1})


def tampered(cases: Cases, case_id: str, change: Change) -> str:
    name = by_a_bad_centre(cases, cases.approved(case_id, "h0"))
    path = cases.zones.central.receipts_folder / name
    path.write_bytes(canonical_json(change(json.loads(path.read_bytes()))))
    return name


def other_sealed(content: dict[str, Any]) -> dict[str, Any]:
    sealed = bytearray(base64.b64decode(content[CASE_FILE]["sealed"]))
    sealed[-1] ^= 1
    content[CASE_FILE]["sealed"] = base64.b64encode(bytes(sealed)).decode()
    return content


@pytest.mark.parametrize(
    "change",
    [
        other_sealed,
        lambda content: {**content, "signature": "00" * 64},
        lambda content: {**content, "signing_key": "receipt-signing-v2"},
        lambda content: {**content, CASE_FILE: {**content[CASE_FILE], "practice_code": THERE}},
    ],
    ids=["sealed", "signature", "key", "practice"],
)
def test_a_case_file_that_was_changed_on_its_way(cases: Cases, change: Change, request: pytest.FixtureRequest) -> None:
    name = tampered(cases, f"TAMPERED-{request.node.callspec.id.upper()}", change)
    refused(cases, name, "unreadable")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: {**content, "more": 1},
        lambda content: {**content, "version": 2},
        lambda content: {**content, "sealed": "***"},
        lambda content: {**content, "practice_code": "../Y99001"},
        lambda content: {**content, "approvals": {}},
        lambda content: {**content, "request": {**content["request"], "people": "1"}},
    ],
    ids=["more", "version", "sealed", "path", "approvals", "people"],
)
def test_a_signed_case_file_of_another_shape(cases: Cases, change: Change, request: pytest.FixtureRequest) -> None:
    path = cases.approved(f"SHAPE-{request.node.callspec.id.upper()}", "h0")
    refused(cases, by_a_bad_centre(cases, path, change=change), "unreadable")


def test_signed_with_a_key_that_is_for_something_else(cases: Cases) -> None:
    path = cases.approved("OTHER-KEY", "h0")
    approver = cases.root / "keys" / "approvers" / f"{ONE}.key"
    refused(cases, by_a_bad_centre(cases, path, signing_key=ONE, signed_by=approver), "unreadable")


def test_a_receipt_is_no_case_file(cases: Cases) -> None:
    receipt = next(cases.zones.central.receipts_folder.glob("*.receipt.json"))
    refused(cases, receipt.name, "unreadable")
    refused(cases, "NOT-THERE.Y99001.case.json", "unreadable")


def test_tokens_of_another_person_at_the_same_registration(cases: Cases) -> None:
    mixed = [of(cases, "h0", patient=cases.patient_t1("h1"))]
    said = cases.answer(by_a_bad_centre(cases, cases.approved("MIXED", "h0"), people=mixed))
    assert (said["told"], said["not_told"]) == (0, {"another_person_by_now": 1})


def test_tokens_made_with_a_key_that_is_destroyed_or_of_another_collection(cases: Cases) -> None:
    path = cases.approved("OLD-KEY", "h0")
    destroyed = [of(cases, "h0", **{"token_key": "token-gpdpr-v7"})]
    refused(cases, by_a_bad_centre(cases, path, people=destroyed), "key_destroyed")
    elsewhere = [of(cases, "h0", **{"token_key": "token-other-v1"})]
    refused(cases, by_a_bad_centre(cases, path, people=elsewhere), "unreadable")


def test_a_list_that_is_too_old(cases: Cases) -> None:
    policy = cases.zones.source.policy_folder / "collections" / "gpdpr.toml"
    whole = policy.read_text()
    policy.write_text(whole.replace("stale_after_days = 7300", "stale_after_days = 7"))
    name = by_a_bad_centre(cases, cases.approved("OLD-LIST", "h0"))
    refused(cases, name, "list_is_old")
    policy.write_text(whole)
    assert cases.answer(name)["told"] == 1


def test_without_a_folder_for_answers_nothing_is_opened(cases: Cases, tmp_path: Path) -> None:
    name = by_a_bad_centre(cases, cases.approved("NO-FOLDER", "h0"))
    before, whole = len(cases.book()), cases.zones
    try:
        cases.zones = replace(whole, source=replace(whole.source, practice_answers=None))
        with pytest.raises(SettingMissing, match="GP_PRACTICE_ANSWERS_DIR"):
            cases.answer(name)
        (tmp_path / "file").touch()
        cases.zones = replace(whole, source=replace(whole.source, practice_answers=tmp_path / "file"))
        with pytest.raises(AnswersFolderUnusable):
            cases.answer(name)
    finally:
        cases.zones = whole
    assert [line["what"] for line in cases.book()[before:]] == ["begun"]
    assert cases.answer(name)["told"] == 1  # begun and never answered: the very same file goes on


_KILLS_ITSELF = """
import os, signal, sys
from source_zone.reidentification import answer_case, case_book
append = case_book.CaseBook.append
def killed(self, what, at, **said):
    if what == case_book.ANSWERED:
        os.kill(os.getpid(), signal.SIGKILL)
    append(self, what, at, **said)
case_book.CaseBook.append = killed
from source_zone import settings
from pathlib import Path
answer_case.answer_case(Path(sys.argv[1]), answer_case.Desk(settings.load()))
"""


def test_a_run_that_is_killed_after_it_told_the_practice_tells_it_once(cases: Cases) -> None:
    path = cases.approved("KILLED", "h0")
    name = by_a_bad_centre(cases, path)
    ran = subprocess.run(
        [sys.executable, "-c", _KILLS_ITSELF, str(cases.zones.central.receipts_folder / name)],
        capture_output=True,
        text=True,
        check=False,
        env=environment_of(cases),
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    first = cases.told(HERE, "KILLED")
    assert first
    kept = (cases.zones.central.receipts_folder / name).read_bytes()
    refused(cases, by_a_bad_centre(cases, path, people=[of(cases, "h1")]), "already_carried_out")
    (cases.zones.central.receipts_folder / name).write_bytes(kept)
    assert cases.answer(name)["told"] == 1
    assert cases.told(HERE, "KILLED") == first
    refused(cases, name, "already_carried_out")


def environment_of(cases: Cases) -> dict[str, str]:
    source = cases.zones.source
    return {
        **os.environ,
        "PYTHONPATH": str(Path(answer_case_module.__file__).parents[2]),
        "GP_SOURCE_KEYS_DIR": str(source.keys),
        "GP_SOURCE_WORK_DIR": str(source.spool),
        "GP_SOURCE_STATE_DIR": str(source.memory),
        "GP_INCOMING_DIR": str(source.incoming),
        "GP_OUTBOX_DIR": str(source.outbox),
        "GP_POLICY_DIR": str(source.policy_folder),
        "GP_PRACTICE_ANSWERS_DIR": str(source.practice_answers),
    }


def test_the_command_prints_counts_and_never_who(cases: Cases) -> None:
    name = by_a_bad_centre(cases, cases.approved("COMMAND", "h0"))
    ask = [sys.executable, "-c", "import sys; from source_zone.command_line import main; sys.exit(main())"]
    path = str(cases.zones.central.receipts_folder / name)
    answered, again = (
        subprocess.run(
            [*ask, "reidentify", path], capture_output=True, text=True, check=False, env=environment_of(cases)
        )
        for _ in range(2)
    )
    assert answered.returncode == 0, answered.stderr
    assert json.loads(answered.stdout) == {
        "case": "COMMAND",
        "practice_code": HERE,
        "purpose": "finding_that_needs_care",
        "state": "answered",
        "people": 1,
        "told": 1,
        "not_told": {},
    }
    assert (again.returncode, again.stdout) == (4, "")
    assert "it was answered before" in again.stderr


def test_a_book_that_was_changed_or_cut_short_inside_answers_nothing(cases: Cases) -> None:
    """Last: nothing can be answered after it."""
    name = by_a_bad_centre(cases, cases.approved("BOOK", "h0"))
    book = cases.root / "memory" / ".reidentification" / "cases.jsonl"
    whole = book.read_bytes()
    book.write_bytes(whole + b'{"what":"answe')  # a run that was killed while it wrote
    assert cases.answer(name)["told"] == 1
    for broken in (whole.replace(b"answered", b"refused!", 1), whole.split(b"\n", 1)[1]):
        book.write_bytes(broken)
        with pytest.raises(CaseBookBroken):
            cases.answer(name)
    book.write_bytes(whole)
