"""Two nights of a practice over a Bulk Data server come to what the same files come to in a folder, deletions too."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crossing.manifest import Manifest, read_manifest
from crossing.parcel import read_manifest_bytes
from crossing.policy import policy_folder
from simulator.simulate import simulate
from source_zone.release import prepare
from source_zone.release_practice import release_practice
from support.bulk_fhir_server import BulkFhirServer, Plan, running
from support.source_zone import SourceZone, a_practice, make_source_zone

PRACTICE = "Y99001"
Resources = list[dict[str, Any]]


def lines(path: Path) -> Resources:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def serve(plan: Plan, export: Path) -> None:
    """The server now holds what the simulator wrote into a folder."""
    manifest = json.loads((export / "manifest.json").read_text())
    plan.transaction_time = manifest["transactionTime"]
    plan.files = {}
    for entry in manifest["output"]:
        plan.files.setdefault(entry["type"], []).extend(lines(export / entry["file"]))
    plan.deleted = [line for entry in manifest.get("deleted") or [] for line in lines(export / entry["file"])]


@pytest.fixture
def server() -> Iterator[BulkFhirServer]:
    with running(Plan()) as server:
        yield server


def a_zone(root: Path, server: BulkFhirServer) -> SourceZone:
    policy = root / "policy"
    shutil.copytree(policy_folder(), policy)
    options = [f"{key} = {json.dumps(value)}" for key, value in server.connection().items()]
    (policy / "connections.toml").write_text("[supplier]\n" + "\n".join(options) + "\n")
    zone = make_source_zone(root, policy)
    secrets = zone.settings.keys / "connections" / "supplier"
    secrets.mkdir(parents=True)
    (secrets / "private_key.pem").write_bytes(server.private_key)
    (secrets / "private_key.pem").chmod(0o400)
    return zone


def released(zone: SourceZone, folder: Path | None, night: int) -> None:
    practice = replace(a_practice(PRACTICE, "fhir_r4"), transport="bulk_fhir", connection="supplier")
    said = release_practice(prepare("gpdpr", practice, f"night-{night}", zone.settings, folder=folder))
    assert said["state"] == "released"


def manifests(zone: SourceZone) -> list[Manifest]:
    folders = [path for path in zone.settings.outbox.iterdir() if not path.name.startswith(".")]
    found = [read_manifest(read_manifest_bytes(path)[0]) for path in folders]
    return sorted(found, key=lambda each: each.sequence)


@pytest.mark.parametrize("repeats_request", [True, False])
def test_two_nights_over_the_network_are_two_nights_in_a_folder(
    tmp_path: Path, server: BulkFhirServer, repeats_request: bool
) -> None:
    """Also where the server does not repeat in its manifest that it was asked for changes only."""
    server.plan.repeats_request = repeats_request
    asked, found = a_zone(tmp_path / "asked", server), a_zone(tmp_path / "found", server)
    for night in (1, 2):
        simulate(tmp_path / "supplier", format="fhir_r4", practices=1, patients=30, entries_per_patient=30, night=night)
        newest = max((tmp_path / "supplier" / PRACTICE).iterdir(), key=lambda path: path.name)
        serve(server.plan, newest)
        released(asked, None, night)
        released(found, tmp_path / "supplier" / PRACTICE, night)

    over_network, in_folder = manifests(asked), manifests(found)
    assert [each.extract_taken_at for each in over_network] == [each.extract_taken_at for each in in_folder]
    assert [each.counts for each in over_network] == [each.counts for each in in_folder]
    assert server.plan.deleted, "night 2 deletes something"
    first = over_network[0].extract_taken_at
    assert server.seen.kick_offs[1]["_since"] == [first.replace("+00:00", "Z")]
    assert not list((asked.settings.landing / "gpdpr" / PRACTICE).glob("[!.]*"))
