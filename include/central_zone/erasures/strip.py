"""Strip: the sealed parcels we keep lose the rows of erased people. What is left is sealed again, to our own key.

First the new parts are put beside the old ones, then `stripped.json` says that they hold, then they take their place. Killed
anywhere, a parcel is either the old one or the new one, and the next run goes on.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from central_zone import inbox, keys, ledger, receive
from central_zone.admit import PARCELS_OWN_FAULT
from central_zone.erasures import gate
from central_zone.erasures.marks import TOKEN
from central_zone.erasures.stripped import NAME, Stripped, read_stripped, statement, with_one_more
from central_zone.folders import usable
from central_zone.ledger import Entry
from central_zone.receipts import replace_durably
from central_zone.rotation.open_pairs import present_in
from central_zone.rotation.practice_keys import is_retired
from central_zone.store.connection import transaction
from central_zone.tokens import as_hex
from central_zone.zone import Zone
from crossing.canonical import BESIDE_RECORDS
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest, Part, part_binding
from crossing.parcel import NEW_PART_SUFFIX, sync_folder, write_durably
from crossing.tokens import keyed_tokens_of_repeats

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_WHOSE = ("registration_token", "patient_token", "is_deleted")


def strip_parcels(zone: Zone, notice: Manifest, practices: set[str]) -> dict[str, Any]:
    """Strips every parcel of these practices that is kept: waiting, held, loaded. Answers counts of this notice's doing.

    A parcel that cannot be verified cannot be opened either: it is left as it is, and counted.
    """
    parcels, left, rows = 0, [], Counter[str]()
    kept = list(_kept_of(zone, notice.collection, practices))
    taken_in = taken_in_of(zone, kept)
    for folder in kept:
        try:
            manifest = verified(zone, folder, taken_in)
            if _is_closed(zone, manifest) or (manifest.collection, manifest.practice_code in practices) != (
                notice.collection,
                True,
            ):
                continue
            taken = strip(zone, folder, manifest, notice.parcel_id)
        except PARCELS_OWN_FAULT:
            left.append(folder.name)
            continue
        parcels += bool(taken)
        rows.update(taken)
    return {"parcels_stripped": parcels, "rows_stripped": dict(sorted(rows.items())), "parcels_left": sorted(left)}


def _is_closed(zone: Zone, manifest: Manifest) -> bool:
    """Not a parcel of records, or one whose parts were destroyed when its key retired."""
    if manifest.is_notice or manifest.is_bridge:
        return True
    with transaction(zone.store, "look for retired keys") as connection:
        return is_retired(connection, manifest.collection, manifest.token_key)


def strip_late(zone: Zone, entry: Entry) -> None:
    """A parcel that was loaded after people in it were erased, when no notice looks for them in it any more.

    One that cannot be verified any more cannot be opened either: it is left as it is.
    """
    folder = zone.folder(entry.parcel_id)
    with suppress(*PARCELS_OWN_FAULT):
        strip(zone, folder, receive.known_manifest(folder, entry.manifest_sha256), entry.parcel_id)


def taken_in_of(zone: Zone, folders: list[Path]) -> dict[str, str]:
    """The manifest's hash of each of these parcels that was loaded."""
    with transaction(zone.store, "look for parcels that were loaded") as connection:
        known = ledger.states(connection, [folder.name for folder in folders])
    return {name: entry.manifest_sha256 for name, entry in known.items() if entry.state in ledger.TAKEN_IN}


def verified(zone: Zone, folder: Path, taken_in: dict[str, str]) -> Manifest:
    """Of a parcel that was loaded the ledger knows the manifest, whatever became of the key that signed it."""
    if folder.name in taken_in:
        return receive.known_manifest(folder, taken_in[folder.name])
    return receive.read_signed_manifest(folder, zone.settings.keys_folder, now=zone.now())


def left_in_words(outcome: dict[str, Any]) -> str:
    """For who reads the result: the parcels that could not be opened."""
    left = outcome["parcels_left"]
    return f"{len(left)} parcels could not be verified and are as they were: {', '.join(left)}" if left else ""


def _kept_of(zone: Zone, collection: str, practices: set[str]) -> Iterator[Path]:
    """In the inbox, and where the notice lies if that is elsewhere. What they claim is not verified yet."""
    for place in sorted({zone.inbox.resolve(), zone.settings.inbox_folder.resolve()}):
        for _, folder in sorted(inbox.parcel_folders(place).items()):
            claim = inbox.claim(folder)
            if claim is None or (
                claim.collection == collection and claim.practice_code in practices and claim.kind not in BESIDE_RECORDS
            ):
                yield folder


def strip(zone: Zone, folder: Path, manifest: Manifest, notice_id: str) -> dict[str, int]:
    """Answers how many rows this notice took from the parcel in all, by table. Raises ParcelRefused or ParcelUnreadable."""
    keys_folder = zone.settings.keys_folder
    stripped = partial(read_stripped, folder, manifest, keys_folder)
    before = stripped()
    _put_in_place(folder, before)
    kept_out = _kept_out(zone, folder, manifest, stripped)
    if len(kept_out):
        parts, rows = _resealed(zone, folder, manifest, stripped, kept_out)
        after = with_one_more(before, notice_id, parts, rows)
        with usable("GP_INBOX_DIR"):
            replace_durably(folder / NAME, statement(manifest, after, keys_folder))
        faultpoint("strip.said")
        _put_in_place(folder, after)
        before = after
    return dict(before.rows_by_notice.get(notice_id, {}))


