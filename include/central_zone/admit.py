"""Admit a parcel: verified, given its place in the ledger, and staged. What is refused is written down with the reason."""

import time

from sqlalchemy import Connection

from central_zone import ledger, receive
from central_zone.erasures.agree import check_erasures_agree
from central_zone.errors import ParcelRefused, WaitsForEarlier
from central_zone.ledger import Entry
from central_zone.places import Place, check_turn
from central_zone.refuse import refuse
from central_zone.stage import tables_of
from central_zone.store.connection import transaction
from central_zone.who_signed import signed_bytes
from central_zone.zone import Zone
from crossing.accounting import CountsDoNotClose
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest, ManifestRefused
from crossing.parcel import ParcelUnreadable

# What is wrong with the parcel itself. A missing key of ours, or a store that is down, is not held against it.
PARCELS_OWN_FAULT = (ParcelRefused, ParcelUnreadable, ManifestRefused, CountsDoNotClose)


def admit(zone: Zone, parcel_id: str) -> Entry:
    """Answers what the ledger has of the parcel, which may be more than received: loaded, held, approved.

    Raises WaitsForEarlier, StoreDown, or one of PARCELS_OWN_FAULT after the refusal is in the ledger.
    """
    signed = manifest = None
    started = time.monotonic()
    try:
        signed = signed_bytes(zone.folder(parcel_id), zone.settings.keys_folder, now=zone.now())
        manifest = receive.manifest_in(zone.folder(parcel_id), signed)
        faultpoint("receive.verified")
        entry = _enter(zone, manifest)
        faultpoint("receive.entered")
        if entry.state in (ledger.RECEIVED, ledger.VALIDATED, ledger.APPROVED) and not manifest.is_bridge:
            tables_of(zone, entry, manifest)
            _note_seconds(zone, entry, time.monotonic() - started)
        return entry
    except PARCELS_OWN_FAULT as error:
        refuse(zone, parcel_id, error, signed=signed, manifest=manifest)
        raise


def _enter(zone: Zone, manifest: Manifest) -> Entry:
    if manifest.is_notice:
        raise ParcelRefused(f"The parcel is a notice of kind {manifest.extract_kind}, and brings no records to load.")
    if manifest.collection not in zone.policy.collections():
        raise ParcelRefused("The parcel is of a collection that policy does not know. Compare both zones' policy.")
    with transaction(zone.store, "receive") as connection:
        ledger.lock_practice(connection, manifest.collection, manifest.practice_code)
        check_erasures_agree(connection, zone.settings)
        entry = ledger.find(connection, manifest.parcel_id)
        if entry and _stands(entry, manifest):
            return entry
        receive.check_manifest(manifest, collection=zone.policy.collection(manifest.collection), now=zone.now())
        waits = _reason_to_wait(connection, manifest)
        state = ledger.WAITING if waits else ledger.RECEIVED
        ledger.enter(connection, manifest, state=state, reason=waits)
        entry = ledger.entry(connection, manifest.parcel_id)
    if waits:
        raise WaitsForEarlier(waits)
    return entry


def _stands(entry: Entry, manifest: Manifest) -> bool:
    """Whether the ledger's word stands as it is. Raises ParcelRefused where it stands against this parcel."""
    same = entry.manifest_sha256 == manifest.sha256()
    whose = f"{entry.practice_code}, parcel {entry.sequence}"
    if entry.state in ledger.TAKEN_IN and not same:
        raise ParcelRefused(f"{whose}: one is loaded, and this is another under its id. The source lost count.")
    if entry.state == ledger.REFUSED and entry.decided_by:
        raise ParcelRefused(f"{whose}: a steward decided against it. Ask the practice for a new extract.")
    return same and entry.state in (*ledger.TAKEN_IN, ledger.HELD, ledger.APPROVED, ledger.VALIDATED)


def _place(manifest: Manifest) -> Place:
    return Place(
        parcel_id=manifest.parcel_id,
        collection=manifest.collection,
        practice_code=manifest.practice_code,
        sequence=manifest.sequence,
        previous_manifest_sha256=manifest.previous_manifest_sha256,
    )


def _reason_to_wait(connection: Connection, manifest: Manifest) -> str | None:
    try:
        check_turn(connection, _place(manifest), earlier_may_be_under_way=True)
    except WaitsForEarlier as wait:
        return str(wait)
    return None


def _note_seconds(zone: Zone, entry: Entry, seconds: float) -> None:
    with transaction(zone.store, "receive") as connection:
        ledger.mark(connection, entry.parcel_id, step="receive", seconds=seconds)
