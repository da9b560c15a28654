"""Development keys of re-identification: a custodian, two approvers and the source, who in life each make their own."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossing.key_files import write_key_file
from crossing.key_register import REGISTER_NAME, REIDENTIFICATION, Entry, RegisteredKey, entry_in_toml
from key_custody.plain_files import PlainFiles
from source_zone.reidentification.case_keys import CASE_RECIPIENT_KEY

CUSTODIAN_KEY = "custodian-v1"
APPROVERS = {"approver-one-v1": "Approver One, development", "approver-two-v1": "Approver Two, development"}
_IN_FORCE = timedelta(days=3652)
_MADE_EARLIER = timedelta(days=1)  # the clocks of two zones differ


def make_case_keys(folder: Path) -> None:
    """Private keys of the custodian and the approvers go into folders of their own, which neither zone is given."""
    custodian, approvers = folder / "custodian", folder / "approvers"
    for own in (custodian, approvers):
        own.mkdir(mode=0o700)
    _make_recipient(CUSTODIAN_KEY, private=custodian, public=folder / "central")
    _make_recipient(CASE_RECIPIENT_KEY, private=folder / "source", public=folder / "central")
    for name, owner in APPROVERS.items():
        key = Ed25519PrivateKey.generate()
        PlainFiles(approvers).write(name, key.private_bytes_raw())
        for zone in ("source", "central"):  # each looks into a register of its own
            _enter(folder / zone / REGISTER_NAME, _entry(name, owner, key.public_key().public_bytes_raw()))


def _entry(name: str, owner: str, public: bytes) -> Entry:
    key = RegisteredKey(name=name, purpose=REIDENTIFICATION, owner=owner, ed25519=public, ml_dsa_65=None, speaks_for=())
    made = datetime.now(UTC).replace(microsecond=0)
    return Entry(key=key, valid_from=made - _MADE_EARLIER, valid_until=made + _IN_FORCE)


def _enter(register: Path, entry: Entry) -> None:
    register.chmod(0o600)
    with register.open("a") as file:
        file.write(f"\n{entry_in_toml(entry)}")
    register.chmod(0o400)


def _make_recipient(name: str, *, private: Path, public: Path) -> None:
    seed, classical = os.urandom(64), X25519PrivateKey.generate()
    post_quantum = MLKEM768PrivateKey.from_seed_bytes(seed).public_key()
    PlainFiles(private).write(name, seed + classical.private_bytes_raw())
    write_key_file(public / f"{name}.pub", post_quantum.public_bytes_raw() + classical.public_key().public_bytes_raw())
