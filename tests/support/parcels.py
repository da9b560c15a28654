"""Makes sealed parcels from Arrow tables, independently of the source zone: what the central zone must be able to open."""

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossing.canonical import schema, schema_sha256
from crossing.key_register import Entry, RegisteredKey, entry_in_toml
from crossing.manifest import HPKE_SUITE, MANIFEST_VERSION, Manifest, Part, bytes_to_sign, part_binding
from crossing.parcel import parcel_id

PRACTICE = "A12345"
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_SYNTHETIC_CODES = ("44054006", "195967001", "38341003", "73211009")  # conditions, as SNOMED CT concepts


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody that things are sealed to, whose private key is nowhere in the zone."""

    seed: bytes = field(default_factory=lambda: os.urandom(64), repr=False)
    classical: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)

    def public(self) -> bytes:
        post_quantum = MLKEM768PrivateKey.from_seed_bytes(self.seed).public_key()
        return post_quantum.public_bytes_raw() + self.classical.public_key().public_bytes_raw()

    def private(self) -> bytes:
        return self.seed + self.classical.private_bytes_raw()


@dataclass(slots=True)
class Keys:
    """A central zone's keys on disk, and what a source needs to send to it."""

    folder: Path
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    recipient: hpke.MLKEM768X25519PublicKey | None = None
    custodian: Recipient = field(default_factory=Recipient, repr=False)
    case_recipient: Recipient = field(default_factory=Recipient, repr=False)
    second_signer: MLDSA65PrivateKey | None = field(default=None, repr=False)

    def make(self) -> "Keys":
        self.folder.mkdir(parents=True)
        seed, classical = os.urandom(64), X25519PrivateKey.generate()
        post_quantum = MLKEM768PrivateKey.from_seed_bytes(seed)
        self.recipient = hpke.MLKEM768X25519PublicKey(post_quantum.public_key(), classical.public_key())
        self._write("recipient-v1.key", seed + classical.private_bytes_raw())
        self._write("store-v1.key", os.urandom(32))
        self._write("receipt-signing-v1.key", Ed25519PrivateKey.generate().private_bytes_raw())
        self._write("custodian-v1.pub", self.custodian.public())
        self._write("case-recipient-v1.pub", self.case_recipient.public())
        self.register(self.entry())
        return self

    def entry(self, **changes: Any) -> Entry:
        """What the register says of this source's signer."""
        names = {item.name for item in fields(RegisteredKey)}
        key = RegisteredKey(
            name="signing-v1",
            purpose="parcels",
            owner="A supplier",
            ed25519=self.signer.public_key().public_bytes_raw(),
            ml_dsa_65=self.second_signer.public_key().public_bytes_raw() if self.second_signer else None,
            speaks_for=("*",),
        )
        entry = Entry(
            key=replace(key, **{name: value for name, value in changes.items() if name in names}),
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            valid_until=datetime(2100, 1, 1, tzinfo=UTC),
        )
        return replace(entry, **{name: value for name, value in changes.items() if name not in names})

    def register(self, *entries: Entry) -> None:
        """Puts a register of these in place of the present one."""
        (self.folder / "key_register.toml").unlink(missing_ok=True)
        self._write("key_register.toml", "".join(map(entry_in_toml, entries)).encode())

    def _write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)
        (self.folder / name).chmod(0o400)


def tokens(count: int, seed: int = 0) -> pa.Array:
    """Random T1 tokens; the same seed gives the same ones."""
    data = np.random.default_rng(seed).bytes(16 * count)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, pa.py_buffer(data)])


def rows(table: str, count: int, **columns: Any) -> pa.Table:
    """Rows of a canonical table that break no rule: what is not named is NULL."""
    defaults: dict[str, Any] = {"record_token": tokens(count, hash(table) % 2**32), "is_deleted": [False] * count}
    given = {**defaults, **columns}
    arrays = [given.get(item.name, pa.nulls(count, item.type)) for item in schema(table)]
    return pa.table(
        [
            pa.array(array, item.type) if isinstance(array, list) else array
            for array, item in zip(arrays, schema(table), strict=True)
        ],
        schema=schema(table),
    )


def patients(count: int = 10, **columns: Any) -> pa.Table:
    """Registered patients; the registrations are `tokens(count, seed=1)`."""
    made = {
        "record_token": tokens(count, 1),
        "registration_token": tokens(count, 1),
        "patient_token": tokens(count, 2),
        "sex": ["female"] * count,
        "year_of_birth": [1970] * count,
        "registered_date": [datetime(2001, 2, 3, tzinfo=UTC).date()] * count,
        "registration_type": ["regular"] * count,
    }
    return rows("patient", count, **{**made, **columns})


