"""A request and an approval are read strictly; policy about cases is closed; a refusal is one of those that are known."""

import ast
import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossing.case_file import Asked, people_of, people_to_bytes
from crossing.case_request import (
    REFUSALS,
    CaseRefused,
    CaseRequest,
    approval_of,
    is_case_id,
    read_request,
    request_bytes,
    tokens_sha256,
)
from crossing.case_rules import read_case_rules
from crossing.manifest import canonical_json
from crossing.policy import Policy, PolicyRefused, policy_folder

TOKENS = ["00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"]
REQUEST = CaseRequest(
    version=1,
    case_id="CASE-1",
    use="example_respiratory_demand",
    collection="gpdpr",
    purpose="finding_that_needs_care",
    people=2,
    tokens_sha256=tokens_sha256(TOKENS),
    requested_by="R. Searcher",
    created_at="2026-11-26T12:00:00+00:00",
    expires_on=date(2026, 12, 1),
)
APPROVAL = {
    "approval": {
        "approved_at": "2026-11-26T12:00:00+00:00",
        "case_id": "CASE-1",
        "request_sha256": "ab" * 32,
        "signing_key": "approver-one-v1",
    },
    "signature": "cd" * 64,
}
SOURCES = Path(__file__).parents[3] / "include"


def test_a_request_is_read_as_it_was_written() -> None:
    assert read_request(request_bytes(REQUEST, TOKENS)) == (REQUEST, tuple(map(bytes.fromhex, TOKENS)))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": True},
        {"case_id": "case"},
        {"use": "Use"},
        {"people": 0},
        {"people": 3},
        {"people": True},
        {"tokens_sha256": "0"},
        {"requested_by": "9991230009"},
        {"requested_by": ""},
        {"created_at": "2026-11-26"},
        {"created_at": "2026-11-26T12:00:00"},
        {"expires_on": "20261201"},
        {"more": 1},
    ],
)
def test_a_field_that_does_not_hold_what_it_is_for(changes: dict[str, object]) -> None:
    data = canonical_json({"request": {**REQUEST.as_dict(), **changes}, "tokens": TOKENS})
    with pytest.raises(CaseRefused) as refused:
        read_request(data)
    assert refused.value.reason == "unreadable"
    assert "9991230009" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(REQUEST.as_dict()))
def test_a_field_that_is_missing(name: str) -> None:
    content = {key: value for key, value in REQUEST.as_dict().items() if key != name}
    with pytest.raises(CaseRefused):
        read_request(canonical_json({"request": content, "tokens": TOKENS}))


@pytest.mark.parametrize("tokens", [TOKENS[::-1], TOKENS[:1], [TOKENS[0], TOKENS[0]], [TOKENS[0], "x"], "ab", None])
def test_other_tokens_than_those_it_counts_and_hashes(tokens: object) -> None:
    with pytest.raises(CaseRefused):
        read_request(canonical_json({"request": REQUEST.as_dict(), "tokens": tokens}))


@pytest.mark.parametrize("spelt", [{"indent": 1}, {"separators": (", ", ": ")}])
def test_the_same_in_other_bytes_is_not_the_same(spelt: dict[str, object]) -> None:
    content = {"request": REQUEST.as_dict(), "tokens": TOKENS}
    with pytest.raises(CaseRefused):
        read_request(json.dumps(content, sort_keys=True, **spelt).encode())


@given(st.binary(max_size=300))
def test_anything_else_is_refused_and_nothing_of_it_quoted(data: bytes) -> None:
    with pytest.raises(CaseRefused) as refused:
        read_request(data)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "change",
    [
        lambda said: {**said, "more": 1},
        lambda said: {**said, "signature": "cd"},
        lambda said: {**said, "approval": {**said["approval"], "more": 1}},
        lambda said: {**said, "approval": {**said["approval"], "signing_key": "../x"}},
        lambda said: {**said, "approval": {**said["approval"], "approved_at": "yesterday"}},
        lambda _: [],
        lambda _: None,
    ],
)
def test_an_approval_of_another_shape(change: object) -> None:
    assert approval_of(APPROVAL).signing_key == "approver-one-v1"
    with pytest.raises(CaseRefused):
        approval_of(change(APPROVAL))  # type: ignore[operator]


@pytest.mark.parametrize("case_id", ["9991230009", "A999-123-0009", "A9991230009", "a-1", "A--1", "-A", "AB", 7, None])
def test_an_id_that_could_be_somebodys_number_is_none(case_id: object) -> None:
    assert is_case_id("CASE-1")
    assert is_case_id("INC-2026-00123")
    assert not is_case_id(case_id)


def an_asked(reference: int, byte: int) -> Asked:
    key = "token-gpdpr-v1"
    return Asked(reference=reference, token_key=key, registration=bytes([byte]) * 16, patient=bytes([byte]) * 16)


def test_who_is_sealed_is_read_as_it_was_written_and_never_more_people_than_approved() -> None:
    people = [an_asked(1, 1), an_asked(2, 2)]
    assert people_of(people_to_bytes(people), REQUEST) == people
    assert len(people_to_bytes(people)) == len(people_to_bytes([an_asked(1, 1)]))
    for wrong in ([an_asked(3, 1)], [an_asked(0, 1)], [an_asked(1, 1), an_asked(1, 2)]):
        with pytest.raises(CaseRefused):
            people_of(people_to_bytes(wrong), REQUEST)


@given(st.binary(max_size=200))
def test_whatever_else_was_sealed_is_refused(data: bytes) -> None:
    with pytest.raises(CaseRefused):
        people_of(data, REQUEST)


def test_no_repr_shows_a_token() -> None:
    assert "0101" not in repr(an_asked(1, 1))
    assert "x01" not in repr(an_asked(1, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kept = true", 'kept = "yes"'),
        ("[approvers]\nvalue = 2", "[approvers]\nvalue = 1"),
        ("value = 20", "value = 0"),
        ("value = 20", "value = true"),
        ("value = 30", "value = 30.5"),
        ("[escrow]", "[escrows]"),
        ("[people_a_case]", "[more]\nvalue = 1\n\n[people_a_case]"),
        ('why = "The patient would want it', 'because = "The patient would want it'),
        ('source = "As escrow."', 'source = ""'),
    ],
)
def test_policy_about_cases_is_closed(tmp_path: Path, old: str, new: str) -> None:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    path = tmp_path / "policy" / "reidentification.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(PolicyRefused):
        read_case_rules(Policy(tmp_path / "policy"))


def test_every_use_that_a_case_may_be_about_has_an_entry_of_the_register() -> None:
    policy = Policy()
    assert read_case_rules(policy).uses <= set(policy.data_uses())
    assert read_case_rules(policy).approvers == 2


def test_every_refusal_is_one_of_those_with_words_and_each_of_those_is_used() -> None:
    used = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CaseRefused":
                assert isinstance(node.args[0], ast.Constant), path
                used.add(node.args[0].value)
    assert used == set(REFUSALS)


def test_the_hash_covers_every_field() -> None:
    changes = {
        "version": 2,
        "case_id": "CASE-2",
        "use": "other",
        "collection": "other",
        "purpose": "other",
        "people": 3,
        "tokens_sha256": "00" * 32,
        "requested_by": "Other",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        "expires_on": date(2026, 12, 2),
    }
    assert changes.keys() == REQUEST.as_dict().keys()
    assert len({REQUEST.sha256(), *(replace(REQUEST, **{name: to}).sha256() for name, to in changes.items())}) == 11
