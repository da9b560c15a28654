"""What a practice has sent before, as the ledger has it: the nights that tonight's parcel is held against."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from central_zone import ledger
from central_zone.expectations.profile import Profile
from central_zone.ledger import Entry
from central_zone.store.tables import parcel

PROFILE = "profile"  # under this name the ledger keeps what a parcel was made of, beside what validation found
NIGHTS = 28


def earlier_nights(connection: Connection, entry: Entry) -> list[Profile]:
    """Up to 28 parcels of the same kind that were taken in before this one, the newest first, the practice's first left out.

    The first holds the whole record, and would make every night after it look small.
    """
    of_practice = (parcel.c.collection == entry.collection, parcel.c.practice_code == entry.practice_code)
    like_this = (parcel.c.extract_kind == entry.extract_kind, parcel.c.state.in_(ledger.TAKEN_IN))
    statement = (
        select(parcel.c.validation[PROFILE])
        .where(*of_practice, *like_this, parcel.c.parcel_number < entry.parcel_number, parcel.c.sequence > 1)
        .order_by(parcel.c.parcel_number.desc())
        .limit(NIGHTS)
    )
    return list(_read(connection.execute(statement).scalars()))


def _read(kept: Iterable[dict[str, Any] | None]) -> Iterable[Profile]:
    return (Profile(**profile) for profile in kept if profile)


def to_keep(profile: Profile) -> dict[str, Any]:
    return asdict(profile)
