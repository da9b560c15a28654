"""How much of a practice's list its last parcel was about: people whose records may leave, of those on the list.

A count of people, so it is never told exactly: fewer than 10 are not shown, others are rounded to 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Connection, Text, func, literal, select, true

from central_zone.ledger import REFUSED
from central_zone.quality.small_numbers import FEW, SMALLEST_SHOWN
from central_zone.store.tables import parcel
from crossing.manifest_fields import EXTRACT_KINDS


@dataclass(frozen=True, slots=True)
class Coverage:
    """What may be told of it."""

    percent: int | None
    words: str


def coverage_of(people: int, registered: int | None) -> Coverage:
    """`people` of a list of `registered`; without a list there is no share of it."""
    if people < SMALLEST_SHOWN:
        return Coverage(None, f"{FEW} people")
    rounded = SMALLEST_SHOWN * ((people + SMALLEST_SHOWN // 2) // SMALLEST_SHOWN)
    if not registered:
        return Coverage(None, f"about {rounded:,} people; no list size in policy")
    return Coverage(round(100 * rounded / registered), f"about {rounded:,} of {registered:,} people")


def people_told_of(connection: Connection, collection: str, codes: Sequence[str]) -> Mapping[str, int]:
    """Exact, by practice, of its last extract that was not refused; not for anybody's eyes."""
    wanted = func.unnest(literal(list(codes), ARRAY(Text()))).table_valued("practice_code").render_derived()
    last = (
        select(parcel.c.manifest["counts"]["patients_may_leave"].as_integer().label("people"))
        .where(
            parcel.c.collection == collection,
            parcel.c.practice_code == wanted.c.practice_code,
            parcel.c.state != REFUSED,
            parcel.c.extract_kind.in_(EXTRACT_KINDS),
        )
        .order_by(parcel.c.sequence.desc())
        .limit(1)
        .lateral()
    )
    rows = connection.execute(select(wanted.c.practice_code, last.c.people).select_from(wanted.join(last, true())))
    return {code: people for code, people in rows if people is not None}
