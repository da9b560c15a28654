"""Retire a token key: nothing in the store, on its way or kept is under it any more, and the centre signs that this is so.

On that word the source may destroy the key. Refused while anybody still needs it; safe to repeat.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, text

from central_zone import audit, inbox, keys, ledger
from central_zone.admit import PARCELS_OWN_FAULT
from central_zone.erasures import agree
from central_zone.erasures.strip import taken_in_of, verified
from central_zone.errors import KeyStillNeeded
from central_zone.folders import usable
from central_zone.receipts import replace_durably
from central_zone.rotation.practice_keys import version_of
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import ERASER
from central_zone.store.rotation_tables import pair, practice_key, retired
from central_zone.store.tables import notice, parcel
from central_zone.zone import Zone, opened
from crossing import answers
from crossing.canonical import BRIDGE, ERASURE
from crossing.manifest import Manifest, canonical_json
from crossing.parcel import destroy_parts

_UNSETTLED = (ledger.RECEIVED, ledger.VALIDATED, ledger.APPROVED, ledger.WAITING, ledger.HELD)
_LISTED = 20
# A notice may be on its way for days, and under a retired key it would be refused: its people would stay in the store.
_ERASURES_ON_THEIR_WAY = f"""
SELECT DISTINCT p.practice_code FROM ledger.parcel AS p
WHERE p.collection = :collection AND p.extract_kind = '{BRIDGE}' AND p.state = '{ledger.LOADED}'
  AND p.manifest ->> 'bridges_from' = :key AND (p.manifest ->> 'erasures_before')::int > (
    SELECT count(*) FROM ledger.notice AS n
    WHERE n.collection = p.collection AND n.practice_code = p.practice_code AND n.kind = '{ERASURE}'
      AND n.applied_at IS NOT NULL AND n.sequence <= (p.manifest ->> 'erasures_before')::int)
