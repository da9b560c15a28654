"""Plain key files: what is loose, borrowed, cut short or known to the world is no key."""

import csv
import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from crossing.key_files import KeyRefused, destroy_key_file
from key_custody.custody import open_custody
from key_custody.known_keys import _LIST, check_unknown

NAME = "token-gpdpr-v1"
TEST_KEYS = ["9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"]  # RFC 8032, 7.1, test 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_custody(tmp_path).write(NAME, os.urandom(32))
    return tmp_path


def put(folder: Path, data: bytes) -> None:
    (folder / f"{NAME}.key").unlink(missing_ok=True)
    (folder / f"{NAME}.key").write_bytes(data)
    (folder / f"{NAME}.key").chmod(0o400)


def test_a_key_comes_back_as_it_was_written_and_is_closed_to_others(tmp_path: Path) -> None:
    key, custody = os.urandom(32), open_custody(tmp_path)
    custody.write(NAME, key)
    assert custody.secret(NAME, expected_bytes=32) == key
    assert custody.names() == [NAME]
    assert (tmp_path / f"{NAME}.key").stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("mode", [0o401, 0o404, 0o410, 0o440, 0o444, 0o600, 0o500, 0o700, 0o640, 0o2400, 0o4400])
def test_every_mode_but_0400_is_refused(folder: Path, mode: int) -> None:
    (folder / f"{NAME}.key").chmod(mode)
    with pytest.raises(KeyRefused, match="0400"):
        open_custody(folder).secret(NAME, expected_bytes=32)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_of_another_user_is_refused(folder: Path) -> None:
    os.chown(folder / f"{NAME}.key", 12345, 12345)
    with pytest.raises(KeyRefused, match="another user"):
        open_custody(folder).secret(NAME, expected_bytes=32)


@pytest.mark.timeout(20)
def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "piped-v1.key", 0o400)
    with pytest.raises(KeyRefused, match="is no plain file"):
        open_custody(folder).secret("piped-v1", expected_bytes=32)


def test_a_link_is_refused_wherever_it_leads(folder: Path) -> None:
    (folder / f"{NAME}.key").rename(folder / "elsewhere")
    (folder / f"{NAME}.key").symlink_to(folder / "elsewhere")
    with pytest.raises(KeyRefused, match=NAME):
        open_custody(folder).secret(NAME, expected_bytes=32)


@pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(folder: Path, size: int) -> None:
    put(folder, os.urandom(size))
    with pytest.raises(KeyRefused, match="32 bytes"):
        open_custody(folder).secret(NAME, expected_bytes=32)


# The same in every process: workers that collect different tests run none of them.
_NOTHING_TO_GUESS = hashlib.sha256(b"nothing to guess").digest()


@pytest.mark.parametrize(
    "data",
    [
        bytes(32),
        b"\xff" * 32,
        bytes(range(32)),
        bytes(range(255, 223, -1)),
        bytes(range(0, 64, 2)),
        bytes.fromhex("deadbeef") * 8,
        _NOTHING_TO_GUESS[:16] * 2,
        b"correct horse battery staple 123",
        _NOTHING_TO_GUESS[:16].hex().encode(),
        bytes(24) + _NOTHING_TO_GUESS[:8],
        *map(bytes.fromhex, TEST_KEYS),
    ],
    ids=lambda data: data.hex()[:16],
)
def test_a_key_that_the_world_can_guess_is_refused_and_not_written_either(folder: Path, data: bytes) -> None:
    put(folder, data)
    with pytest.raises(KeyRefused):
        open_custody(folder).secret(NAME, expected_bytes=32)
    if any(data):
        with pytest.raises(KeyRefused):
            open_custody(folder).write("token-gpdpr-v2", data)


def test_a_published_key_is_found_inside_a_longer_one(folder: Path) -> None:
    with pytest.raises(KeyRefused, match="published"):
        check_unknown("recipient-v1", os.urandom(64) + bytes.fromhex(TEST_KEYS[0]))


