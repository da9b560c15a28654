"""Escrow: beside the store's tokens of a registration and its person (T2), the source's (T1), sealed to the custodian.

Made while a parcel is staged, the one moment in which the centre has both, and loaded with the parcel. Whoever reads the
store, its backups or the staged rows finds nothing that opens it: each parcel's escrow is sealed under a key made for it, and
that key to the custodian, whose private key lies in neither zone.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from sqlalchemy import Connection, insert

from central_zone.ledger import Entry
from central_zone.load import ROWS_SENT_AT_ONCE, copy_rows
from central_zone.reidentification.case_keys import CUSTODIAN_KEY, SUITE
from central_zone.store.custody_tables import parcel_key
from crossing.canonical import TOKEN_BYTES
from crossing.case_request import CaseRefused

ESCROW = "escrow"
_TOKEN = pa.binary(TOKEN_BYTES)
_COUNTER_BYTES = 12  # a number used once: the key is made for this parcel, and each row has the next one
_SEALED_KEY, _SEALED_TO = b"sealed_key", b"custodian_key"
# As the store has it: beside which parcel's word on the registration it stands, and which parcel's key opens it.
COLUMNS = ["practice_code", "registration_token", "parcel_number", "sealed_in", "sealed"]
_COLUMNS = pa.schema([("registration_token", _TOKEN), ("sealed", pa.binary())])


@dataclass(slots=True)
class Sealer:
    """Seals the escrow of one parcel, row after row. The repr shows no key."""

    practice_code: str
    parcel_id: str
    key: bytes = field(repr=False)
    schema: pa.Schema  # with the key, sealed, in its metadata
    sealed_so_far: int = 0

    def rows(self, as_sent: pa.Table, as_stored: pa.Table) -> pa.Table:
        """For each living patient who is a person to us, as the parcel has them (T1) and as the store will (T2).

        Whoever has no person token is in no release, so nobody can ever ask for them.
        """
        has_person = pc.and_(pc.is_valid(as_stored["patient_token"]), pc.invert(as_stored["is_deleted"]))
        mine, theirs = as_stored.filter(has_person), as_sent.filter(has_person)
        columns = (mine["registration_token"], theirs["registration_token"], theirs["patient_token"])
        sealed = []
        for stored, registration, patient in zip(*(column.to_pylist() for column in columns), strict=True):
            sealed.append(self.sealed(stored, registration, patient))
        registrations = mine["registration_token"].combine_chunks()
        return pa.table([registrations, pa.array(sealed, pa.binary())], schema=self.schema)

    def sealed(self, stored: bytes, registration: bytes, patient: bytes) -> bytes:
        """One registration's tokens (T1), bound to the store's token of it (T2) and to the parcel."""
        nonce = self.sealed_so_far.to_bytes(_COUNTER_BYTES, "big")
        self.sealed_so_far += 1
        bound_to = _bound_to(self.practice_code, self.parcel_id, stored)
        return nonce + AESGCM(self.key).encrypt(nonce, registration + patient, bound_to)


def sealer(practice_code: str, parcel_id: str, custodian: MLKEM768X25519PublicKey) -> Sealer:
    """With a new key, which nobody but the custodian can have again once this process has ended."""
    key = os.urandom(32)
    sealed_key = SUITE.encrypt(key, custodian, info=_key_bound_to(practice_code, parcel_id))
    schema = _COLUMNS.with_metadata({_SEALED_KEY: sealed_key, _SEALED_TO: CUSTODIAN_KEY.encode()})
    return Sealer(practice_code=practice_code, parcel_id=parcel_id, key=key, schema=schema)


def of_these(rows: pa.Table, registrations: Iterable[pa.ChunkedArray]) -> pa.Table:
    """Only what is about these registrations (T2)."""
    wanted = pa.chunked_array([chunk for column in registrations for chunk in column.chunks], _TOKEN)
    return rows.filter(pc.is_in(rows["registration_token"], value_set=pc.unique(wanted)))


def load_escrow(connection: Connection, entry: Entry, rows: pa.Table) -> int:
    """Appends a parcel's escrow in the caller's transaction and answers how many rows."""
    if not rows.num_rows:
        return 0
    keep_key(connection, entry.parcel_number, rows.schema)
    number = pa.repeat(pa.scalar(entry.parcel_number, pa.int64()), len(rows))
    practice = pa.repeat(entry.practice_code, len(rows))
    of_parcel = pa.table([practice, rows["registration_token"], number, number, rows["sealed"]], COLUMNS)
    return copy_rows(connection, ("custody", ESCROW), of_parcel.to_batches(max_chunksize=ROWS_SENT_AT_ONCE))


def keep_key(connection: Connection, parcel_number: int, sealed_with: pa.Schema) -> None:
    """The key of one parcel's escrow, sealed, as the schema of what it sealed says it."""
    said = sealed_with.metadata
    key = {"sealed_key": said[_SEALED_KEY], "custodian_key": said[_SEALED_TO].decode()}
    connection.execute(insert(parcel_key).values(parcel_number=parcel_number, **key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """One row of the escrow as the store has it."""

    practice_code: str
    parcel_id: str
    registration_token: bytes
    sealed_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


def opened(row: Sealed, custodian: MLKEM768X25519PrivateKey) -> tuple[bytes, bytes]:
    """The source's tokens (T1) of the registration and of the person. Raises CaseRefused: `custodian_key`, `escrow_altered`."""
    try:
        key = SUITE.decrypt(row.sealed_key, custodian, info=_key_bound_to(row.practice_code, row.parcel_id))
    except (InvalidTag, ValueError):
        raise CaseRefused(
            "custodian_key",
            "the escrow does not open with this key. Bring the private key of the custodian it is sealed to.",
        ) from None
    try:
        bound_to = _bound_to(row.practice_code, row.parcel_id, row.registration_token)
        tokens = AESGCM(key).decrypt(row.sealed[:_COUNTER_BYTES], row.sealed[_COUNTER_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise altered() from None
    return tokens[:TOKEN_BYTES], tokens[TOKEN_BYTES:]


def altered() -> CaseRefused:
    return CaseRefused(
        "escrow_altered",
        "a row of the escrow is not the one that was put there. Stop, and find out who changed the store.",
    )


def _bound_to(practice_code: str, parcel_id: str, registration_token: bytes) -> bytes:
    return f"gp-collect|escrow|1|{practice_code}|{parcel_id}|".encode() + registration_token


def _key_bound_to(practice_code: str, parcel_id: str) -> bytes:
    return f"gp-collect|escrow-key|1|{practice_code}|{parcel_id}".encode()
