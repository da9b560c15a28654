"""A parcel of a practice with canaries, over MESH: its messages, their headers and names, and what the sandbox wrote down."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journey.planting.canaries import Canaries
from journey.planting.deliver import STOPPING
from journey.planting.deliver_tables import TablePolicy, plant_emis
from journey.planting.tables import Planter
from leak_search.search import search
from leak_search.surfaces import Folder
from simulator.simulate import simulate
from source_zone.release_practice import release_practice
from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_both_ends import BothEnds
from support.mesh_server import Sandbox

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with mesh_server.running(tmp_path_factory.mktemp("mesh")) as running:
        yield running


def test_nothing_planted_is_in_the_messages_their_headers_or_the_mailboxes(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends, canaries = BothEnds(tmp_path, sandbox), Canaries()
    monkeypatch.setenv("GP_POLICY_DIR", str(ends.policy))
    simulate(tmp_path / "written", first_practice=1, practices=1, patients=20, entries_per_patient=20, seed=3, night=1)
    policy = TablePolicy.read("emis_csv")
    planter = Planter(canaries, "emis_csv", policy.fields, STOPPING["emis_csv"])
    ends.zone.deliveries.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "written" / PRACTICE).rename(ends.zone.deliveries)
    plant_emis(ends.zone.deliveries, policy, planter, 0)
    (parcel,) = release_practice(ends.zone.release())["parcels"]
    ends.send()
    assert ends.waiting
    on_the_way = search(canaries.needles(), [Folder("MESH", sandbox.root)])
    ends.fetch()
    ends.send()
    arrived = search(canaries.needles(), [Folder("MESH", sandbox.root), Folder("inbox", ends.inbox)])
    assert ends.arrived == [parcel]
    for findings in (on_the_way, arrived):
        assert list(findings.lines())[: -len(findings.searched)] == []
    assert search(canaries.needles(), [Folder("deliveries", ends.zone.deliveries)]).hits
