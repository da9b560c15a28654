"""What others published (RFC 4231, Project Wycheproof) against what we really call, and against the lines written by hand.

Our keyed hash takes its key as text, so it can only be asked the vectors whose key is text; the lines written by hand are
asked all of them, and `test_tokens.py` holds the two against each other.
"""

import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from crossing.tokens import keyed_tokens
from source_zone.keys import derive
from support import tokens_by_hand as by_hand

pytestmark = pytest.mark.needs_shared


@pytest.fixture(scope="session")
def vectors(shared_data: Path) -> Path:
    return shared_data / "vectors"


def wycheproof(vectors: Path, algorithm: str) -> list[dict[str, Any]]:
    content = json.loads((vectors / f"wycheproof_{algorithm}_sha256_test.json").read_text())
    tests = [{**group, **test} for group in content["testGroups"] for test in group["tests"]]
    assert len(tests) == content["numberOfTests"]
    return tests


def rfc_4231(vectors: Path) -> list[tuple[bytes, bytes, str]]:
    text = (vectors / "rfc-4231-sha256.txt").read_text()
    found = re.findall(
        r"^Len = (\d+)\n(?:#.*\n)*Key = ([0-9a-f]+)\n(?:#.*\n)*Msg = ([0-9a-f]+)\nMD = ([0-9a-f]{64})", text, re.M
    )
    assert len(found) == text.count("MD = ") >= 6
    return [(bytes.fromhex(key), bytes.fromhex(message)[: int(bits) // 8], tag) for bits, key, message, tag in found]


def columns_hash(key: bytes, message: bytes) -> str:
    """The very call that keyed_tokens makes, on any bytes."""
    column = pl.DataFrame({"message": [message]}, schema={"message": pl.Binary})
    return str(column.select(pl.col("message").chash.hmac_sha256(key=key.decode())).item())  # type: ignore[attr-defined]


def is_text(key: bytes) -> bool:
    try:
        return bool(key.decode())
    except UnicodeDecodeError:
        return False


def test_rfc_4231(vectors: Path) -> None:
    asked = 0
    for key, message, tag in rfc_4231(vectors):
        assert hmac.digest(key, message, hashlib.sha256).hex() == tag
        if is_text(key):
            assert columns_hash(key, message) == tag
            asked += 1
    assert asked >= 3, "three of the RFC's keys are text: 0b..., Jefe, 0102..."


def test_wycheproof_hmac(vectors: Path) -> None:
    """A vector that is not valid has a changed tag: no prefix of ours may be it."""
    asked = {"valid": 0, "invalid": 0}
    for test in wycheproof(vectors, "hmac"):
        key, message = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
        tag = hmac.digest(key, message, hashlib.sha256)[: test["tagSize"] // 8].hex()
        assert (tag == test["tag"]) is (test["result"] == "valid"), test["tcId"]
        asked[test["result"]] += 1
        if is_text(key):
            assert (columns_hash(key, message)[: test["tagSize"] // 4] == test["tag"]) is (test["result"] == "valid")
    assert min(asked.values()) > 20


def test_wycheproof_messages_under_our_own_form_of_key(vectors: Path) -> None:
    """The vector's key, thirty-two bytes, used as ours are: in hexadecimal. Every message that is text."""
    asked = 0
    for test in wycheproof(vectors, "hmac"):
        key, message = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
        if len(key) == 32:
            expected = hmac.digest(key.hex().encode(), message, hashlib.sha256)
            assert columns_hash(key.hex().encode(), message) == expected.hex()
            if is_text(message) or not message:
                assert keyed_tokens(pa.array([message.decode()]), key)[0].as_py() == expected[:16]
            asked += 1
    assert asked > 50


def test_wycheproof_hkdf(vectors: Path) -> None:
    """By hand all of it; by the library call that makes our sub-keys, all without a salt, to the thirty-two bytes we take."""
    asked = 0
    for test in wycheproof(vectors, "hkdf"):
        if test["result"] != "valid":
            assert test["size"] > 255 * 32
            continue
        key, info, salt = (bytes.fromhex(test[name]) for name in ("ikm", "info", "salt"))
        assert by_hand.hkdf(key, info, test["size"], salt).hex() == test["okm"], test["tcId"]
        if not salt:
            taken = min(32, test["size"])
            assert derive(key, info)[:taken].hex() == test["okm"][: 2 * taken]
            asked += 1
    assert asked > 20


def test_no_token_of_ours_is_an_unkeyed_or_salted_hash(vectors: Path) -> None:
    """OpenPseudonymiser hashes value and salt in one: whoever has the salt's text, or guesses it, has every token."""
    for each in json.loads((vectors / "openpseudonymiser.json").read_text()):
        values = "".join(value.replace(" ", "") for value in each["inputs"].values())
        salts = (each["salt"], "0" * 64)
        unkeyed = {
            each["digest"].lower()[:32],
            *(hashlib.sha256((values + salt).encode()).hexdigest()[:32] for salt in salts),
        }
        for salt in salts:
            key = hashlib.sha256(salt.encode()).digest()
            messages = pa.array([values, *each["inputs"].values()])
            assert not unkeyed & {made.as_py().hex() for made in keyed_tokens(messages, key)}
