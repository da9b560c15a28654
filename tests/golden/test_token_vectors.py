"""docs/token-vectors.json: what we publish is what a few lines of the standard library make, and what the zones make.

Fixed for good: a vector that changes takes the meaning from every token ever made. Nothing here renews the file.
"""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_zone import keys as central_keys
from central_zone.erasures.marks import marks_of
from central_zone.tokens import as_hex, with_store_tokens
from crossing.canonical import schema
from crossing.identifiers import canonical_nhs_number
from crossing.key_files import KeyRefused
from crossing.tokens import keyed_tokens
from key_custody.known_keys import check_unknown
from source_zone.canonical_forms import canonical_local_ids
from source_zone.keys import LOCAL_ID, NHS_NUMBER, TOKEN_FIELDS, SourceKeys, field_key
from source_zone.pseudonymise import tokens_of_people
from support import tokens_by_hand as by_hand

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "token-vectors.json").read_text())
ROOTS = {name: bytes.fromhex(key) for name, key in VECTORS["keys"].items()}
SUB_KEYS = {each["info"]: bytes.fromhex(each["sub_key"]) for each in VECTORS["sub_keys"]}
FORMS = [(field, each) for field, cases in VECTORS["canonical_forms"].items() for each in cases]
STORE, MARK = "gp-collect|store|v1", "gp-collect|erasure|v1"


def name_of(each: Any) -> str:
    return ascii(each.get("written", each.get("info", each.get("of")))) if isinstance(each, dict) else ascii(each)