def test_random_keys_are_not_mistaken_for_known_ones() -> None:
    for _ in range(20_000):
        check_unknown(NAME, os.urandom(32))


def test_no_error_holds_a_byte_of_the_key(folder: Path) -> None:
    data = b"correct horse battery staple 123"
    put(folder, data)
    with pytest.raises(KeyRefused) as refused:
        open_custody(folder).secret(NAME, expected_bytes=32)
    assert "horse" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_list_of_published_keys_holds_hashes_alone() -> None:
    rows = list(csv.DictReader(_LIST.read_text().splitlines()))
    assert len(rows) > 200
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["sha256"]) and row["where"] for row in rows)


def test_every_key_of_the_vectors_beside_the_checkout_is_refused(shared_data: Path) -> None:
    keys = re.findall(r"(?m)^Key = ([0-9a-f]+)", (shared_data / "vectors" / "rfc-4231-sha256.txt").read_text())
    for file, name in (("wycheproof_hmac_sha256_test", "key"), ("wycheproof_hkdf_sha256_test", "ikm")):
        groups = json.loads((shared_data / "vectors" / f"{file}.json").read_text())["testGroups"]
        keys += [test[name] for group in groups for test in group["tests"]]
    long_enough = [bytes.fromhex(key) for key in keys if 32 <= len(key) <= 192]
    assert len(long_enough) > 100
    for key in long_enough:
        with pytest.raises(KeyRefused):
            check_unknown(NAME, key)


def test_every_key_of_our_own_token_vectors_is_refused() -> None:
    vectors = Path(__file__).parents[3] / "docs" / "token-vectors.json"
    if not vectors.exists():
        return  # it is made in a later change; from then on no key of it may pass
    keys = set(re.findall(r'"[a-z_]*key[a-z_]*": "([0-9a-f]{64})"', vectors.read_text()))
    assert keys
    for key in keys:
        with pytest.raises(KeyRefused):
            check_unknown(NAME, bytes.fromhex(key))


@pytest.mark.parametrize("name", ["../source/token", "Token", "token v1", "", "a" * 101, "token.key", "-v1"])
def test_a_name_that_could_lead_elsewhere_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(KeyRefused, match="name"):
        open_custody(folder).secret(name, expected_bytes=32)


def test_a_key_is_never_replaced(folder: Path) -> None:
    with pytest.raises(KeyRefused, match="already there"):
        open_custody(folder).write(NAME, os.urandom(32))


def test_a_destroyed_key_is_written_over_and_gone(folder: Path) -> None:
    key = (folder / f"{NAME}.key").read_bytes()
    os.link(folder / f"{NAME}.key", folder / "the-same-bytes-on-disk")
    open_custody(folder).destroy(NAME)
    assert not (folder / f"{NAME}.key").exists()
    assert (folder / "the-same-bytes-on-disk").read_bytes() != key


def test_destroying_what_is_not_there_or_a_link_is_an_error(folder: Path) -> None:
    with pytest.raises(KeyRefused):
        open_custody(folder).destroy("token-gpdpr-v9")
    (folder / "link.key").symlink_to(folder / f"{NAME}.key")
    with pytest.raises(KeyRefused):
        destroy_key_file(folder / "link.key")
    assert open_custody(folder).secret(NAME, expected_bytes=32)


def test_a_key_has_its_name_only_once_it_is_whole(folder: Path) -> None:
    """A run killed while it wrote left half a key: it is no key, and the next run is not stopped by it."""
    half = folder / ".token-gpdpr-v2.key.draft"
    half.write_bytes(b"half")
    assert "token-gpdpr-v2" not in open_custody(folder).names()
    whole = os.urandom(32)
    open_custody(folder).write("token-gpdpr-v2", whole)
    assert open_custody(folder).secret("token-gpdpr-v2", expected_bytes=32) == whole
    assert not half.exists()
