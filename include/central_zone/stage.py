"""Stage: a received parcel's rows, opened, under the store's tokens, on disk. Staged already, they are only mapped."""

from collections.abc import Iterator

import pyarrow as pa

from central_zone import keys, receive, staged
from central_zone.errors import FolderUnusable, ParcelRefused
from central_zone.folders import usable
from central_zone.ledger import Entry
from central_zone.tokens import with_store_tokens
from central_zone.zone import Zone
from crossing.manifest import Manifest

Tables = dict[str, pa.Table]


def tables_of(zone: Zone, entry: Entry, manifest: Manifest | None = None) -> Tables:
    """The parcel's rows by table. Raises ParcelRefused or ParcelUnreadable where they must be opened and cannot be."""
    work = zone.settings.work_folder
    tables = staged.staged_tables(work, entry.parcel_id, entry.manifest_sha256)
    if tables is not None:
        return tables
    manifest = manifest or _manifest_of(zone, entry)
    with usable("GP_CENTRAL_WORK_DIR"):
        staged.stage(work, entry.parcel_id, entry.manifest_sha256, _rows(zone, manifest))
    tables = staged.staged_tables(work, entry.parcel_id, entry.manifest_sha256)
    if tables is None:
        raise FolderUnusable("GP_CENTRAL_WORK_DIR: staged rows could not be read back. Check its disk.")
    return tables


def _manifest_of(zone: Zone, entry: Entry) -> Manifest:
    manifest = receive.read_signed_manifest(zone.folder(entry.parcel_id), zone.settings.keys_folder)
    if manifest.sha256() != entry.manifest_sha256:
        raise ParcelRefused(
            f"{entry.practice_code}: parcel {entry.sequence} was replaced since it was received. Receive it again."
        )
    return manifest


def _rows(zone: Zone, manifest: Manifest) -> Iterator[tuple[str, pa.Table]]:
    key, subkey = keys.recipient_key(zone.settings.keys_folder), keys.store_subkey(zone.settings.keys_folder)
    for table, rows in receive.opened_rows(zone.folder(manifest.parcel_id), manifest, key):
        yield table, with_store_tokens(table, rows, subkey)
