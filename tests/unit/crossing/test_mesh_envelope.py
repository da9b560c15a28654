"""What MESH says about a message is a stranger's word: read strictly, or refused without repeating it."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossing.mesh_envelope import (
    ChecksumDiffers,
    Envelope,
    MessageRefused,
    NotDelivered,
    NotDeliveredYet,
    Tracking,
    check_checksum,
    non_delivery,
    plain_message_id,
)

NAMES = ["Mex-MessageType", "Mex-Chunk-Range", "Mex-StatusCode", "Mex-StatusTimestamp", "Mex-FileName", "Mex-From"]


@given(
    message_id=st.text(max_size=30),
    headers=st.dictionaries(st.sampled_from(NAMES), st.one_of(st.text(max_size=30), st.sampled_from(["DATA", "1:2"]))),
)
def test_headers_of_any_kind_are_read_or_refused(message_id: str, headers: dict[str, str]) -> None:
    with suppress(MessageRefused):
        envelope = Envelope.of(message_id, headers)
        assert plain_message_id(envelope.message_id) == message_id
        assert 0 <= envelope.chunks <= 4000


@pytest.mark.parametrize("header", ["Mex-MessageType", "Mex-Chunk-Range"])
def test_what_is_refused_is_not_repeated(header: str) -> None:
    with pytest.raises(MessageRefused) as raised:
        Envelope.of("A1", {"Mex-MessageType": "DATA", header: "Anne Smith"})
    assert "Anne" not in str(raised.value)


@pytest.mark.parametrize("message_id", ["", "../x", "a/b", "a b", "a" * 101, "é"])
def test_an_id_that_could_be_a_path_is_refused(message_id: str) -> None:
    with pytest.raises(MessageRefused):
        plain_message_id(message_id)


@pytest.mark.parametrize("chunks", ["1:0", "1:4001", "0", "x:y", "1:2:3", "-1:-1", "1:٣"])
def test_a_number_of_chunks_that_cannot_be_is_refused(chunks: str) -> None:
    with pytest.raises(MessageRefused):
        Envelope.of("A1", {"Mex-MessageType": "DATA", "Mex-Chunk-Range": chunks})


@pytest.mark.parametrize("prefix", ["", "sha256:", "SHA256:", "SHA-256 ", "sha256/", " sha256: "])
def test_a_checksum_is_read_however_it_is_written(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "x").write_bytes(b"content")
    check_checksum(tmp_path / "x", prefix + hashlib.sha256(b"content").hexdigest().upper(), "sha256")


@pytest.mark.parametrize("stated", ["", "none", "sha256:", "sha256:xyz", "d" * 31])
def test_a_checksum_that_is_none_is_refused(tmp_path: Path, stated: str) -> None:
    (tmp_path / "x").write_bytes(b"content")
    with pytest.raises(MessageRefused):
        check_checksum(tmp_path / "x", stated, "sha256")


@pytest.mark.parametrize("content", [b"other", b"conten", b""])
def test_other_content_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ChecksumDiffers):
        check_checksum(tmp_path / "x", hashlib.sha256(b"content").hexdigest(), "sha256")


@pytest.mark.parametrize(("code", "kind"), [("14", NotDelivered), ("02", NotDeliveredYet), ("999", NotDelivered)])
def test_a_reports_code_says_who_must_act(code: str, kind: type[Exception]) -> None:
    error = non_delivery("Y99001, parcel 1", code)
    assert isinstance(error, kind)
    assert code in str(error)


@pytest.mark.parametrize(
    ("found", "failed"),
    [
        ({"message_id": "A1", "status": "accepted", "status_success": True}, False),
        ({"message_id": "A1", "status": "undeliverable", "status_success": False}, True),
        ({"messageId": "A1", "status": "Accepted", "statusSuccess": "SUCCESS"}, False),
        ({"messageId": "A1", "status": "Error", "statusSuccess": "ERROR"}, True),
    ],
)
def test_tracking_is_read_from_both_versions_of_the_interface(found: dict[str, object], failed: bool) -> None:
    assert Tracking.of(found) == Tracking("A1", str(found["status"]).lower(), failed)
