"""Receive: is this parcel what a known signer says it is, for us, in date and whole? Signature before key, key before parsing."""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from central_zone import keys
from central_zone.errors import ParcelRefused, WrongRecipient
from crossing.canonical import TABLES, schema, schema_sha256
from crossing.manifest import HPKE_SUITE, Manifest, Part, bytes_to_sign, part_binding, read_manifest
from crossing.parcel import parcel_id, part_name, read_manifest_bytes, read_part
from crossing.policy import Collection

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_KEY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PRACTICE_CODE = re.compile(r"[A-Z][A-Z0-9]{2,9}")  # a letter first: ten digits are no practice
_WORTH_THREADS = 50_000  # rows; below this, starting threads takes longer than they save
LARGEST_UNPACKED_BYTES = 4 * 1024**3
_TEXTS = ("parcel_id", "collection", "practice_code", "supplier_format", "extract_id", "extract_taken_at", "created_at")
_MORE_TEXTS = ("not_after", "schema_sha256", "token_key", "recipient_key", "signing_key", "hpke_suite", "software")


def read_signed_manifest(folder: Path, keys_folder: Path) -> Manifest:
    """The manifest of a parcel, its signature checked. Raises ParcelUnreadable, ManifestRefused or ParcelRefused."""
    data, signature = read_manifest_bytes(folder)
    manifest = read_manifest(data)
    _check_types(manifest)
    if (
        not _KEY_NAME.fullmatch(manifest.signing_key)
        or not (keys_folder / "signers" / f"{manifest.signing_key}.pub").exists()
    ):
        raise ParcelRefused(
            "The parcel's signer is not known here. If it should be, put its public key in the signers folder."
        )
    try:
        keys.signer(keys_folder, manifest.signing_key).verify(signature, bytes_to_sign(data))
    except InvalidSignature:
        raise ParcelRefused(
            "The signature does not fit the manifest. Ask the source to send the parcel again."
        ) from None
    if folder.name != manifest.parcel_id:
        raise ParcelRefused("The folder is not named by its parcel's id. Deliver it under its own name.")
    return manifest


def check_manifest(manifest: Manifest, *, collection: Collection, now: datetime) -> None:
    """Whether a signed parcel is for us and may be loaded today. Raises WrongRecipient or ParcelRefused."""
    if manifest.recipient_key != keys.RECIPIENT_KEY or manifest.hpke_suite != HPKE_SUITE:
        raise WrongRecipient(
            f"The parcel is not sealed to {keys.RECIPIENT_KEY} with our suite. Ask the source to seal it again."
        )
    if manifest.schema_sha256 != schema_sha256():
        raise ParcelRefused(
            "The parcel was made for other canonical tables than ours. Bring both zones to the same version."
        )
    if datetime.fromisoformat(manifest.not_after) < now:
        raise ParcelRefused("The parcel is past its last day of validity. Ask the source to extract and seal again.")
    if collection.synthetic_only and not manifest.synthetic:
        raise ParcelRefused(
            f"{collection.id} may hold synthetic records only, and the parcel does not say it is synthetic."
        )
    if sum(part.plaintext_bytes for part in manifest.parts) > LARGEST_UNPACKED_BYTES:
        raise ParcelRefused(f"The parts unpack to more than {LARGEST_UNPACKED_BYTES} bytes. Ask for several extracts.")


