"""A manifest is believed only when it is exactly what we would have written."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from crossing.accounting import Counts, CountsDoNotClose, are_counts, check_counts_close
from crossing.errors import PersonMustAct
from crossing.manifest import (
    HPKE_SUITE,
    ClaimOfSigner,
    Manifest,
    ManifestRefused,
    Part,
    bytes_to_sign,
    canonical_json,
    claim_of_signer,
    part_binding,
    read_manifest,
)
from crossing.manifest_fields import FIELDS


def a_manifest(**changes: Any) -> Manifest:
    counts = Counts()
    counts.of("patient").read = 2
    counts.of("patient").sent = 1
    counts.of("patient").held_back["type_one_opt_out"] = 1
    part = Part(
        name="part-00000.hpke",
        table="patient",
        rows=1,
        ciphertext_bytes=1,
        ciphertext_sha256="a" * 64,
        plaintext_bytes=1,
        plaintext_sha256="b" * 64,
    )
    fields: dict[str, Any] = {
        "manifest_version": 3,
        "parcel_id": "7e65c34c-788c-5829-860d-7f8169d7ec3b",
        "collection": "gpdpr",
        "practice_code": "Y99001",
        "supplier_format": "emis_csv",
        "synthetic": True,
        "sequence": 1,
        "previous_manifest_sha256": None,
        "extract_id": "20260902010000",
        "extract_taken_at": "2026-09-02T01:00:00+00:00",
        "extract_kind": "delta",
        "supplier_record_count": None,
        "created_at": "2026-09-02T02:00:00+00:00",
        "not_after": "2026-10-02T02:00:00+00:00",
        "schema_sha256": "0" * 64,
        "policy_sha256": {"practices.csv": "1" * 64},
        "token_key": "token-gpdpr-v1",
        "recipient_key": "recipient-v1",
        "signing_key": "signing-v1",
        "hpke_suite": HPKE_SUITE,
        "software": "gp-collect 0",
        "parts": (part,),
        "counts": counts.as_dict(),
    }
    return Manifest(**{**fields, **changes})


def test_it_reads_back_what_it_wrote() -> None:
    manifest = a_manifest()
    assert read_manifest(manifest.to_bytes()) == manifest


def changed(**changes: Any) -> bytes:
    return canonical_json({**json.loads(a_manifest().to_bytes()), **changes})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"[]",
        b"[" * 100_000,
        changed(unknown_field=1),
        changed(manifest_version=1),
        changed(manifest_version=2),
        changed(bridges_from="token-gpdpr-v0"),  # and is no bridge
        changed(erasures_before=0),  # nor this
        changed(extract_kind="bridge", bridges_from="token-gpdpr-v0"),  # and holds records
        changed(sequence="1"),
        changed(parts=[{"name": "x"}]),
        changed(parts=[]),
        a_manifest().to_bytes() + b" ",
        json.dumps(json.loads(a_manifest().to_bytes())).encode(),
        b"{" + b" " * 1_000_001 + b"}",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestRefused):
        read_manifest(data)


def test_counts_that_do_not_close_are_refused() -> None:
    counts = a_manifest().counts
    counts["tables"]["patient"]["read"] = 3
    with pytest.raises(CountsDoNotClose, match="read 3 rows but 2"):
        read_manifest(a_manifest(counts=counts).to_bytes())


def test_a_part_is_bound_to_its_parcel_its_place_and_the_number_of_parts() -> None:
    here = a_manifest().identity()
    bindings = {
        part_binding(here, 0, 2),
        part_binding(here, 1, 2),
        part_binding(here, 0, 3),
        part_binding(a_manifest(sequence=2).identity(), 0, 2),
    }
    assert len(bindings) == 4


def test_the_signature_covers_the_type_of_the_payload() -> None:
    assert bytes_to_sign(b"{}") == b"DSSEv1 40 application/vnd.gp-collect.manifest+json 2 {}"


def test_errors_say_who_must_act() -> None:
    assert issubclass(ManifestRefused, PersonMustAct)
    assert (PersonMustAct.exit_code, CountsDoNotClose("x").exit_code) == (4, 4)


TEXT = "Mrs Smith 9990548609"
A_TABLE = {"read": 0, "sent": 0, "held_back": {}, "quarantined": {}}


def test_every_field_says_what_may_stand_in_it() -> None:
    assert set(FIELDS) == {field.name for field in fields(Manifest)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("manifest_version", True),
        ("parcel_id", TEXT),
        ("collection", TEXT),
        ("collection", "gpdpr\n"),
        ("practice_code", "9990548609"),
        ("practice_code", "SMITHJOHN"),
        ("practice_code", "Y99001\n"),
        ("practice_code", "Y\u0669\u0669\u0669\u0669\u0669"),
        ("supplier_format", None),
        ("synthetic", 1),
        ("sequence", 0),
        ("sequence", True),
        ("sequence", 1.0),
        ("sequence", 2**31),
        ("sequence", 10**30),
        ("previous_manifest_sha256", TEXT),
        ("extract_id", TEXT),
        ("extract_id", "9990548609"),
        ("extract_id", "x\u0000"),
        ("extract_taken_at", "2026-09-02"),
        ("extract_kind", "increment"),
        ("extract_kind", None),
        ("extract_kind", ["delta"]),
        ("supplier_record_count", -1),
        ("supplier_record_count", TEXT),
        ("supplier_record_count", True),
        ("created_at", "2026-02-30T00:00:00+00:00"),
        ("not_after", "2026-09-02T00:00:00"),
        ("not_after", TEXT),
        ("schema_sha256", "0" * 63),
        ("policy_sha256", 5),
        ("policy_sha256", [TEXT]),
        ("policy_sha256", {TEXT: "1" * 64}),
        ("policy_sha256", {"practices.csv": TEXT}),
        ("token_key", TEXT),
        ("bridges_from", TEXT),
        ("bridges_from", 1),
        ("erasures_before", -1),
        ("erasures_before", True),
        ("erasures_before", TEXT),
        ("recipient_key", "../recipient-v1"),
        ("signing_key", "\ud800"),
        ("hpke_suite", TEXT),
        ("software", "x\u0000y"),
        ("software", TEXT),
        ("software", "smith 9990548609"),
        ("parts", {}),
        ("parts", ["x"]),
        ("parts", 5),
    ],
)
def test_a_field_that_does_not_hold_what_it_is_for_is_refused_by_its_name_alone(field: str, value: Any) -> None:
    with pytest.raises(ManifestRefused, match=f"field {field} ") as refused:
        read_manifest(changed(**{field: value}))
    assert "9990548609" not in str(refused.value)


@pytest.mark.parametrize(
    "part", [{"rows": "1"}, {"rows": []}, {"rows": -1}, {"rows": True}, {"rows": 10**9}, {"table": TEXT}, {"table": []}]
)
def test_a_part_of_another_kind_is_refused(part: dict[str, Any]) -> None:
    (whole,) = json.loads(a_manifest().to_bytes())["parts"]
    with pytest.raises(ManifestRefused, match="field parts "):
        read_manifest(changed(parts=[{**whole, **part}]))


@pytest.mark.parametrize(
    "counts",
    [
        {"note": TEXT},
        {"tables": []},
        {"tables": {TEXT: A_TABLE}},
        {"tables": {"medication": []}},
        {"tables": {"medication": {"read": 0}}},
        {"tables": {"medication": {**A_TABLE, "read": TEXT}}},
        {"tables": {"medication": {**A_TABLE, "read": 0.0}}},
        {"tables": {"medication": {**A_TABLE, "read": False}}},
        {"tables": {"medication": {**A_TABLE, "note": 1}}},
        {"tables": {"medication": {**A_TABLE, "held_back": []}}},
        {"tables": {"medication": {**A_TABLE, "held_back": {"a": "b"}}}},
        {"tables": {"medication": {**A_TABLE, "held_back": {"x": -5}, "quarantined": {"y": 5}}}},
        {"tables": {"medication": {**A_TABLE, "read": 1, "held_back": {TEXT: 1}}}},
        {"tables": {"medication": {**A_TABLE, "read": 1, "held_back": {"n9990548609": 1}}}},
        {"patients_may_leave": 9_990_548_609},
        {"patients_held_back": {TEXT: 1}},
        {"reference_rows": {TEXT: 1}},
        {"reference_rows": {"Born_17051960": 1}},
        {"not_collected": {"x": None}},
        {"generalised": {"sex": "Mrs Smith"}},
    ],
)
def test_counts_hold_whole_numbers_under_known_names_and_nothing_else(counts: dict[str, Any]) -> None:
    whole = a_manifest().counts
    tables = {**whole["tables"], **counts["tables"]} if isinstance(counts.get("tables"), dict) else counts.get("tables")
    changes = {**counts, "tables": whole["tables"] if tables is None else tables}
    with pytest.raises(ManifestRefused, match="field counts ") as refused:
        read_manifest(changed(counts={**whole, **changes}))
    assert "9990548609" not in str(refused.value)


def test_counts_that_leave_out_a_table_that_was_sent_are_refused() -> None:
    with pytest.raises(ManifestRefused, match="patient: the parts hold 1 rows but the counts say 0 were sent"):
        read_manifest(changed(counts={**a_manifest().counts, "tables": {}}))


def test_checking_counts_names_no_table_it_does_not_know() -> None:
    counts = {**a_manifest().counts, "tables": {TEXT: {**A_TABLE, "read": "born 17/05/1960"}}}
    with pytest.raises(CountsDoNotClose) as told:
        check_counts_close(counts)
    assert "9990548609" not in str(told.value)
    assert "1960" not in str(told.value)


def test_the_names_that_adapters_count_under_may_stand_in_counts() -> None:
    counts = Counts()
    counts.reference_rows.update({"Coding_ClinicalCode": 1, "repeated_Patient": 1})
    counts.not_collected.update(["further_code_of_the_same_system", "AllergyIntolerance.reaction"])
    counts.generalised.update(["ctv3_code", "read_v2_code"])
    assert are_counts(counts.as_dict())


def test_the_signer_is_named_without_looking_at_anything_else() -> None:
    assert claim_of_signer(
        b'{"signing_key":"signing-v1","created_at":"2026-09-02T02:00:00Z","counts":[]}'
    ) == ClaimOfSigner("signing-v1", datetime(2026, 9, 2, 2, tzinfo=UTC))


NO_TIME = b'{"created_at":"2026-09-02","signing_key":"signing-v1"}'


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"signing_key":5}', NO_TIME, b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}"]
)
def test_a_manifest_that_names_no_signer_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestRefused):
        claim_of_signer(data)
