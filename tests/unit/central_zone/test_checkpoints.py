"""The journal of checkpoints: what a killed run left of a line goes, and a line that is not ours is not believed."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_zone.chain import checkpoints
from central_zone.chain.note import Checkpoint, signed_note
from central_zone.errors import CheckpointsBroken, FolderUnusable

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SAID = {"restored_from": 3, "head": "ab" * 32, "lost": ["cd" * 32] * 2_000, "by": "responder", "reason": "a disk"}


def checkpoint(size):
    return Checkpoint("gp-collect.example/audit", size, f"{size:064x}")


def append(folder, *sizes):
    with checkpoints.only_writer(folder) as file:
        for size in sizes:
            checkpoints.append_checkpoint(file, folder, signed_note(checkpoint(size), KEY))


def test_the_newest_is_found_though_a_long_statement_or_half_a_line_follows_it(tmp_path):
    assert checkpoints.last_checkpoint(tmp_path) is None
    append(tmp_path, 1, 2)
    with checkpoints.only_writer(tmp_path) as file:
        checkpoints.append_statement(file, tmp_path, SAID, KEY)
    with (tmp_path / checkpoints.NAME).open("ab") as file:
        file.write(b'{"checkpoint":"gp-coll')
    assert checkpoints.last_checkpoint(tmp_path) == checkpoint(2)
    append(tmp_path, 3)
    read = checkpoints.read_journal(tmp_path, KEY.public_key())
    assert (read.checkpoints, read.statements) == ([checkpoint(1), checkpoint(2), checkpoint(3)], [SAID])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: {**line, "signature": "00" * 64},
        lambda line: {**line, "signature": "not hexadecimal"},
        lambda line: {**line, "restored": {**SAID, "lost": ["ef" * 32]}},
        lambda line: {"restored": SAID},
        lambda line: {"something": "else"},
        lambda line: ["a list"],
    ],
)
def test_a_statement_that_we_did_not_sign_explains_nothing(tmp_path, spoil):
    with checkpoints.only_writer(tmp_path) as file:
        checkpoints.append_statement(file, tmp_path, SAID, KEY)
    path = tmp_path / checkpoints.NAME
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))) + "\n")
    with pytest.raises(CheckpointsBroken, match=checkpoints.NAME):
        checkpoints.read_journal(tmp_path, KEY.public_key())


def test_a_folder_that_cannot_be_written_to_is_for_a_person(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match="GP_AUDIT_CHECKPOINTS_DIR"), checkpoints.only_writer(tmp_path / "file"):
        pass
