"""The national allow lists: of whom the national service said lately that they had not opted out. Nobody else may be used.

A practice's list is replaced as a whole, is never relied on for longer than policy allows, and is deleted when it expires.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from central_zone import audit, keys, ledger, notice
from central_zone.erasures import gate
from central_zone.erasures.agree import lock_shared
from central_zone.errors import ParcelRefused
from central_zone.load import insert_rows
from central_zone.notice import Notice
from central_zone.store.connection import transaction
from central_zone.store.release_tables import national_allow_list
from central_zone.store.tables import notice as notices
from central_zone.zone import Zone
from crossing.canonical import NATIONAL_ALLOW_LIST
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest
from crossing.policy import Policy, PolicyRefused

_LIMIT_DAYS = 21  # regulatory: see policy/opt_outs/national.toml, which may ask for less
_ROWS_SENT_AT_ONCE = 50_000


def expires_after(policy: Policy) -> timedelta:
    """How long an answer of the national service is relied on. Raises PolicyRefused for more than the limit."""
    days = policy.table("opt_outs/national.toml").get("expires_after_days", {}).get("value")
    if type(days) is not int or not 1 <= days <= _LIMIT_DAYS:
        raise PolicyRefused(f"policy/opt_outs/national.toml: expires_after_days must be 1 to {_LIMIT_DAYS} days.")
    return timedelta(days=days)


def check_validity(zone: Zone, manifest: Manifest) -> None:
    """Whether a list says it is good for no longer than it may be. Raises ParcelRefused."""
    checked_at, expires_at = _times(manifest)
    longest = expires_after(zone.policy)
    if not timedelta() < expires_at - checked_at <= longest:
        raise ParcelRefused(
            f"{manifest.practice_code}, {NATIONAL_ALLOW_LIST} {manifest.sequence}: it would be relied on for longer than "
            f"{longest.days} days after the check, or expires before it. Correct not_after at the source."
        )


def apply_allow_list(zone: Zone, list_: Notice) -> dict[str, Any]:
    """Replaces the practice's list, unless it was checked earlier than the one we have."""
    manifest = list_.manifest
    checked_at, expires_at = _times(manifest)
    with transaction(zone.store, f"{list_.whose}: replace the allow list") as connection:
        ledger.lock_practice(connection, manifest.collection, manifest.practice_code)
        lock_shared(connection)  # whoever is being erased is not put on a list meanwhile
        if _is_older(connection, manifest, checked_at):
            outcome: dict[str, Any] = {"list": "superseded", "people": 0, "replaced": 0}
        else:
            replaced = connection.execute(delete(national_allow_list).where(_of_practice(manifest))).rowcount
            tokens = _not_erased(zone, connection, list_)
            people = _insert(connection, manifest, tokens, checked_at, expires_at)
            faultpoint("allow_list.replaced")
            outcome = {"list": "replaced", "people": people, "replaced": replaced}
        head = audit.append(connection, actor=audit.LOADER, event=_audited(manifest, outcome))
        notice.mark_applied(connection, manifest, outcome=outcome, audit_hash=head)
    return outcome


def purge_expired(zone: Zone) -> int:
    """Deletes what may no longer be relied on; how many people's entries there were."""
    with transaction(zone.store, "purge expired allow lists") as connection:
        return delete_expired(connection, zone.now())


def delete_expired(connection: Connection, now: datetime) -> int:
    """How many people's entries were deleted."""
    return connection.execute(delete(national_allow_list).where(national_allow_list.c.expires_at < now)).rowcount


def end_lists(connection: Connection, practices: Iterable[tuple[str, str]], now: datetime) -> None:
    """Of a collection's practices whose newer list a restored store forgot: whoever objected since stands on the one it has.

    Their people count as not checked until the next list.
    """
    for collection, practice_code in practices:
        entry, list_ = national_allow_list.c, notices.c
        connection.execute(
            delete(national_allow_list).where(entry.collection == collection, entry.practice_code == practice_code)
        )
        same = (list_.collection == collection, list_.practice_code == practice_code, list_.kind == NATIONAL_ALLOW_LIST)
        connection.execute(
            update(notices).where(*same, list_.applied_at.is_not(None), list_.not_after > now).values(not_after=now)
        )


def latest_checks(connection: Connection, collection: str) -> Sequence[Row[Any, Any, Any, Any]]:
    """For each practice its latest list: practice_code, checked_at, expires_at, and how many people it named."""
    # One checked at the very same time was superseded by the one that was here first.
    newest = (notices.c.taken_at.desc(), notices.c.applied_at)
    rank = func.row_number().over(partition_by=notices.c.practice_code, order_by=newest).label("rank")
    lists = (
        select(notices.c.practice_code, notices.c.taken_at, notices.c.not_after, notices.c.people, rank)
        .where(
            notices.c.collection == collection,
            notices.c.kind == NATIONAL_ALLOW_LIST,
            notices.c.applied_at.is_not(None),
        )
        .subquery()
    )
    columns = (lists.c.taken_at.label("checked_at"), lists.c.not_after.label("expires_at"), lists.c.people)
    latest = select(lists.c.practice_code, *columns).where(lists.c.rank == 1).order_by(lists.c.practice_code)
    return connection.execute(latest).all()


def _times(manifest: Manifest) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(manifest.extract_taken_at), datetime.fromisoformat(manifest.not_after)


def _is_older(connection: Connection, manifest: Manifest, checked_at: datetime) -> bool:
    """Also than one that has expired since: an old answer never comes back."""
    newest = connection.execute(
        select(func.max(notices.c.taken_at)).where(
            notices.c.collection == manifest.collection,
            notices.c.practice_code == manifest.practice_code,
            notices.c.kind == NATIONAL_ALLOW_LIST,
            notices.c.applied_at.is_not(None),
        )
    ).scalar_one()
    return newest is not None and newest >= checked_at


def _of_practice(manifest: Manifest) -> ColumnElement[bool]:
    return (national_allow_list.c.collection == manifest.collection) & (
        national_allow_list.c.practice_code == manifest.practice_code
    )


def _not_erased(zone: Zone, connection: Connection, list_: Notice) -> pa.Array:
    """Somebody erased because of another practice's word is on this one's list, which does not know: no token of theirs is kept."""
    tokens, collection = list_.people["patient_token"].unique(), list_.manifest.collection
    if not gate.has_marks(connection, collection):
        return tokens
    subkey = keys.erasure_subkey(zone.settings.keys_folder)
    return tokens.filter(pc.invert(gate.persons_erased(connection, collection, tokens, subkey)))


def _insert(
    connection: Connection, manifest: Manifest, tokens: pa.Array, checked_at: datetime, expires_at: datetime
) -> int:
    count = len(tokens)
    instant = pa.timestamp("us", tz="UTC")
    columns = {
        "collection": pa.repeat(manifest.collection, count),
        "practice_code": pa.repeat(manifest.practice_code, count),
        "patient_token": tokens,
        "checked_at": pa.repeat(pa.scalar(checked_at, instant), count),
        "expires_at": pa.repeat(pa.scalar(expires_at, instant), count),
    }
    batches = pa.table(columns).to_batches(max_chunksize=_ROWS_SENT_AT_ONCE)
    return insert_rows(connection, ("release", "national_allow_list"), batches)


def _audited(manifest: Manifest, outcome: dict[str, Any]) -> dict[str, Any]:
    return {
        "national_allow_list": manifest.parcel_id,
        "practice_code": manifest.practice_code,
        "sequence": manifest.sequence,
        "manifest_sha256": manifest.sha256(),
        **outcome,
    }