def opened_rows(
    folder: Path,
    manifest: Manifest,
    key: MLKEM768X25519PrivateKey,
    *,
    largest_unpacked: int = LARGEST_UNPACKED_BYTES,
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of every part, some at a time, each part checked before it is opened and again before it is parsed.

    Raises ParcelRefused or ParcelUnreadable; what was yielded before is then to be thrown away.
    """
    count = len(manifest.parts)
    for index, part in enumerate(manifest.parts):
        plaintext = _open(folder, part, key, part_binding(manifest.identity(), index, count))
        for rows in _parse(part, plaintext, largest_unpacked):
            yield part.table, rows


def _open(folder: Path, part: Part, key: MLKEM768X25519PrivateKey, binding: bytes) -> bytes:
    sealed = read_part(folder, part.name, part.ciphertext_bytes)
    if hashlib.sha256(sealed).hexdigest() != part.ciphertext_sha256:
        raise ParcelRefused(
            f"{part.name} is not the file that was signed for. Ask the source to send the parcel again."
        )
    try:
        plaintext = _SUITE.decrypt(sealed, key, info=binding)
    except (InvalidTag, ValueError):
        raise ParcelRefused(
            f"{part.name} does not open with our key {keys.RECIPIENT_KEY}, or belongs elsewhere. "
            "Send the source our present public key, and ask it to seal the parcel again."
        ) from None
    if len(plaintext) != part.plaintext_bytes or hashlib.sha256(plaintext).hexdigest() != part.plaintext_sha256:
        raise ParcelRefused(f"{part.name} does not hold what the manifest says. Report the source's software.")
    return plaintext


def _parse(part: Part, plaintext: bytes, largest_unpacked: int) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(pa.BufferReader(plaintext)) as file:
            _check_footer(part, file, largest_unpacked)
            for group in range(file.num_row_groups):
                yield _with_our_schema(part, file.read_row_group(group, use_threads=part.rows > _WORTH_THREADS))
    except (pa.ArrowException, OSError):
        raise ParcelRefused(f"{part.name} is not readable Parquet. Report the source's software.") from None


def _check_footer(part: Part, file: pq.ParquetFile, largest_unpacked: int) -> None:
    expected = schema(part.table)
    found = file.schema_arrow
    if found.names != expected.names or found.types != expected.types:
        raise ParcelRefused(
            f"{part.name}: its columns are not exactly those of {part.table}. Nothing is guessed or left out."
        )
    if file.metadata.num_rows != part.rows:
        raise ParcelRefused(f"{part.name}: {file.metadata.num_rows} rows, but the manifest says {part.rows}.")
    unpacked = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
    if unpacked > largest_unpacked:
        raise ParcelRefused(f"{part.name} would unpack to {unpacked} bytes, above the {largest_unpacked} we accept.")


def _with_our_schema(part: Part, rows: pa.Table) -> pa.Table:
    expected = schema(part.table)
    for field in expected:
        if not field.nullable and rows[field.name].null_count:
            raise ParcelRefused(
                f"{part.name}: {field.name} is missing in {rows[field.name].null_count} rows; it may not be."
            )
    rows.validate(full=True)  # a string that is no UTF-8 would otherwise be found by the store, which quotes it
    return rows.cast(expected)


def _check_types(manifest: Manifest) -> None:
    """A manifest is signed, not trusted: what we are about to use must have the shape we expect."""
    instants = (manifest.extract_taken_at, manifest.created_at, manifest.not_after)
    try:
        fine = (
            all(isinstance(getattr(manifest, name), str) for name in (*_TEXTS, *_MORE_TEXTS))
            and isinstance(manifest.synthetic, bool)
            and type(manifest.sequence) is int
            and manifest.sequence >= 1
            and bool(_PRACTICE_CODE.fullmatch(manifest.practice_code))
            and manifest.parcel_id
            == parcel_id(manifest.collection, manifest.practice_code, manifest.sequence, manifest.extract_id)
            and all(datetime.fromisoformat(instant).tzinfo is not None for instant in instants)
            and all(_is_ours(part, index) for index, part in enumerate(manifest.parts))
        )
    except (ValueError, TypeError):
        fine = False
    if not fine:
        raise ParcelRefused("A field of the manifest has a value of the wrong kind. Report the source's software.")


def _is_ours(part: Part, index: int) -> bool:
    sizes = (part.rows, part.ciphertext_bytes, part.plaintext_bytes)
    return (
        part.name == part_name(index)
        and part.table in TABLES
        and all(type(size) is int and size >= 0 for size in sizes)
    )