"""  # noqa: S608 (constants of ours)


def retire(collection: str, version: int, settings: Settings) -> dict[str, Any]:
    """Raises KeyStillNeeded, naming practices; StoreDown. Answers counts, and writes the signed statement."""
    token_key = f"token-{collection}-v{version}"
    with opened(settings, role=ERASER) as zone:
        with transaction(zone.store, f"retire {token_key}") as connection:
            agree.lock_alone(connection)  # nobody loads, erases or releases meanwhile
            row = _row(connection, collection, token_key) or _retire(zone, connection, collection, token_key)
        destroyed = sum(_destroy_parts(folder) for folder, _ in _kept_under(zone, collection, token_key))
        _give_statement(zone, row)
    said = {"practices": row.practices, "pairs": row.pairs, "parcels_destroyed": destroyed}
    return {"key": token_key, "state": "retired", **said, "statement": f"{token_key}.retired.json"}


def _retire(zone: Zone, connection: Connection, collection: str, token_key: str) -> Row[Any]:
    _check_nobody_needs(zone, connection, collection, token_key)
    practices = connection.scalar(select(func.count()).where(practice_key.c.collection == collection))
    of_key = (pair.c.collection == collection, pair.c.token_key == token_key)
    pairs = connection.execute(delete(pair).where(*of_key)).rowcount
    event = {"retired": token_key, "collection": collection, "practices": practices, "pairs": pairs}
    head = audit.append(connection, actor=audit.LOADER, event=event)
    values = {"collection": collection, "token_key": token_key, "practices": practices, "pairs": pairs}
    connection.execute(insert(retired).values(**values, audit_hash=head))
    row = _row(connection, collection, token_key)
    if row is None:
        raise KeyStillNeeded(f"{token_key}: what was written cannot be read back. Nothing was changed.")
    return row


def _row(connection: Connection, collection: str, token_key: str) -> Row[Any] | None:
    same = (retired.c.collection == collection, retired.c.token_key == token_key)
    return connection.execute(select(retired).where(*same)).first()


def _check_nobody_needs(zone: Zone, connection: Connection, collection: str, token_key: str) -> None:
    places = connection.execute(select(practice_key).where(practice_key.c.collection == collection)).all()
    if not places:
        raise KeyStillNeeded(f"{token_key}: nothing of {collection} was ever loaded, so no practice is past it.")
    needed = {row.practice_code for row in places if version_of(row.token_key) <= version_of(token_key)}
    if needed:
        raise KeyStillNeeded(
            f"{token_key}: the records of {_named(needed)} are under it or an older key. Have the source run: gp-source keys "
            "bridge --collection " + collection + ", and load what it sends."
        )
    on_their_way = set(connection.scalars(text(_ERASURES_ON_THEIR_WAY), {"collection": collection, "key": token_key}))
    if on_their_way:
        raise KeyStillNeeded(
            f"{token_key}: erasures of {_named(on_their_way)} left before its bridge, and were not carried out here. Nobody could "
            "say afterwards whom they are about. Have the source send them, and take them."
        )
    waiting = _waiting(connection, collection, token_key) | _not_looked_at(zone, connection, collection, token_key)
    if waiting:
        raise KeyStillNeeded(
            f"{token_key}: parcels or notices of {_named(waiting)} under it wait to be taken. See: gp-central ledger, and "
            "gp-central notices"
        )


def _named(practices: set[str]) -> str:
    more = f" and {len(practices) - _LISTED} others" if len(practices) > _LISTED else ""
    return ", ".join(sorted(practices)[:_LISTED]) + more


def _waiting(connection: Connection, collection: str, token_key: str) -> set[str]:
    """Practices with something in the ledger that is not settled: held by a steward, say."""
    parcels = select(parcel.c.practice_code).where(
        parcel.c.collection == collection,
        parcel.c.state.in_(_UNSETTLED),
        or_(*(parcel.c.manifest[name].astext == token_key for name in ("token_key", "bridges_from"))),
    )
    notices = select(notice.c.practice_code).where(
        notice.c.collection == collection,
        notice.c.applied_at.is_(None),
        (notice.c.kind == ERASURE) | (notice.c.not_after > func.now()),
        notice.c.manifest["token_key"].astext == token_key,
    )
    return {*connection.scalars(parcels), *connection.scalars(notices)}


def _not_looked_at(zone: Zone, connection: Connection, collection: str, token_key: str) -> set[str]:
    """Practices with something in the inbox that the ledger has never heard of."""
    kept = {folder.name: manifest for folder, manifest in _kept_under(zone, collection, token_key)}
    known = {str(each) for each in connection.scalars(select(notice.c.parcel_id))} | set(
        ledger.states(connection, kept)
    )
    return {manifest.practice_code for name, manifest in kept.items() if name not in known}


def _kept_under(zone: Zone, collection: str, token_key: str) -> Iterator[tuple[Path, Manifest]]:
    """Whatever lies in the inbox and was made under a key, or leads from it. What cannot be verified cannot be loaded either."""
    folders = [folder for _, folder in sorted(inbox.parcel_folders(zone.inbox).items())]
    taken_in = taken_in_of(zone, folders)
    for folder in folders:
        claim = inbox.claim(folder)
        if claim is None or claim.collection != collection:
            continue
        try:
            manifest = verified(zone, folder, taken_in)
        except PARCELS_OWN_FAULT:
            continue
        if token_key in (manifest.token_key, manifest.bridges_from):
            yield folder, manifest


def _destroy_parts(folder: Path) -> bool:
    """Whether there was anything to destroy. What was sent can still be told by what stays."""
    with usable("GP_INBOX_DIR"):
        return bool(destroy_parts(folder))


def _give_statement(zone: Zone, row: Row[Any]) -> None:
    """Made again, it has the same bytes."""
    content = {
        "collection": row.collection,
        "token_key": row.token_key,
        "practices": row.practices,
        "pairs": row.pairs,
        "at": row.at.isoformat(timespec="microseconds"),
        "audit_head": row.audit_hash,
    }
    signed = answers.bytes_to_sign(content, answers.PAYLOAD_TYPES[answers.RETIREMENT])
    signature = keys.receipt_signing_key(zone.settings.keys_folder).sign(signed).hex()
    answer = {answers.RETIREMENT: content, "signing_key": keys.RECEIPT_SIGNING_KEY, "signature": signature}
    with usable("GP_RECEIPTS_DIR"):
        zone.settings.receipts_folder.mkdir(parents=True, exist_ok=True)
        replace_durably(zone.settings.receipts_folder / f"{row.token_key}.retired.json", canonical_json(answer))
