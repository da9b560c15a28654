"""Receive: is this parcel what a known signer says it is, for us, in date and whole? Signature before anything else.

The order, each check before the next: size caps; signer known, in force and not revoked; signatures; strict manifest;
the signer's practice; recipient; days; caps on what it may unpack to; its place in the ledger (admit); then, a part after
another, hash of the sealed part, HPKE, hash of what it held, Parquet's footer, columns, rows.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from central_zone import keys
from central_zone.erasures.stripped import Stripped, sealed_bytes
from central_zone.errors import ParcelRefused, WrongRecipient
from central_zone.who_signed import Signed, check_may_speak, signed_bytes
from crossing.canonical import schema, schema_sha256
from crossing.manifest import HPKE_SUITE, Manifest, Part, part_binding, read_manifest
from crossing.parcel import ParcelUnreadable, parcel_id, part_name, read_manifest_bytes
from crossing.policy import Collection

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_WORTH_THREADS = 50_000  # rows; below this, starting threads takes longer than they save
LARGEST_PARQUET_BYTES = 4 * 1024**3
LARGEST_UNPACKED_BYTES = 32 * 1024**3  # of one parcel, as rows are staged on disk
LONGEST_TEXT_BYTES = 64  # codes have at most 40 characters, words of closed lists fewer
_LARGEST_ROW_BYTES = 1024  # eight tokens and six codes of the longest are half of it
_ROOM_FOR_DICTIONARIES = 2 * 1024**2
_ROWS_AT_ONCE = 100_000
_LONGEST_VALIDITY = timedelta(days=366)
_CLOCKS_DIFFER = timedelta(minutes=5)
# Suppliers stamp an extract by their own clock and name no time zone: in summer they are an hour ahead of UTC.
_SUPPLIERS_CLOCKS_DIFFER = timedelta(hours=2)
ReadStripped = Callable[[], Stripped]  # what we ourselves took out of the parcel, as it stands beside it now
nothing_stripped: ReadStripped = Stripped


def read_signed_manifest(folder: Path, keys_folder: Path, *, now: datetime | None = None) -> Manifest:
    """The manifest of a parcel whose signer we know. Until that is certain, nothing else is read of it.

    Raises ParcelUnreadable, ParcelRefused, ManifestRefused or CountsDoNotClose.
    """
    return manifest_in(folder, signed_bytes(folder, keys_folder, now=now))


def manifest_in(folder: Path, signed: Signed) -> Manifest:
    """The strict reading of what a known signer signed. Raises ParcelRefused, ManifestRefused or CountsDoNotClose."""
    manifest = read_manifest(signed.data)
    check_may_speak(signed.signer, manifest.practice_code, manifest.supplier_format)
    _check_it_is_one_of_ours(folder, manifest)
    return manifest


def known_manifest(folder: Path, manifest_sha256: str) -> Manifest:
    """The manifest of a parcel that was taken in: the ledger's hash stands for the signature that was checked then.

    A key that was revoked since is no reason to keep the rows of somebody erased. Raises as read_signed_manifest.
    """
    data, _ = read_manifest_bytes(folder)
    if hashlib.sha256(data).hexdigest() != manifest_sha256:
        raise ParcelRefused("The parcel is not the one that was taken in under its id. Find out who replaced it.")
    return read_manifest(data)


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
    _check_days(manifest, now)
    if collection.synthetic_only and not manifest.synthetic:
        raise ParcelRefused(
            f"{collection.id} may hold synthetic records only, and the parcel does not say it is synthetic."
        )
    if sum(part.plaintext_bytes for part in manifest.parts) > LARGEST_PARQUET_BYTES:
        raise ParcelRefused(f"The parts hold more than {LARGEST_PARQUET_BYTES} bytes. Ask for several extracts.")


def _check_days(manifest: Manifest, now: datetime) -> None:
    created, not_after = datetime.fromisoformat(manifest.created_at), datetime.fromisoformat(manifest.not_after)
    if not_after < now:
        raise ParcelRefused("The parcel is past its last day of validity. Ask the source to extract and seal again.")
    if not_after - created > _LONGEST_VALIDITY:
        raise ParcelRefused(
            "The parcel says it is valid for more than a year. Correct parcel_valid_days at the source."
        )
    taken = datetime.fromisoformat(manifest.extract_taken_at)
    if created - now > _CLOCKS_DIFFER or taken - now > _SUPPLIERS_CLOCKS_DIFFER:
        raise ParcelRefused("The parcel was made, or its extract taken, in the future. Set the clocks of both zones.")


def opened_rows(
    folder: Path,
    manifest: Manifest,
    key: MLKEM768X25519PrivateKey,
    *,
    stripped: ReadStripped = nothing_stripped,
    largest_unpacked: int = LARGEST_UNPACKED_BYTES,
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of every part, some at a time. No part is opened before all have the hash that was signed for, and each is
    checked again as it is opened, and once more before it is parsed.

    Raises ParcelRefused or ParcelUnreadable; what was yielded before is then to be thrown away.
    """
    _check_all_sealed(folder, manifest, stripped)
    unpacked = 0
    for index, signed_for in enumerate(manifest.parts):
        part, plaintext = opened_part(folder, manifest, index, key, stripped)
        for rows in _parse(part, plaintext, largest_unpacked):
            unpacked += rows.nbytes
            if unpacked > largest_unpacked:
                raise ParcelRefused(f"{part.name}: the parcel would unpack to more than {largest_unpacked} bytes.")
            yield signed_for.table, rows


def opened_part(
    folder: Path, manifest: Manifest, index: int, key: MLKEM768X25519PrivateKey, stripped: ReadStripped
) -> tuple[Part, bytes]:
    """A part as it is now, and its plaintext. Where it was stripped just while it was read, it is read again."""
    binding = part_binding(manifest.identity(), index, len(manifest.parts))
    return _as_it_is_now(manifest.parts[index], stripped, lambda part: _open(folder, part, key, binding))