def events(table: str, count: int = 50, *, patient_count: int = 10, seed: int = 3, **columns: Any) -> pa.Table:
    """Coded events of the patients above, spread evenly."""
    whose = tokens(patient_count, 1).take(pa.array(np.arange(count) % patient_count))
    made = {
        "record_token": tokens(count, seed),
        "registration_token": whose,
        "effective_date": [datetime(2026, 1, 5, tzinfo=UTC).date()] * count,
        "effective_date_precision": ["day"] * count,
        "recorded_at": [datetime(2026, 1, 5, 9, 30)] * count,
        "snomed_concept_id": [_SYNTHETIC_CODES[index % len(_SYNTHETIC_CODES)] for index in range(count)],
    }
    return rows(table, count, **{**made, **columns})


def observations(count: int = 50, **how: Any) -> pa.Table:
    return events("observation", count, **how)


def a_night(patient_count: int = 10, observation_count: int = 50, **columns: Any) -> dict[str, pa.Table]:
    """The tables of a small parcel."""
    return {
        "patient": patients(patient_count),
        "observation": observations(observation_count, patient_count=patient_count, **columns),
    }


@dataclass(frozen=True, slots=True)
class Sealed:
    """A parcel that was written, and what the next one must say it follows."""

    folder: Path
    manifest: Manifest


Pack = Callable[[pa.Table], bytes]


def to_parquet(piece: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(piece, sink, compression="zstd")
    return sink.getvalue()


def seal(
    inbox: Path,
    keys: Keys,
    tables: Mapping[str, pa.Table],
    *,
    practice_code: str = PRACTICE,
    sequence: int = 1,
    previous: Sealed | None = None,
    extract_id: str = "extract",
    rows_per_part: int = 1_000_000,
    pack: Pack = to_parquet,
    **changes: Any,
) -> Sealed:
    """Writes a parcel. `changes` replace fields of the manifest before it is signed."""
    draft = _draft(practice_code, sequence, previous, extract_id, tables)
    draft = replace(draft, **{name: value for name, value in changes.items() if name != "parts"})
    pieces = [(table, piece) for table, whole in tables.items() for piece in _pieces(whole, rows_per_part)]
    folder = inbox / draft.parcel_id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts = tuple(
        _write_part(folder, keys, draft.identity(), index, len(pieces), table, piece, pack)
        for index, (table, piece) in enumerate(pieces)
    )
    manifest = replace(draft, parts=changes.get("parts", parts))
    sign(folder, keys, manifest)
    return Sealed(folder, manifest)


def sign(folder: Path, keys: Keys, manifest: Manifest) -> None:
    """Writes a manifest and a signature that fits it."""
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    (folder / "manifest.sig").write_bytes(keys.signer.sign(bytes_to_sign(manifest.to_bytes())))
    if keys.second_signer:
        second = keys.second_signer.sign(bytes_to_sign(manifest.to_bytes()))
        (folder / "manifest.mldsa65.sig").write_bytes(second)


def _pieces(whole: pa.Table, rows_per_part: int) -> list[pa.Table]:
    return [whole.slice(start, rows_per_part) for start in range(0, whole.num_rows, rows_per_part)]


def _write_part(
    folder: Path, keys: Keys, identity: bytes, index: int, count: int, table: str, piece: pa.Table, pack: Pack
) -> Part:
    plaintext = pack(piece)
    ciphertext = _SUITE.encrypt(plaintext, keys.recipient, info=part_binding(identity, index, count))
    name = f"part-{index:05d}.hpke"
    (folder / name).write_bytes(ciphertext)
    return Part(
        name=name,
        table=table,
        rows=piece.num_rows,
        ciphertext_bytes=len(ciphertext),
        ciphertext_sha256=hashlib.sha256(ciphertext).hexdigest(),
        plaintext_bytes=len(plaintext),
        plaintext_sha256=hashlib.sha256(plaintext).hexdigest(),
    )


def _draft(
    practice_code: str, sequence: int, previous: Sealed | None, extract_id: str, tables: Mapping[str, pa.Table]
) -> Manifest:
    now = datetime.now(UTC).replace(microsecond=0)
    counts = {
        name: {"read": t.num_rows, "sent": t.num_rows, "held_back": {}, "quarantined": {}} for name, t in tables.items()
    }
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        parcel_id=parcel_id("gpdpr", practice_code, sequence, extract_id),
        collection="gpdpr",
        practice_code=practice_code,
        supplier_format="emis_csv",
        synthetic=True,
        sequence=sequence,
        previous_manifest_sha256=previous.manifest.sha256() if previous else None,
        extract_id=extract_id,
        extract_taken_at=now.isoformat(),
        extract_kind="delta",
        supplier_record_count=None,
        created_at=now.isoformat(),
        not_after=(now + timedelta(days=30)).isoformat(),
        schema_sha256=schema_sha256(),
        policy_sha256={"collections/gpdpr.toml": "0" * 64},
        token_key="token-gpdpr-v1",  # noqa: S106 (the name of a key)
        recipient_key="recipient-v1",
        signing_key="signing-v1",
        hpke_suite=HPKE_SUITE,
        software="gp-collect 0.1.0",
        parts=(),
        counts={
            "tables": counts,
            "patients_held_back": {},
            "patients_may_leave": 0,
            "reference_rows": {},
            "not_collected": {},
            "generalised": {},
            "retired_objections": {},
        },
    )
