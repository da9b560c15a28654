"""Withdraw releases that may no longer stand: their use has ended, is unsafe or decided otherwise, or their check has expired."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, inspect, select

from central_zone import audit, national_allow_list
from central_zone.check_five_safes import check_five_safes
from central_zone.erasures.agree import lock_shared
from central_zone.errors import ReleaseNotSafe
from central_zone.materialise import PERSON, SCHEMA, drop_released, name_of_released
from central_zone.register.data_use import DataUse
from central_zone.register.read_data_uses import read_data_uses
from central_zone.release_locks import one_at_a_time
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.release_tables import disclosure, released_table
from central_zone.store.role_names import RELEASER
from central_zone.zone import Zone, opened

OLDER = "a restored store has an older release than was made"
UNKNOWN, UNSAFE, EXPIRED = "use is not in policy", "five safes no longer hold", "national check has expired"
OTHERWISE = "policy has decided otherwise since"


def purge(settings: Settings) -> dict[str, object]:
    """Deletes expired allow lists and withdraws what may no longer stand. Safe to repeat, and due every day."""
    with opened(settings, role=RELEASER) as zone:
        return {"expired": national_allow_list.purge_expired(zone), "withdrawn": withdraw_ended(zone)}


def withdraw_older(zone: Zone, uses: Iterable[str]) -> None:
    """Of a restored store: whoever objected between the release that it has and the one that it forgot stands in the former."""
    for use_id in sorted(uses):
        with transaction(zone.store, f"withdraw the release {use_id}") as connection:
            one_at_a_time(connection, use_id)
            lock_shared(connection)
            if drop_released(connection, use_id):
                audit.append(connection, actor=audit.LOADER, event={"withdrawn": use_id, "because": OLDER})


def withdraw_ended(zone: Zone) -> dict[str, str]:
    """Drops the tables of every release that may no longer stand; by use, why."""
    with transaction(zone.store, "look for releases that have ended") as connection:
        standing = connection.scalars(
            select(released_table.c.use_id).distinct().order_by(released_table.c.use_id)
        ).all()
    ended = {use_id: _withdraw_if_ended(zone, use_id) for use_id in standing}
    return {use_id: why for use_id, why in ended.items() if why}


def _withdraw_if_ended(zone: Zone, use_id: str) -> str | None:
    with transaction(zone.store, f"withdraw the release {use_id}") as connection:
        one_at_a_time(connection, use_id)
        lock_shared(connection)  # an erasure would miss a table that goes while it looks for people in it
        use = next((use for use in read_data_uses(zone.policy) if use.id == use_id), None)
        why = (
            _why_not_safe(zone, use)
            or _why_decided_otherwise(connection, use)
            or _why_expired(connection, use_id, zone.now())
        )
        if why and drop_released(connection, use_id):
            audit.append(connection, actor=audit.LOADER, event={"withdrawn": use_id, "because": why})
    return why


def _why_not_safe(zone: Zone, use: DataUse | None) -> str | None:
    if use is None or use.safes is None:
        return UNKNOWN
    try:
        check_five_safes(use, use.safes, zone.policy.collection(use.collection), zone.now().date())
    except ReleaseNotSafe:
        return UNSAFE
    return None


def _why_decided_otherwise(connection: Connection, use: DataUse | None) -> str | None:
    """Made without the national opt-out, it may hold people who said no; made with more columns, it tells more than it may."""
    if use is None or use.safes is None or use.opt_out is None:
        return UNKNOWN
    made = connection.execute(
        select(released_table.c.table_name, disclosure.c.decision, disclosure.c.reason)
        .join(disclosure, disclosure.c.disclosure_id == released_table.c.disclosure_id)
        .where(released_table.c.use_id == use.id)
    ).all()
    for row in made:
        columns = inspect(connection).get_columns(name_of_released(use.id, row.table_name), schema=SCHEMA)
        may_be_there = {PERSON, *use.safes.tables.get(row.table_name, ())}
        if (row.decision, row.reason) != (use.opt_out.decision, use.opt_out.reason) or not may_be_there.issuperset(
            column["name"] for column in columns
        ):
            return OTHERWISE
    return None


def _why_expired(connection: Connection, use_id: str, now: datetime) -> str | None:
    """Those released are people who had not opted out when they were asked about; nobody knows of today."""
    relies_until = connection.execute(
        select(func.min(disclosure.c.relies_until))
        .join(released_table, disclosure.c.disclosure_id == released_table.c.disclosure_id)
        .where(released_table.c.use_id == use_id)
    ).scalar_one()
    return EXPIRED if relies_until is not None and relies_until < now else None
