"""What the centre finds that somebody must know: practices that are late, parcels that are held, keys, disks."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from central_zone.night.expected import Rhythm, calendars_of
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import STEWARD
from central_zone.zone import Zone, opened
from crossing.alerts import Alert, read_alert_policy
from crossing.expiring_keys import expiring_keys
from crossing.filling_disks import filling_disks
from crossing.key_register import read_key_register

ZONE = "central"
_FOLDERS = (
    "GP_INBOX_DIR",
    "GP_CENTRAL_WORK_DIR",
    "GP_RECEIPTS_DIR",
    "GP_ERASURE_JOURNAL_DIR",
    "GP_LINEAGE_DIR",
    "GP_REGISTER_DIR",
)
_HELD = text("""
SELECT practice_code, sequence, decided_by, received_at FROM ledger.parcel
WHERE state = 'held' AND collection = :collection ORDER BY practice_code, sequence
""")


def watch(settings: Settings) -> list[Alert]:
    """Everything there is to tell, whether or not it was told before. Raises StoreDown, PolicyRefused."""
    with opened(settings, role=STEWARD) as zone:
        return watch_in(zone)


def watch_in(zone: Zone) -> list[Alert]:
    """The same in a zone that is open, by the steward's role."""
    wanted, now, settings = read_alert_policy(zone.policy), zone.now(), zone.settings
    with transaction(zone.store, "watch") as connection:
        found = [
            alert
            for name in zone.policy.collections()
            for alert in (*_late(zone, connection, name, now), *_held(connection, name))
        ]
    if "GP_CENTRAL_KEYS_DIR" in settings.values:
        register = read_key_register(settings.keys_folder)
        found += expiring_keys(register, now, wanted.number("keys_expiring"), ZONE)
    folders = {name: Path(settings.values[name]) for name in _FOLDERS if name in settings.values}
    return found + filling_disks(folders, wanted.number("disk_filling"), ZONE)


def _late(zone: Zone, connection: Connection, collection: str, now: datetime) -> list[Alert]:
    practices = {each.practice_code: each for each in zone.policy.practices() if each.takes_part_on(now.date())}
    calendars = calendars_of(connection, collection, sorted(practices))
    rhythms = {code: Rhythm(practice, calendars.get(code)) for code, practice in practices.items()}
    return [
        Alert(
            kind="deadline_missed",
            about=code,
            what=f"{code} of {collection}: {_since(rhythm)}",
            where=f"the page of practice {code}, and docs/runbook.md, Reconcile is red",
        )
        for code, rhythm in sorted(rhythms.items())
        if rhythm.is_late_now(now)
    ]


def _since(rhythm: Rhythm) -> str:
    if rhythm.calendar is None:
        return "nothing has ever arrived, and it takes part."
    last, due = rhythm.calendar.arrived_last, rhythm.calendar.expected_by()
    return f"nothing has arrived since {last:%d %B %Y %H:%M}; it was due by {due:%d %B %H:%M}."


def _held(connection: Connection, collection: str) -> list[Alert]:
    return [
        Alert(
            kind="parcels_held",
            about=f"{row.practice_code} {row.sequence}",
            what=f"{row.practice_code}, parcel {row.sequence} of {collection} is held since {row.received_at:%d %B %Y %H:%M}"
            + (f"; {row.decided_by} approved, and another steward must agree." if row.decided_by else "."),
            where="the page Decisions, and docs/runbook/HeldForSteward.md",
        )
        for row in connection.execute(_HELD, {"collection": collection})
    ]
