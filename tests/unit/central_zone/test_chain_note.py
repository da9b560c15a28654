"""A checkpoint is a signed note as others' tools read it, and only ours is believed."""

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central_zone.chain.note import Checkpoint, claimed, key_id, read_note, signed_note
from central_zone.errors import CheckpointsBroken

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CHECKPOINT = Checkpoint("gp-collect.example/audit", 1027, "ab" * 32)
# The example of golang.org/x/mod/sumdb/note, by other hands than ours: a public key as its tools print it, and a signed text.
THEIRS = ("PeterNeumann", "c74f20a3", "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
THEIR_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
THEIR_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def test_a_key_has_the_id_that_other_tools_give_it_and_a_signature_stands_for_the_same_bytes():
    name, hash_, encoded = THEIRS
    key = Ed25519PublicKey.from_public_bytes(b64decode(encoded)[1:])
    signature = b64decode(THEIR_SIGNATURE)
    assert key_id(name, key).hex() == hash_ == signature[:4].hex()
    key.verify(signature[4:], THEIR_TEXT.encode())


def test_a_note_is_three_lines_an_empty_one_and_our_signature():
    note = signed_note(CHECKPOINT, KEY)
    origin, size, root, empty, signature, end = note.split("\n")
    assert (origin, size, empty, end) == ("gp-collect.example/audit", "1027", "", "")
    assert b64decode(root) == b"\xab" * 32
    dash, name, encoded = signature.split(" ")
    assert (dash, name, len(b64decode(encoded))) == ("—", origin, 4 + 64)
    KEY.public_key().verify(b64decode(encoded)[4:], f"{origin}\n{size}\n{root}\n".encode())
    assert signed_note(CHECKPOINT, KEY) == note


def test_others_may_sign_beside_us():
    note = signed_note(CHECKPOINT, KEY) + f"— witness.example {THEIR_SIGNATURE}\n"
    assert read_note(note, KEY.public_key(), "a file") == claimed(note, "a file") == CHECKPOINT


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.replace("1027", "1026"),
        lambda note: note.replace("1027", "01027"),
        lambda note: note.replace("gp-collect", "hp-collect"),
        lambda note: note.replace("q6ur", "q6us"),
        lambda note: note[:-10] + "\n",
        lambda note: "",
        lambda note: note.replace("\n\n", "\nmore\n\n"),
        lambda note: note * 60,
        lambda note: signed_note(CHECKPOINT, Ed25519PrivateKey.generate()),
    ],
)
def test_what_is_not_exactly_what_we_signed_is_refused_and_not_repeated(spoil):
    note = signed_note(CHECKPOINT, KEY)
    assert spoil(note) != note
    with pytest.raises(CheckpointsBroken, match="a file") as told:
        read_note(spoil(note), KEY.public_key(), "a file")
    assert "collect" not in str(told.value)


def test_an_origin_that_no_note_can_bear_is_refused():
    with pytest.raises(CheckpointsBroken, match="GP_AUDIT_ORIGIN"):
        signed_note(Checkpoint("our audit", 1, "ab" * 32), KEY)
