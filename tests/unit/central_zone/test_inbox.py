"""The inbox only orders the work."""

import pytest

from central_zone.inbox import Claim, InboxMissing, claim, fingerprint, is_parcel_id, parcel_folders, shards

_ID = "7e65c34c-788c-5829-860d-7f8169d7ec3b"


def a_claim(practice, sequence):
    return Claim(practice, sequence, "gpdpr")


def test_a_practices_parcels_are_together_and_in_order_and_shards_are_filled():
    claims = [("b2", a_claim("B", 2)), ("a1", a_claim("A", 1)), ("c1", a_claim("C", 1)), ("b1", a_claim("B", 1))]
    assert shards(claims, 3) == [["a1", "b1", "b2"], ["c1"]]


def test_a_practice_with_more_parcels_than_a_shard_holds_stays_together():
    claims = [(f"a{number}", a_claim("A", number)) for number in (3, 1, 2)]
    assert shards(claims, 2) == [["a1", "a2", "a3"]]


def test_a_parcel_whose_manifest_cannot_be_read_is_still_tried():
    assert shards([("x", None)], 2) == [["x"]]


def test_an_inbox_that_is_missing_is_not_an_empty_one(tmp_path):
    assert parcel_folders(tmp_path) == {}
    with pytest.raises(InboxMissing, match="GP_INBOX_DIR"):
        parcel_folders(tmp_path / "missing")


@pytest.mark.parametrize("name", ["9434765919", ".draft", _ID.upper(), f"{{{_ID}}}", _ID.replace("-", "")])
def test_only_a_plain_lower_case_uuid_is_a_parcel_id(name):
    assert is_parcel_id(_ID)
    assert not is_parcel_id(name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"practice_code":"A","sequence":"x","collection":"c"}',
        b'{"practice_code":"A","sequence":Infinity,"collection":"c"}',
        b"\xff",
    ],
)
def test_a_manifest_that_makes_no_sense_claims_nothing(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    (tmp_path / "manifest.sig").write_bytes(b"")
    assert claim(tmp_path) is None


def test_a_fingerprint_changes_with_any_file(tmp_path):
    seen = {fingerprint(tmp_path)}
    (tmp_path / "manifest.json").write_bytes(b"1")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "manifest.json").write_bytes(b"22")
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 3
    assert fingerprint(tmp_path) in seen


def test_a_folder_whose_manifest_is_a_folder_claims_nothing(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    assert claim(tmp_path) is None
