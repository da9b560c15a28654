"""Asks the ledger what arrived in which night. Whole nights of all practices are counted; single ones are read for few."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Connection, DateTime, Integer, Select, Text, any_, func, literal, or_, select

from central_zone.night.nights import Night
from central_zone.night.states import OPEN, Arrived
from central_zone.store.tables import parcel

ByNight = dict[int, list[Arrived]]  # place of the night -> what arrived


def newest_and_open(connection: Connection, collection: str, nights: Sequence[Night]) -> dict[str, ByNight]:
    """Of every practice: what came in the newest night, and what of the others is not settled."""
    worth_knowing = or_(parcel.c.received_at >= nights[-1].begins, parcel.c.state.in_(OPEN))
    return _by_practice(connection, _arrived(collection, nights).where(worth_knowing))


def all_of(
    connection: Connection, collection: str, nights: Sequence[Night], codes: Sequence[str]
) -> dict[str, ByNight]:
    """All that came of these practices."""
    wanted = parcel.c.practice_code == any_(literal(list(codes), ARRAY(Text())))
    return _by_practice(connection, _arrived(collection, nights).where(wanted))


def counted(connection: Connection, collection: str, nights: Sequence[Night]) -> list[dict[str, int]]:
    """For each night how many parcels came, by the state they are in today."""
    night = _night(nights).label("night")
    rows = connection.execute(
        select(night, parcel.c.state, func.count())
        .where(parcel.c.collection == collection, _within(nights))
        .group_by(night, parcel.c.state)
    )
    found: list[dict[str, int]] = [{} for _ in nights]
    for place, state, parcels in rows:
        found[place][state] = parcels
    return found


def _arrived(collection: str, nights: Sequence[Night]) -> Select[Any]:
    night = _night(nights).label("night")
    return (
        select(parcel.c.practice_code, night, parcel.c.state, func.count(), func.max(parcel.c.received_at))
        .where(parcel.c.collection == collection, _within(nights))
        .group_by(parcel.c.practice_code, night, parcel.c.state)
    )


def _by_practice(connection: Connection, statement: Select[Any]) -> dict[str, ByNight]:
    found: dict[str, ByNight] = {}
    for code, place, state, parcels, last_at in connection.execute(statement):
        arrived = Arrived(state=state, parcels=parcels, last_at=last_at)
        found.setdefault(code, {}).setdefault(place, []).append(arrived)
    return found


def _within(nights: Sequence[Night]) -> Any:
    return parcel.c.received_at.between(nights[0].begins, nights[-1].ends)


def _night(nights: Sequence[Night]) -> Any:
    begins: list[datetime] = [night.begins for night in nights]
    edges = literal(begins, ARRAY(DateTime(timezone=True)))
    return func.width_bucket(parcel.c.received_at, edges, type_=Integer()) - 1
