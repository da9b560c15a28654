"""The two nights are lived once, and looked at by every test of this folder."""

from collections.abc import Iterator

import pytest

from journey.both_zones import NIGHTS, Journey, make_both_zones
from support.postgres import a_server


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
