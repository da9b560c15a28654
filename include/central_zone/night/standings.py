"""How every practice stands tonight, and what that comes to for all of a supplier's or a region's."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from central_zone.ledger import HELD, LOADED, REFUSED, WAITING
from central_zone.night.arrivals import ByNight
from central_zone.night.expected import Rhythm, calendars_of
from central_zone.night.nights import Night, night_of
from central_zone.night.states import ARRIVED, RANK, Cell, Failure, cell_of
from central_zone.zone import Zone
from crossing.policy import Practice
from crossing.practice_lists import PracticeList, practice_lists

UNKNOWN = "not in policy"
_HAS_COME = frozenset({ARRIVED, LOADED, HELD, REFUSED, WAITING})
_NOTHING: ByNight = {}
FailuresByNight = Mapping[int, Sequence[Failure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One practice tonight. `worst` looks at what is open from earlier nights too."""

    practice_code: str
    supplier: str
    region: str
    registered: int | None  # its list size, where policy has it
    is_due: bool  # it takes part
    tonight: Cell
    worst: str

    @property
    def has_come(self) -> bool:
        return self.tonight.state in _HAS_COME or self.tonight.parcels > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Practices of one supplier or region tonight."""

    name: str
    practices: int  # that take part
    come: int
    states: Mapping[str, int]
    registered: int
    registered_come: int

    @property
    def percent_come(self) -> int | None:
        """Of the people on the lists of these practices, how many are on the list of one that came; 100 only of all."""
        return 100 * self.registered_come // self.registered if self.registered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is known of practices beside the ledger."""

    practices: Mapping[str, Practice]
    lists: Mapping[str, PracticeList]
    failures: Mapping[str, FailuresByNight]


def world_of(zone: Zone, nights: Sequence[Night], failures: Iterable[Failure]) -> World:
    """Raises PolicyRefused."""
    sorted_out: dict[str, dict[int, list[Failure]]] = {}
    for failure in failures:
        place = night_of(failure.at, nights)
        if place is not None and failure.practice_code is not None:
            sorted_out.setdefault(failure.practice_code, {}).setdefault(place, []).append(failure)
    practices = {each.practice_code: each for each in zone.policy.practices()}
    return World(practices=practices, lists=practice_lists(zone.policy), failures=sorted_out)


def standings(
    zone: Zone,
    connection: Connection,
    collection: str,
    nights: Sequence[Night],
    world: World,
    come: Mapping[str, ByNight],
) -> list[Standing]:
    """Of every practice that takes part tonight, sent something or failed, by code."""
    now, newest = zone.now(), len(nights) - 1
    due = {code for code, practice in world.practices.items() if practice.takes_part_on(now.date())}
    absent = sorted(code for code in due if newest not in come.get(code, _NOTHING))
    calendars = calendars_of(connection, collection, absent)
    late = {code for code in absent if Rhythm(world.practices[code], calendars.get(code)).is_late_now(now)}
    return [
        _standing(code, world, come.get(code, _NOTHING), newest, is_late=code in late, is_due=code in due)
        for code in sorted({*due, *come, *world.failures})
    ]


def _standing(code: str, world: World, come: ByNight, newest: int, *, is_late: bool, is_due: bool) -> Standing:
    failures = world.failures.get(code, {})
    tonight = cell_of(come.get(newest, ()), failures.get(newest, ()), is_late=is_late)
    earlier = (cell_of(arrived, failures.get(place, ()), is_late=False) for place, arrived in come.items())
    practice, of_list = world.practices.get(code), world.lists.get(code)
    return Standing(
        practice_code=code,
        supplier=practice.supplier if practice else UNKNOWN,
        region=of_list.region if of_list else UNKNOWN,
        registered=of_list.registered_patients if of_list else None,
        is_due=is_due,
        tonight=tonight,
        worst=min((tonight.state, *(cell.state for cell in earlier)), key=RANK.__getitem__),
    )


def group(name: str, members: Iterable[Standing]) -> Group:
    due = [each for each in members if each.is_due]
    come = [each for each in due if each.has_come]
    return Group(
        name=name,
        practices=len(due),
        come=len(come),
        states=Counter(each.tonight.state for each in due),
        registered=sum(each.registered or 0 for each in due),
        registered_come=sum(each.registered or 0 for each in come),
    )


def groups(members: Iterable[Standing], by: Callable[[Standing], str]) -> tuple[Group, ...]:
    """By name; only those with a practice that takes part."""
    found: dict[str, list[Standing]] = {}
    for each in members:
        found.setdefault(by(each), []).append(each)
    made = (group(name, of_it) for name, of_it in sorted(found.items()))
    return tuple(each for each in made if each.practices)
