"""Stage: a received parcel's rows, opened, under the store's tokens, on disk. Staged already, they are only mapped."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from central_zone import keys, receive, staged
from central_zone.erasures import gate
from central_zone.erasures.stripped import read_stripped
from central_zone.errors import FolderUnusable, ParcelRefused
from central_zone.folders import usable
from central_zone.ledger import Entry
from central_zone.reidentification.case_keys import custodian
from central_zone.reidentification.escrow import ESCROW, Sealer, sealer
from central_zone.rotation.open_pairs import with_present_persons
from central_zone.store.connection import transaction
from central_zone.tokens import with_store_tokens
from central_zone.zone import Zone
from crossing.case_rules import read_case_rules
from crossing.manifest import Manifest

Tables = staged.Tables
_TIMES = 2  # an erasure may discard what was only just staged


def tables_of(zone: Zone, entry: Entry, manifest: Manifest | None = None) -> Tables:
    """The parcel's rows by table. Raises ParcelRefused or ParcelUnreadable where they must be opened and cannot be."""
    work = zone.settings.work_folder
    tables = staged.staged_tables(work, entry.parcel_id, entry.manifest_sha256)
    if tables is not None:
        return tables
    manifest = manifest or manifest_of(zone, entry)
    for _ in range(_TIMES):
        _stage(zone, entry, manifest)
        tables = staged.staged_tables(work, entry.parcel_id, entry.manifest_sha256)
        if tables is not None:
            return tables
    raise FolderUnusable("GP_CENTRAL_WORK_DIR: staged rows could not be read back. Check its disk.")


def _stage(zone: Zone, entry: Entry, manifest: Manifest) -> None:
    signed_for = Counter[str]()
    for part in manifest.parts:
        signed_for[part.table] += part.rows
    with usable("GP_CENTRAL_WORK_DIR"):
        staged.stage(
            zone.settings.work_folder,
            entry.parcel_id,
            entry.manifest_sha256,
            _rows(zone, manifest),
            thin=partial(_thinned, zone, entry),
            signed_for=signed_for,
        )


def _thinned(zone: Zone, entry: Entry, tables: Tables) -> Tables:
    """Rows of people who were erased are not even staged. Whoever is erased after this is stopped when it is loaded."""
    with transaction(zone.store, f"{entry.practice_code}, parcel {entry.sequence}") as connection:
        known_today = with_present_persons(connection, entry.collection, tables)
        ruled = gate.ruling_on(connection, zone, gate.whose(entry), known_today)
        gate.hold_found(connection, ruled)
    kept = {table: gate.may_come_in(rows, ruled.kept_out) for table, rows in tables.items()}
    return {table: tables[table].filter(may) for table, may in kept.items() if may is not None}


def manifest_of(zone: Zone, entry: Entry) -> Manifest:
    """The signed manifest of the parcel as it lies there. Raises ParcelRefused where it is not the one the ledger has."""
    manifest = receive.read_signed_manifest(zone.folder(entry.parcel_id), zone.settings.keys_folder, now=zone.now())
    if manifest.sha256() != entry.manifest_sha256:
        raise ParcelRefused(
            f"{entry.practice_code}: parcel {entry.sequence} was replaced since it was received. Receive it again."
        )
    return manifest


def _rows(zone: Zone, manifest: Manifest) -> Iterator[tuple[str, pa.Table]]:
    key, subkey = keys.recipient_key(zone.settings.keys_folder), keys.store_subkey(zone.settings.keys_folder)
    folder = zone.folder(manifest.parcel_id)
    stripped = partial(read_stripped, folder, manifest, zone.settings.keys_folder)
    escrow = _escrow_of(zone, manifest)
    for table, rows in receive.opened_rows(folder, manifest, key, stripped=stripped):
        stored = with_store_tokens(table, rows, subkey)
        yield table, stored
        if escrow and table == "patient":
            yield ESCROW, escrow.rows(rows, stored)


def _escrow_of(zone: Zone, manifest: Manifest) -> Sealer | None:
    if not read_case_rules(zone.policy).escrow_is_kept:
        return None
    return sealer(manifest.practice_code, manifest.parcel_id, custodian(zone.settings.keys_folder))
