"""A manifest is believed only when it is exactly what we would have written."""

import json
from typing import Any

import pytest

from crossing.accounting import Counts, CountsDoNotClose
from crossing.errors import PersonMustAct
from crossing.manifest import (
    Manifest,
    ManifestRefused,
    Part,
    bytes_to_sign,
    canonical_json,
    part_binding,
    read_manifest,
)


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
        ciphertext_sha256="a",
        plaintext_bytes=1,
        plaintext_sha256="b",
    )
    fields: dict[str, Any] = {
        "manifest_version": 1,
        "parcel_id": "p",
        "collection": "gpdpr",
        "practice_code": "Y99001",
        "supplier_format": "emis_csv",
        "synthetic": True,
        "sequence": 1,
        "previous_manifest_sha256": None,
        "extract_id": "20260902010000",
        "extract_taken_at": "2026-09-02T01:00:00+00:00",
        "created_at": "2026-09-02T02:00:00+00:00",
        "not_after": "2026-10-02T02:00:00+00:00",
        "schema_sha256": "s",
        "policy_sha256": {},
        "token_key": "token-gpdpr-v1",
        "recipient_key": "recipient-v1",
        "signing_key": "signing-v1",
        "hpke_suite": "x",
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
        changed(manifest_version=2),
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