def _as_it_is_now(signed_for: Part, stripped: ReadStripped, read: Callable[[Part], bytes]) -> tuple[Part, bytes]:
    before = stripped().part(signed_for)
    try:
        return before, read(before)
    except (ParcelRefused, ParcelUnreadable):
        now = stripped().part(signed_for)
        if now == before:
            raise
        return now, read(now)


def _check_all_sealed(folder: Path, manifest: Manifest, stripped: ReadStripped) -> None:
    """Of a parcel of one part, opening it is soon enough."""
    if len(manifest.parts) > 1:
        for signed_for in manifest.parts:
            _as_it_is_now(signed_for, stripped, lambda part: _sealed(folder, part))


def parsed(part: Part, plaintext: bytes) -> pa.Table:
    """The whole of one opened part, as the canonical table it is of. Raises ParcelRefused."""
    pieces = _parse(part, plaintext, LARGEST_UNPACKED_BYTES)
    return pa.concat_tables([schema(part.table).empty_table(), *pieces])


def _sealed(folder: Path, part: Part) -> bytes:
    sealed = sealed_bytes(folder, part)
    if hashlib.sha256(sealed).hexdigest() != part.ciphertext_sha256:
        raise ParcelRefused(
            f"{part.name} is not the file that was signed for. Ask the source to send the parcel again."
        )
    return sealed


def _open(folder: Path, part: Part, key: MLKEM768X25519PrivateKey, binding: bytes) -> bytes:
    try:
        plaintext = _SUITE.decrypt(_sealed(folder, part), key, info=binding)
    except (InvalidTag, ValueError):
        raise ParcelRefused(
            f"{part.name} does not open with our key {keys.RECIPIENT_KEY}, or belongs elsewhere. "
            "Send the source our present public key, and ask it to seal the parcel again."
        ) from None
    if len(plaintext) != part.plaintext_bytes or hashlib.sha256(plaintext).hexdigest() != part.plaintext_sha256:
        raise ParcelRefused(f"{part.name} does not hold what the manifest says. Report the source's software.")
    return plaintext


def _parse(part: Part, plaintext: bytes, largest_unpacked: int) -> Iterator[pa.Table]:
    """Some rows at a time. Texts are read as dictionaries, so that one long text repeated is seen before it is repeated."""
    texts = [field.name for field in schema(part.table) if pa.types.is_string(field.type)]
    try:
        with pq.ParquetFile(pa.BufferReader(plaintext)) as file:
            _check_footer(part, file, largest_unpacked)
        with pq.ParquetFile(pa.BufferReader(plaintext), read_dictionary=texts) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, use_threads=part.rows > _WORTH_THREADS):
                _check_texts_are_short(part, batch, texts)
                yield _with_our_schema(part, pa.Table.from_batches([batch]))
    except MemoryError:  # Arrow's own is an ArrowException too, and no fault of the parcel
        raise
    except (pa.ArrowException, OSError):
        raise ParcelRefused(f"{part.name} is not readable Parquet. Report the source's software.") from None


def _check_texts_are_short(part: Part, batch: pa.RecordBatch, texts: list[str]) -> None:
    for name in texts:
        longest = pc.max(pc.binary_length(batch.column(name).dictionary)).as_py()
        if (longest or 0) > LONGEST_TEXT_BYTES:
            raise ParcelRefused(
                f"{part.name}: {name} holds a text of {longest} bytes; {LONGEST_TEXT_BYTES} is the most a code has."
            )


def _check_footer(part: Part, file: pq.ParquetFile, largest_unpacked: int) -> None:
    expected = schema(part.table)
    found = file.schema_arrow
    if found.names != expected.names or found.types != expected.types:
        raise ParcelRefused(
            f"{part.name}: its columns are not exactly those of {part.table}. Nothing is guessed or left out."
        )
    if file.metadata.num_rows != part.rows:
        raise ParcelRefused(f"{part.name}: {file.metadata.num_rows} rows, but the manifest says {part.rows}.")
    for group in (file.metadata.row_group(number) for number in range(file.num_row_groups)):
        largest = min(largest_unpacked, group.num_rows * _LARGEST_ROW_BYTES + _ROOM_FOR_DICTIONARIES)
        if group.total_byte_size > largest:
            raise ParcelRefused(
                f"{part.name} would unpack to {group.total_byte_size} bytes, above the {largest} its rows can need."
            )


def _with_our_schema(part: Part, rows: pa.Table) -> pa.Table:
    expected = schema(part.table)
    for field in expected:
        if not field.nullable and rows[field.name].null_count:
            raise ParcelRefused(
                f"{part.name}: {field.name} is missing in {rows[field.name].null_count} rows; it may not be."
            )
    rows.validate(full=True)  # a string that is no UTF-8 would otherwise be found by the store, which quotes it
    return rows.cast(expected)


def _check_it_is_one_of_ours(folder: Path, manifest: Manifest) -> None:
    """The id is the one its place gives it, the folder bears it, and the parts are numbered as we number them."""
    place = (manifest.collection, manifest.practice_code, manifest.sequence, manifest.extract_id)
    if manifest.parcel_id != parcel_id(*place):
        raise ParcelRefused("The parcel's id is not the one its place gives it. Report the source's software.")
    if [part.name for part in manifest.parts] != [part_name(index) for index in range(len(manifest.parts))]:
        raise ParcelRefused("The parcel's parts are not numbered in order. Report the source's software.")
    if folder.name != manifest.parcel_id:
        raise ParcelRefused("The folder is not named by its parcel's id. Deliver it under its own name.")
