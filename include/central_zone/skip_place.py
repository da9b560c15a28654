"""A steward gives up a parcel that will never come, so that the later ones of its practice go on without it."""

from sqlalchemy import insert, select

from central_zone import audit, ledger
from central_zone.decide import check_words
from central_zone.errors import NothingToSkip
from central_zone.places import Place, settled_up_to
from central_zone.store.connection import transaction
from central_zone.store.tables import parcel, skipped_place
from central_zone.zone import Zone


def skip_place(zone: Zone, place: Place, *, by: str, reason: str) -> int:
    """Answers how many parcels had waited. The same word twice changes nothing.

    Raises NothingToSkip unless the place is the first one missing and something waits for it, DecisionRefused for
    words that may not be kept.
    """
    check_words(by, reason)
    with transaction(zone.store, "skip a place") as connection:
        ledger.lock_practice(connection, place.collection, place.practice_code)
        given_up = select(skipped_place.c.decided_by).where(
            place.same_practices_skipped(), skipped_place.c.sequence == place.sequence
        )
        waiting = connection.execute(
            select(parcel.c.sequence, parcel.c.state)
            .where(place.same_practice(), parcel.c.sequence >= place.sequence)
            .where(parcel.c.state != ledger.REFUSED)
        ).all()
        if connection.scalar(given_up) == by:
            return len(waiting)
        missing = settled_up_to(connection, place) + 1
        if place.sequence != missing or not waiting or any(row.sequence == place.sequence for row in waiting):
            raise NothingToSkip(
                f"{place.practice_code}: place {place.sequence} is not the first one missing that others wait for. "
                "Nothing changed. See: gp-central ledger --gaps"
            )
        event = {"skipped": place.practice_code, "collection": place.collection, "sequence": place.sequence}
        head = audit.append_word(connection, by=by, event={**event, "reason": reason})
        whose = {"collection": place.collection, "practice_code": place.practice_code, "sequence": place.sequence}
        connection.execute(insert(skipped_place).values(**whose, decided_by=by, reason=reason, audit_hash=head))
        return len(waiting)
