"""The nights are lived once, and looked at by every test of this folder."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from journey.both_zones import NIGHTS, Journey, make_both_zones
from support.centre_lived import Centre, centre_settings
from support.histories_lived import HistoriesLived, a_block, read_slowly, release_night, simulate_night, uphold_night
from support.postgres import Postgres, a_server
from support.releases_lived import NIGHTS as NIGHTS_OF_HISTORIES
from support.releases_lived import PATIENTS, ReleasesLived
from support.simulated_nights import SimulatedNights, heard, live
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


@pytest.fixture(scope="session")
def said_of_histories() -> list[str]:
    """Everything that was logged while the histories below were lived."""
    return []


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory, said_of_histories: list[str]) -> Iterator[ReleasesLived]:
    """Ten thousand people's histories of opt-outs over four nights, through every gate."""
    root = tmp_path_factory.mktemp("histories")
    with a_server() as server, heard(said_of_histories):
        lived = histories_of(root, server)
        releases = ReleasesLived(lived)
        for night in NIGHTS_OF_HISTORIES:
            simulate_night(lived, night, practices=a_block(0), patients=PATIENTS, seed=4)
            release_night(lived, night)
            uphold_night(lived, night)
            read_slowly(lived, night)
            releases.live(night)
        yield releases


@pytest.fixture(scope="session")
def lived(releases: ReleasesLived) -> HistoriesLived:
    return releases.lived


def histories_of(root: Path, server: Postgres) -> HistoriesLived:
    lived = HistoriesLived(make_source_zone(root))
    lived.zone.settings.incoming.mkdir()
    lived.zone.settings.outbox.mkdir()
    where = {"keys": root / "keys" / "central", "inbox": lived.zone.settings.outbox}
    lived.centre = Centre(centre_settings(root / "central", store_url=server.a_store(), **where))
    return lived
