"""Apply a bridge: a practice goes over to a newer token key, everything the store has of it in one transaction, or nothing.

It is loaded in its place of the practice's sequence, so nothing under the old key comes after it. Nobody loads, erases or
releases meanwhile: a person may be at any practice.
"""

import time
from typing import Any

from sqlalchemy import Connection, func, text

from central_zone import audit, ledger
from central_zone.erasures import agree
from central_zone.errors import ParcelRefused
from central_zone.ledger import Entry
from central_zone.rotation import pairs, practice_keys
from central_zone.rotation.hold_marks import erase_whom_marks_name
from central_zone.rotation.move_escrow import move_escrow
from central_zone.rotation.move_marks import move_allow_lists, move_marks
from central_zone.rotation.move_released import move_released
from central_zone.rotation.move_rows import move_own, move_persons
from central_zone.rotation.pairs import Bridge
from central_zone.stage import manifest_of
from central_zone.zone import Zone
from crossing.faultpoint import faultpoint

_KEEP = (
    """
UPDATE rotation.pair AS p SET new_token = b.new_token FROM pg_temp.bridge AS b
WHERE p.collection = :collection AND p.new_token = b.old_token AND b.stands_for IN ('registration', 'person')
""",
    """
INSERT INTO rotation.pair (collection, old_token, new_token, token_key, stands_for)
SELECT :collection, old_token, new_token, :token_key, stands_for FROM pg_temp.bridge
WHERE stands_for IN ('registration', 'person') ON CONFLICT DO NOTHING
""",
)


def apply_bridge(zone: Zone, connection: Connection, entry: Entry) -> None:
    """In the caller's transaction; the caller holds the practice's lock and knows that it is the bridge's turn.

    Raises ParcelRefused where it does not name everything the store has of the practice, ErasuresMissing, ParcelUnreadable.
    """
    started = time.monotonic()
    agree.lock_alone(connection)
    agree.check_still_serves(connection, zone.settings)
    bridge = pairs.opened(zone, manifest_of(zone, entry))
    whole = _is_of_the_whole_practice(connection, bridge)
    connection.execute(text("SET LOCAL work_mem = '128MB'"))
    pairs.lay_out(connection, bridge)
    faultpoint("bridge.laid_out")
    moved = {"persons": move_persons(connection), **(move_own(connection, bridge) if whole else {})}
    move_marks(zone, connection, bridge, own=whole)
    move_allow_lists(connection, bridge, own=whole)
    moved["released"] = move_released(zone, connection, bridge)
    faultpoint("bridge.rows_moved")
    _keep_pairs(connection, bridge)
    moved["erased_again"] = erase_whom_marks_name(zone, connection, bridge, own=whole)
    if whole:
        moved["escrow"] = move_escrow(zone, connection, bridge, entry)
    manifest = bridge.manifest
    practice_keys.set_key(
        connection, manifest.collection, manifest.practice_code, manifest.token_key, manifest.sequence
    )
    _write_down(connection, entry, bridge, moved, time.monotonic() - started)
    faultpoint("bridge.written_down")


def _is_of_the_whole_practice(connection: Connection, bridge: Bridge) -> bool:
    """Or only of people whom a parcel under the newer key is about to name. Raises ParcelRefused for one that leads nowhere."""
    manifest = bridge.manifest
    here = practice_keys.key_of(connection, manifest.collection, manifest.practice_code)
    leads_from = manifest.bridges_from or ""
    backwards = practice_keys.version_of(leads_from) >= practice_keys.version_of(manifest.token_key)
    if here == manifest.token_key and bridge.names_persons_only and not backwards:
        return False
    if here in (None, leads_from) and not backwards:
        return True
    raise ParcelRefused(
        f"{bridge.whose}: it leads from {leads_from} to {manifest.token_key}, and the practice's records are under {here}. "
        "Nothing was changed. Report the source's software."
    )


def _keep_pairs(connection: Connection, bridge: Bridge) -> None:
    """Until the old key is retired: other practices' parcels, and notices, may still name somebody by the old token."""
    if practice_keys.is_retired(connection, bridge.manifest.collection, bridge.manifest.bridges_from or ""):
        return  # it was long on its way, and nobody would ever take these pairs away again
    whose = {"collection": bridge.manifest.collection, "token_key": bridge.manifest.bridges_from}
    for statement in _KEEP:
        connection.execute(text(statement), whose)


def _write_down(connection: Connection, entry: Entry, bridge: Bridge, moved: dict[str, int], seconds: float) -> None:
    event: dict[str, Any] = {
        "bridged": entry.parcel_id,
        "practice_code": entry.practice_code,
        "sequence": entry.sequence,
        "manifest_sha256": entry.manifest_sha256,
        "from": bridge.manifest.bridges_from,
        "to": bridge.manifest.token_key,
        "pairs": bridge.pairs.num_rows,
        "rows": moved,
    }
    head = audit.append(connection, actor=audit.LOADER, event=event)
    done = {"state": ledger.LOADED, "state_reason": None, "loaded_at": func.now(), "audit_hash": head}
    ledger.mark(connection, entry.parcel_id, step="load", seconds=seconds, **done)
