"""A recon extract through both zones: sealed and chained like any, compared with the store, never loaded."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from central_zone import reconcile
from crossing.policy import policy_folder
from journey.both_zones import COLLECTION, BothZones, make_both_zones
from source_zone import shards
from source_zone.adapters.emis_csv.adapter import EmisCsv
from source_zone.identified import Extract
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, write_extract
from support.postgres import Postgres, a_server

DELTA, RECON, AGAIN = "20260902010000", "20260903010000", "20260904010000"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def zones(tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> BothZones:
    """One practice, whose second and third deliveries a completeness report calls recon."""
    policy = tmp_path / "policy"
    shutil.copytree(policy_folder(), policy)
    lines = (policy / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(PRACTICE) or not line.startswith("Y99")]
    (policy / "practices.csv").write_text("\n".join(kept) + "\n")
    monkeypatch.setenv("GP_POLICY_DIR", str(policy))
    find = EmisCsv.find_extracts

    def as_reported(self: EmisCsv, folder: Path) -> list[Extract]:
        found = find(self, folder)
        return [replace(each, kind="recon") if each.extract_id in (RECON, AGAIN) else each for each in found]

    monkeypatch.setattr(EmisCsv, "find_extracts", as_reported)
    return make_both_zones(tmp_path, postgres)


def take(zones: BothZones, extract_id: str, rows: Rows) -> None:
    write_extract(zones.source.incoming / PRACTICE, rows, extract_id)
    for step in (shards.pull_shard, shards.decide_shard, shards.seal_shard, shards.shred_shard):
        step(COLLECTION, [PRACTICE], f"run-{extract_id}", zones.source)
    zones.load()


def told(zones: BothZones) -> tuple[str, ...]:
    reconcile.count_rows(COLLECTION, zones.central)
    (report,) = reconcile.report(COLLECTION, zones.central)
    return report.differences


def everything(*names: str, **changed: str) -> Rows:
    entries = [an_observation(name.partition("-")[0], name) for name in names]
    return {
        "Admin_Patient": [a_patient("anne"), a_patient("bob")],
        "CareRecord_Observation": [{**each, **changed} if number == 0 else each for number, each in enumerate(entries)],
    }


def test_a_recon_is_compared_and_what_differs_is_named_until_one_agrees(zones: BothZones) -> None:
    take(zones, DELTA, everything("anne-1", "anne-2", "bob-1"))
    assert told(zones) == ()
    take(zones, RECON, everything("anne-1", "bob-1", "bob-2", EffectiveDate="2024-05-05"))
    assert told(zones) == (
        "The recon of 2026-09-03, observation: 1 the store has not, 1 the store has in other words, 1 only the store has.",
    )
    states = {entry["extract_id"]: (entry["extract_kind"], entry["state"]) for entry in zones.ledger().values()}
    assert states == {DELTA: ("delta", "loaded"), RECON: ("recon", "compared")}
    assert zones.rows_in_store()[PRACTICE]["observation"] == 3
    take(zones, AGAIN, everything("anne-1", "anne-2", "bob-1"))
    assert told(zones) == ()
