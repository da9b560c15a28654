"""Which keys of a zone's register will run out soon, or were not replaced in time."""

from datetime import datetime, timedelta

from crossing.alerts import Alert
from crossing.key_register import KeyRegister


def expiring_keys(register: KeyRegister, now: datetime, days: int, zone: str) -> list[Alert]:
    """Of each purpose and owner the key that lasts longest: older ones of a series are meant to run out."""
    lasting: dict[tuple[str, str], tuple[datetime, str]] = {}
    for name, entry in register.entries.items():
        if entry.revoked_at is None:
            place = (entry.key.purpose, entry.key.owner)
            lasting[place] = max(lasting.get(place, (entry.valid_until, name)), (entry.valid_until, name))
    return [
        Alert(
            kind="keys_expiring",
            about=f"{zone} {name}",
            what=f"Key {name} ({purpose} of {owner}) is valid until {until:%d %B %Y}, and none after it is in the register.",
            where="docs/keys-rotation.md",
        )
        for (purpose, owner), (until, name) in sorted(lasting.items())
        if until - now < timedelta(days=days)
    ]
