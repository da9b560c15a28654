"""Gaps: parcels of a practice that have not come, and the later ones that wait for them. Shown, never passed over."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from central_zone.ledger import HELD, REFUSED, TAKEN_IN, WAITING
from central_zone.store.tables import parcel, skipped_place

_LISTED = 20  # places; a sequence that jumps by a million is told in one line all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One practice whose sequence does not go on."""

    collection: str
    practice_code: str
    settled_up_to: int
    missing: tuple[int, ...]  # the first of them, where there are very many
    missing_count: int
    held: tuple[int, ...]
    waiting: tuple[int, ...]
    since: datetime  # when the first of those that wait, or were refused, came in

    def in_words(self) -> str:
        """One line for a person: what is missing, what waits, since when."""
        told = []
        if self.missing_count:
            more = f" and {self.missing_count - len(self.missing)} more" if self.missing_count > _LISTED else ""
            told.append(f"{_parcels(self.missing, more)} not here")
        if self.held:
            told.append(f"{_parcels(self.held)} held for a steward")
        if self.waiting:
            told.append(f"{_parcels(self.waiting)} waiting")
        return f"{', '.join(told)}; since {self.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def gaps(connection: Connection, collection: str | None = None) -> list[Gap]:
    """Every practice with a parcel that waits, or one that was refused and not sent again."""
    stuck = or_(parcel.c.state == WAITING, and_(parcel.c.state == REFUSED, parcel.c.decided_by.is_(None)))
    ours = parcel.c.collection == collection if collection else parcel.c.collection.is_not(None)
    practices = select(parcel.c.collection, parcel.c.practice_code).where(stuck, ours).distinct().subquery()
    columns = (
        parcel.c.collection,
        parcel.c.practice_code,
        parcel.c.sequence,
        parcel.c.state,
        parcel.c.decided_by,
        parcel.c.received_at,
    )
    of_them = and_(parcel.c.collection == practices.c.collection, parcel.c.practice_code == practices.c.practice_code)
    rows: Iterable[Any] = connection.execute(select(*columns).join(practices, of_them).order_by(*columns[:3]))
    skipped = _skipped(connection)
    return [gap for whose, of_one in groupby(rows, _whose) for gap in _gap(whose, list(of_one), skipped.get(whose, ()))]


def _whose(row: Any) -> tuple[str, str]:
    return row.collection, row.practice_code


def _skipped(connection: Connection) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for row in connection.execute(select(skipped_place)):
        found.setdefault(_whose(row), []).append(row.sequence)
    return found


def _gap(whose: tuple[str, str], rows: list[Any], skipped: Iterable[int]) -> Iterator[Gap]:
    settled = {row.sequence for row in rows if row.state in TAKEN_IN or (row.state == REFUSED and row.decided_by)}
    settled |= set(skipped)
    reached = max(settled, default=0)
    behind = [row for row in rows if row.sequence > reached]
    stuck = [row.received_at for row in behind if row.state in (WAITING, REFUSED, HELD)]
    if not stuck:
        return  # refused once, and mended since
    there = {row.sequence for row in behind if row.state != REFUSED}
    last = max(row.sequence for row in behind)
    missing = [number for number in range(reached + 1, min(last, reached + 10_000) + 1) if number not in there]
    yield Gap(
        collection=whose[0],
        practice_code=whose[1],
        settled_up_to=reached,
        missing=tuple(missing[:_LISTED]),
        missing_count=last - reached - len(there),
        held=tuple(row.sequence for row in behind if row.state == HELD),
        waiting=tuple(row.sequence for row in behind if row.state == WAITING),
        since=min(stuck),
    )


def _parcels(places: Sequence[int], more: str = "") -> str:
    is_one = len(places) == 1 and not more
    return f"{'parcel' if is_one else 'parcels'} {' '.join(map(str, places))}{more} {'is' if is_one else 'are'}"