def test_the_independent_lines_share_nothing_with_ours() -> None:
    tree = ast.parse(Path(by_hand.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported == {"hashlib", "hmac"} <= sys.stdlib_module_names


def test_there_is_a_vector_for_everything_that_is_ever_hashed() -> None:
    assert {each["field"] for each in VECTORS["identifiers"]} == set(TOKEN_FIELDS) == set(VECTORS["canonical_forms"])
    assert all({"T1", "T2", "T3", "mark"} <= each.keys() for each in VECTORS["later"])
    assert len({each["token"] for each in VECTORS["identifiers"]}) == len(
        {(each["info"], each["message"]) for each in VECTORS["identifiers"]}
    )


@pytest.mark.parametrize("key", [*ROOTS.values(), *SUB_KEYS.values()], ids=lambda key: key.hex()[:8])
def test_no_zone_takes_a_key_that_is_published_here(key: bytes) -> None:
    with pytest.raises(KeyRefused):
        check_unknown("token-gpdpr-v1", key)


# --- by hand ---


@pytest.mark.parametrize("vector", VECTORS["sub_keys"], ids=name_of)
def test_sub_keys_by_hand(vector: dict[str, str]) -> None:
    assert by_hand.hkdf(ROOTS[vector["root"]], vector["info"].encode()).hex() == vector["sub_key"]


@pytest.mark.parametrize(("field", "vector"), FORMS, ids=name_of)
def test_canonical_forms_by_hand(field: str, vector: dict[str, Any]) -> None:
    form = by_hand.local_form if field == LOCAL_ID else by_hand.person_form
    assert form(vector["written"]) == vector["form"]


@pytest.mark.parametrize("vector", VECTORS["identifiers"], ids=name_of)
def test_first_tokens_by_hand(vector: dict[str, str]) -> None:
    if vector["field"] == LOCAL_ID:
        form = by_hand.local_form(vector["written"])
        message = by_hand.local_message(vector["practice_code"], str(form))
    else:
        form = by_hand.person_form(vector["written"])
        message = by_hand.person_message(str(form))
    assert (form, message.hex()) == (vector["form"], vector["message"])
    assert by_hand.token(SUB_KEYS[vector["info"]], message).hex() == vector["token"]


@pytest.mark.parametrize("vector", VECTORS["later"], ids=name_of)
def test_later_tokens_by_hand(vector: dict[str, Any]) -> None:
    second = by_hand.token(SUB_KEYS[STORE], by_hand.next_message(bytes.fromhex(vector["T1"])))
    assert second.hex() == vector["T2"]
    assert by_hand.token(SUB_KEYS[MARK], by_hand.next_message(second)).hex() == vector["mark"]
    for info, third in vector["T3"].items():
        assert by_hand.token(SUB_KEYS[info], by_hand.next_message(second)).hex() == third


# --- by the zones ---


@pytest.mark.parametrize("vector", VECTORS["sub_keys"], ids=name_of)
def test_sub_keys_by_the_zones(vector: dict[str, str]) -> None:
    root, info = ROOTS[vector["root"]], vector["info"]
    if vector["root"].startswith("token-"):
        _, _, collection, field, version = info.split("|")
        assert field_key(root, collection, field, int(version[1:])).hex() == vector["sub_key"]
    else:
        assert central_keys.sub_key(root, info.encode()).hex() == vector["sub_key"]


def test_the_stores_labels_are_the_published_ones() -> None:
    published = {each["info"] for each in VECTORS["sub_keys"] if each["root"] == "store-v1"}
    used = {central_keys.STORE_PURPOSE.decode(), central_keys.ERASURE_PURPOSE.decode()}
    used |= {central_keys.project_label("example_respiratory_demand", version) for version in (1, 2)}
    assert used == published


@pytest.mark.parametrize(("field", "vector"), FORMS, ids=name_of)
def test_canonical_forms_by_the_source(field: str, vector: dict[str, Any]) -> None:
    written = vector["written"]
    form = canonical_local_ids(pl.Series([written])).item() if field == LOCAL_ID else canonical_nhs_number(written)
    assert form == vector["form"]


def source_keys(version: str) -> SourceKeys:
    return SourceKeys(
        token_key_name=f"token-gpdpr-{version}",
        token_key_version=int(version.removeprefix("v")),
        token_keys={each: SUB_KEYS[f"gp-collect|1|gpdpr|{each}|{version}"] for each in TOKEN_FIELDS},
        memory_key=bytes(32),
        signing_key=Ed25519PrivateKey.generate(),
        recipient_key=None,  # type: ignore[arg-type]  # nothing is sealed here
    )


@pytest.mark.parametrize("vector", VECTORS["identifiers"], ids=name_of)
def test_first_tokens_by_the_source(vector: dict[str, str]) -> None:
    keys = source_keys(vector["info"].rpartition("|")[2])
    ids = {"registration_id": "another", "nhs_number": None, FIELD_OF[vector["field"]]: vector["written"]}
    made = tokens_of_people(pl.DataFrame([ids]), vector.get("practice_code", "C12345"), keys)
    column = "registration_token" if vector["field"] == LOCAL_ID else "patient_token"
    assert made[column][0].as_py().hex() == vector["token"]


FIELD_OF = {LOCAL_ID: "registration_id", NHS_NUMBER: "nhs_number"}


@pytest.mark.parametrize("vector", VECTORS["later"], ids=name_of)
def test_later_tokens_by_the_centre(vector: dict[str, Any]) -> None:
    first = pa.array([bytes.fromhex(vector["T1"])], pa.binary(16))
    row = {
        name: pa.nulls(1, type_) for name, type_ in zip(schema("patient").names, schema("patient").types, strict=True)
    }
    row |= {"record_token": first, "registration_token": first, "is_deleted": pa.array([False])}
    stored = with_store_tokens("patient", pa.table(row, schema=schema("patient")), SUB_KEYS[STORE])
    second = stored["record_token"].combine_chunks()
    assert second == stored["registration_token"].combine_chunks()
    assert (second[0].as_py().hex(), stored["patient_token"].null_count) == (vector["T2"], 1)
    assert marks_of(second, SUB_KEYS[MARK])[0].as_py().hex() == vector["mark"]
    for info, third in vector["T3"].items():
        assert keyed_tokens(as_hex(second), SUB_KEYS[info])[0].as_py().hex() == third


def test_what_the_page_works_through_is_in_the_vectors() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tokens.md").read_text()
    shown = set(re.findall(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b", page))
    assert len(shown) >= 7
    assert shown <= set(re.findall(r"[0-9a-f]{32,64}", json.dumps(VECTORS)))
    labels = {each["info"] for each in VECTORS["sub_keys"]}
    assert set(re.findall(r'"(gp-collect\|[^"]+)"', page)) <= labels
