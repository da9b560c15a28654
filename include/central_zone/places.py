"""Whose turn it is: a practice's parcels load in their order, each place of the sequence is filled once."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from central_zone.errors import ParcelRefused, WaitsForEarlier
from central_zone.ledger import APPROVED, RECEIVED, REFUSED, TAKEN_IN, VALIDATED
from central_zone.store.tables import parcel, skipped_place

# A parcel that a steward decided against counts as settled: the gap is known, and later parcels go on.
_SETTLED = or_(parcel.c.state.in_(TAKEN_IN), and_(parcel.c.state == REFUSED, parcel.c.decided_by.is_not(None)))
_UNDER_WAY = parcel.c.state.in_((RECEIVED, VALIDATED, APPROVED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a parcel stands in its practice's sequence, and which manifest it says it follows."""

    parcel_id: str
    collection: str
    practice_code: str
    sequence: int
    previous_manifest_sha256: str | None

    def same_practice(self) -> ColumnElement[bool]:
        return and_(parcel.c.collection == self.collection, parcel.c.practice_code == self.practice_code)

    def same_practices_skipped(self) -> ColumnElement[bool]:
        return and_(skipped_place.c.collection == self.collection, skipped_place.c.practice_code == self.practice_code)


def check_turn(connection: Connection, place: Place, *, earlier_may_be_under_way: bool) -> None:
    """Whether it is this parcel's turn; the caller holds the practice's lock.

    Raises ParcelRefused for a place that is filled or a chain that does not fit, WaitsForEarlier for a gap.
    """
    loaded, settled = _reached(connection, place)
    skipped = _skipped(connection, place)
    _check_not_filled(connection, place, loaded, skipped)
    if place.sequence == 1:
        _check_chain(place, None)
        return
    ready = or_(_SETTLED, _UNDER_WAY) if earlier_may_be_under_way else _SETTLED
    before = connection.execute(
        select(parcel.c.manifest_sha256)
        .where(place.same_practice(), parcel.c.sequence == place.sequence - 1, ready)
        .order_by(parcel.c.received_at.desc())
    ).first()
    if before is not None:
        _check_chain(place, before.manifest_sha256)
    elif place.sequence - 1 not in skipped:  # of a parcel that never came we have no hash to compare
        waits_for = max([settled, *skipped]) + 1
        raise WaitsForEarlier(f"{place.practice_code}: parcel {place.sequence} waits for {waits_for}.")


def settled_up_to(connection: Connection, place: Place) -> int:
    """The last place of the sequence that is loaded, refused by a steward or given up; 0 where there is none."""
    return max([_reached(connection, place)[1], *_skipped(connection, place)])


def _reached(connection: Connection, place: Place) -> tuple[int, int]:
    """The last place that is loaded, and the last that is settled."""
    loaded, settled = connection.execute(
        select(
            func.coalesce(func.max(parcel.c.sequence).filter(parcel.c.state.in_(TAKEN_IN)), 0),
            func.coalesce(func.max(parcel.c.sequence).filter(_SETTLED), 0),
        ).where(place.same_practice())
    ).one()
    return loaded, settled


def _skipped(connection: Connection, place: Place) -> set[int]:
    """The places that a steward gave up."""
    return set(connection.scalars(select(skipped_place.c.sequence).where(place.same_practices_skipped())))


def _check_not_filled(connection: Connection, place: Place, loaded: int, skipped: set[int]) -> None:
    if place.sequence in skipped:
        raise ParcelRefused(
            f"{place.practice_code}: a steward decided to go on without parcel {place.sequence}. "
            "What it holds has to come in a new extract."
        )
    another = connection.execute(
        select(parcel.c.parcel_number).where(
            place.same_practice(),
            parcel.c.sequence == place.sequence,
            parcel.c.parcel_id != UUID(place.parcel_id),
            parcel.c.state != REFUSED,
        )
    ).first()
    if another or place.sequence <= loaded:
        raise ParcelRefused(
            f"{place.practice_code}: place {place.sequence} of the sequence is filled by another parcel "
            f"(loaded up to {loaded}). It is a replay, or the source lost count."
        )


def _check_chain(place: Place, before: str | None) -> None:
    if place.previous_manifest_sha256 != before:
        raise ParcelRefused(
            f"{place.practice_code}: parcel {place.sequence} does not follow the parcel before it that we hold. "
            "Compare the source's outbox with the ledger."
        )
