"""The nights are lived once, and looked at by every test of this folder."""

import functools
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from journey.both_zones import NIGHTS, Journey, make_both_zones
from support.postgres import a_server
from support.simulated_nights import SimulatedNights, live
from support.source_zone import make_source_zone

Live: TypeAlias = Callable[[str], SimulatedNights]


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    with a_server() as postgres:
        lived = Journey(make_both_zones(tmp_path_factory.mktemp("journey"), postgres))
        for night in NIGHTS:
            lived.truth = lived.zones.deliver(int(night), patients=100, entries_per_patient=60)
            lived.failed[night] = lived.zones.collect(f"night-{night}")
            lived.loaded[night] = lived.zones.load()
            lived.rows_in_store[night] = lived.zones.rows_in_store()
            lived.patients_in_store[night] = lived.zones.patients_in_store()
        lived.zones.publish()
        lived.manifests, lived.ledger = lived.zones.manifests(), lived.zones.ledger()
        yield lived


@pytest.fixture(scope="session")
def nights_in(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """Three nights of two practices in a format, the same people and events in each, under the same keys.

    Practice 2's delivery breaks off on the first night and practice 1 sends something nobody agreed on the second; each
    is delivered again the night after.
    """
    keys = make_source_zone(tmp_path_factory.mktemp("keys")).settings.keys

    @functools.cache
    def nights(format: str) -> SimulatedNights:
        zone = make_source_zone(tmp_path_factory.mktemp(format), keys=keys)
        size = {"practices": 2, "patients": 60, "entries_per_patient": 80, "seed": 7}
        return live(zone, format, nights=3, cut_off=2, changed_header={2: 1}, **size)

    return nights