def _kept_out(zone: Zone, folder: Path, manifest: Manifest, stripped: receive.ReadStripped) -> pa.Array:
    """The registrations (T2) that the gate would not let in from this parcel."""
    people = gate.people_of({"patient": _people(zone, folder, manifest, stripped)})
    place = manifest.collection, manifest.practice_code, manifest.sequence
    whose = gate.whose_at(*place, manifest.extract_kind)
    subkey = keys.erasure_subkey(zone.settings.keys_folder)
    with transaction(zone.store, f"strip parcels of {manifest.practice_code}") as connection:
        ruled = gate.ruling(connection, whose, people, subkey)
        gate.hold_found(connection, ruled)
    return ruled.kept_out


def _people(zone: Zone, folder: Path, manifest: Manifest, stripped: receive.ReadStripped) -> pa.Table:
    """Every registration of the parcel with its person, where a row names one; each pair once."""
    key, subkey = keys.recipient_key(zone.settings.keys_folder), keys.store_subkey(zone.settings.keys_folder)
    found = _NO_PAIRS
    for _, rows in receive.opened_rows(folder, manifest, key, stripped=stripped):
        named = [name for name in _WHOSE if name in rows.column_names]
        if "registration_token" in named:
            pairs = rows.select(named).group_by(named).aggregate([])
            pairs = pa.table({name: pairs[name] if name in named else pa.nulls(len(pairs), TOKEN) for name in _WHOSE})
            found = pa.concat_tables([found, pairs]).group_by(list(_WHOSE)).aggregate([])
    tokens = {name: _ours(zone, manifest, found[name], subkey) for name in ("registration_token", "patient_token")}
    return pa.table({**tokens, "is_deleted": found["is_deleted"]})


_NOBODY = pa.array([], TOKEN)
_NO_PAIRS = pa.table({"registration_token": _NOBODY, "patient_token": _NOBODY, "is_deleted": pa.array([], pa.bool_())})


def _ours(zone: Zone, manifest: Manifest, tokens: pa.ChunkedArray, subkey: bytes) -> pa.Array:
    """As they stand in the store today, also where the parcel was made under an older key."""
    return present_in(zone, manifest.collection, keyed_tokens_of_repeats(as_hex(tokens), subkey))


def _resealed(
    zone: Zone, folder: Path, manifest: Manifest, stripped: receive.ReadStripped, kept_out: pa.Array
) -> tuple[dict[str, Part], dict[str, int]]:
    """Puts a new part beside each that holds any of these; answers them, and how many rows they lost, by table."""
    key, subkey = keys.recipient_key(zone.settings.keys_folder), keys.store_subkey(zone.settings.keys_folder)
    parts: dict[str, Part] = {}
    lost = Counter[str]()
    for index in range(len(manifest.parts)):
        part, plaintext = receive.opened_part(folder, manifest, index, key, stripped)
        rows = receive.parsed(part, plaintext)
        if "registration_token" not in rows.column_names:
            continue
        out = pc.is_in(_ours(zone, manifest, rows["registration_token"], subkey), value_set=kept_out)
        rest = rows.filter(pc.invert(out))
        if rest.num_rows < rows.num_rows:
            binding = part_binding(manifest.identity(), index, len(manifest.parts))
            parts[part.name] = _seal_beside(folder, part, rest, binding, key.public_key())
            lost[part.table] += rows.num_rows - rest.num_rows
    sync_folder(folder)
    return parts, dict(lost)


def _seal_beside(folder: Path, part: Part, rows: pa.Table, binding: bytes, recipient: Any) -> Part:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    plaintext = sink.getvalue()
    sealed = _SUITE.encrypt(plaintext, recipient, info=binding)
    with usable("GP_INBOX_DIR"):
        write_durably(folder / f"{part.name}{NEW_PART_SUFFIX}", sealed)
    faultpoint("strip.part_written")
    return replace(
        part,
        rows=rows.num_rows,
        ciphertext_bytes=len(sealed),
        ciphertext_sha256=hashlib.sha256(sealed).hexdigest(),
        plaintext_bytes=len(plaintext),
        plaintext_sha256=hashlib.sha256(plaintext).hexdigest(),
    )


def _put_in_place(folder: Path, stripped: Stripped) -> None:
    """The new parts take the place of the old ones. What a killed run put beside them and did not speak of, goes too."""
    with usable("GP_INBOX_DIR"):
        for draft in folder.glob(f".{NAME}.*"):
            draft.unlink()
        for new in sorted(folder.glob(f"*{NEW_PART_SUFFIX}")):
            name = new.name.removesuffix(NEW_PART_SUFFIX)
            part = stripped.parts.get(name)
            if part and hashlib.sha256(new.read_bytes()).hexdigest() == part.ciphertext_sha256:
                new.replace(folder / name)
                faultpoint("strip.one_in_place")
            else:
                new.unlink()
        sync_folder(folder)


def destroy_parts(zone: Zone, notice: Manifest) -> None:
    """A notice that was carried out keeps its manifest and signature. Whom it named is in no file."""
    folder = zone.folder(notice.parcel_id)
    with usable("GP_INBOX_DIR"):
        for part in notice.parts:
            (folder / part.name).unlink(missing_ok=True)
            faultpoint("notice.part_destroyed")
        sync_folder(folder)
