"""Of which practices' people it is known that they have not opted out nationally, since when, and until when it is relied on."""

from typing import Any

from sqlalchemy import Connection, select

from central_zone.ledger import LOADED
from central_zone.national_allow_list import latest_checks
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import AUDITOR
from central_zone.store.tables import parcel
from central_zone.zone import Zone, opened

CURRENT, EXPIRED, NEVER = "current", "expired", "never"


def status(settings: Settings) -> list[dict[str, Any]]:
    """A row for each practice that has records in the store or was checked. Raises StoreDown or StoreRefused."""
    with opened(settings, role=AUDITOR) as zone:
        return status_in(zone)


def status_in(zone: Zone) -> list[dict[str, Any]]:
    """The same in a zone that is open."""
    with transaction(zone.store, "look at the national allow lists") as connection:
        return [row for name in zone.policy.collections() for row in _of_collection(zone, connection, name)]


def _of_collection(zone: Zone, connection: Connection, collection: str) -> list[dict[str, Any]]:
    held = (parcel.c.collection == collection, parcel.c.state == LOADED)
    practices = set(connection.scalars(select(parcel.c.practice_code).distinct().where(*held)))
    checks = {row.practice_code: row for row in latest_checks(connection, collection)}
    return [
        {
            "collection": collection,
            "practice_code": code,
            "state": NEVER
            if (row := checks.get(code)) is None
            else CURRENT
            if row.expires_at >= zone.now()
            else EXPIRED,
            "checked_at": row.checked_at if row else None,
            "expires_at": row.expires_at if row else None,
            "people": row.people if row else 0,
        }
        for code in sorted(practices | set(checks))
    ]
