"""The night at a glance: what each practice's newest night came to, and one page of practices by nights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from central_zone.night import arrivals
from central_zone.night.arrivals import ByNight
from central_zone.night.coverage import Coverage, coverage_of, people_told_of
from central_zone.night.expected import Rhythm, calendars_of
from central_zone.night.nights import Night, last_nights
from central_zone.night.standings import Group, Standing, World, group, groups, standings, world_of
from central_zone.night.states import RANK, Cell, Failure, cell_of
from central_zone.store.connection import transaction
from central_zone.zone import Zone

A_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which practices to show; None for all."""

    supplier: str | None = None
    region: str | None = None
    state: str | None = None
    page: int = 1
    nights: int = 14

    def includes(self, standing: Standing) -> bool:
        asked = ((self.supplier, standing.supplier), (self.region, standing.region), (self.state, standing.worst))
        return all(wanted is None or wanted == found for wanted, found in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One practice over all nights shown."""

    standing: Standing
    cells: tuple[Cell, ...]
    coverage: Coverage | None  # None: it never sent an extract


@dataclass(frozen=True, slots=True, kw_only=True)
class TheNight:
    """Everything the page of the night shows."""

    nights: tuple[Night, ...]
    whole: Group
    by_supplier: tuple[Group, ...]
    by_region: tuple[Group, ...]
    parcels: tuple[Mapping[str, int], ...]  # for each night, by state
    found: int
    pages: int
    lines: tuple[Line, ...]
    of_all: tuple[Failure, ...]  # of the newest night: what failed and is no single practice's


def look(zone: Zone, collection: str, failures: Sequence[Failure], wanted: Wanted) -> TheNight:
    """How a collection's nights went. Raises StoreDown, StoreRefused, PolicyRefused."""
    nights = last_nights(zone.policy.collection(collection).schedule, zone.now(), wanted.nights)
    world = world_of(zone, nights, failures)
    with transaction(zone.store, "look at the night") as connection:
        come = arrivals.newest_and_open(connection, collection, nights)
        everyone = standings(zone, connection, collection, nights, world, come)
        chosen = sorted(filter(wanted.includes, everyone), key=_worst_first)
        shown = chosen[(wanted.page - 1) * A_PAGE : wanted.page * A_PAGE]
        return TheNight(
            nights=tuple(nights),
            whole=group("", everyone),
            by_supplier=groups(everyone, lambda each: each.supplier),
            by_region=groups(everyone, lambda each: each.region),
            parcels=tuple(arrivals.counted(connection, collection, nights)),
            found=len(chosen),
            pages=max(1, -(-len(chosen) // A_PAGE)),
            lines=_lines(zone, connection, collection, nights, world, shown),
            of_all=tuple(each for each in failures if each.practice_code is None and each.at >= nights[-1].begins),
        )


def _worst_first(standing: Standing) -> tuple[int, str]:
    return RANK[standing.worst], standing.practice_code


def _lines(
    zone: Zone, connection: Connection, collection: str, nights: Sequence[Night], world: World, shown: list[Standing]
) -> tuple[Line, ...]:
    codes = [each.practice_code for each in shown]
    come = arrivals.all_of(connection, collection, nights, codes)
    calendars = calendars_of(connection, collection, codes)
    people = people_told_of(connection, collection, codes)
    made = []
    for standing in shown:
        code = standing.practice_code
        rhythm = Rhythm(world.practices.get(code), calendars.get(code))
        cells = _cells(zone, nights, rhythm, come.get(code, {}), world.failures.get(code, {}), standing)
        coverage = coverage_of(people[code], standing.registered) if code in people else None
        made.append(Line(standing=standing, cells=cells, coverage=coverage))
    return tuple(made)


def _cells(
    zone: Zone,
    nights: Sequence[Night],
    rhythm: Rhythm,
    come: ByNight,
    failures: Mapping[int, Sequence[Failure]],
    standing: Standing,
) -> tuple[Cell, ...]:
    """Of all nights but the newest, which is told already."""
    made, last_at = [], rhythm.arrived_before(nights[0].begins)
    for place, night in enumerate(nights[:-1]):
        arrived = come.get(place, ())
        late = not arrived and rhythm.is_late(min(night.ends, zone.now()), last_at)
        made.append(cell_of(arrived, failures.get(place, ()), is_late=late))
        last_at = max((each.last_at for each in arrived), default=last_at)
    return (*made, standing.tonight)
