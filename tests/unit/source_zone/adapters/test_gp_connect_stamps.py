"""Snapshots in folders named by the moment they were taken."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crossing.policy import Policy
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.adapters.reading import FileRefused
from source_zone.identified import Extract, ReadTally
from support.gp_connect_bundles import a_bundle, an_observation, coded, write

FIRST, SECOND = "20260902010000", "20260903010000"


def found(folder: Path) -> list[Extract]:
    return GPConnect("Y99001", Policy()).find_extracts(folder)


def a_snapshot(folder: Path, name: str, *entries: dict[str, object]) -> None:
    (folder / name).mkdir()
    write(folder / name, a_bundle(*entries))


def test_each_folder_is_a_snapshot_oldest_first(tmp_path: Path) -> None:
    a_snapshot(tmp_path, SECOND)
    a_snapshot(tmp_path, FIRST, an_observation())
    assert [each.extract_id for each in found(tmp_path)] == [FIRST, SECOND]
    assert found(tmp_path)[0].taken_at == datetime(2026, 9, 2, 1, tzinfo=UTC)
    adapter = GPConnect("Y99001", Policy())
    tables = [batch.table for batch in adapter.read(adapter.find_extracts(tmp_path)[0], ReadTally())]
    assert tables == ["patient", "observation"]


def test_loose_bundles_are_one_more_snapshot(tmp_path: Path) -> None:
    a_snapshot(tmp_path, FIRST)
    write(tmp_path, a_bundle(timestamp="2026-09-01T00:00:00Z"))
    assert [each.extract_id[:9] for each in found(tmp_path)] == ["snapshot-", FIRST[:9]]


@pytest.mark.parametrize("name", ["Secret", "20260231010000", "2026090201000", "２０２６０９０２０１００００"])
def test_a_folder_of_another_name_stops_the_practice_and_is_not_named(tmp_path: Path, name: str) -> None:
    a_snapshot(tmp_path, name)
    with pytest.raises(FileRefused) as caught:
        found(tmp_path)
    assert name not in str(caught.value)


def test_an_empty_snapshot_stops_the_practice(tmp_path: Path) -> None:
    (tmp_path / FIRST).mkdir()
    with pytest.raises(FileRefused, match="holds no"):
        found(tmp_path)


def test_a_bundle_cut_off_in_a_snapshot_stops_the_practice_before_a_row(tmp_path: Path) -> None:
    a_snapshot(tmp_path, FIRST)
    (tmp_path / FIRST / "z.json").write_text('{"resourceType": "Bundle"')
    adapter = GPConnect("Y99001", Policy())
    with pytest.raises(FileRefused):
        next(adapter.read(adapter.find_extracts(tmp_path)[0], ReadTally()))


def rows_of(adapter: GPConnect, extract: Extract) -> tuple[dict[str, bool], ReadTally]:
    """Observation -> whether it is a deletion."""
    tally = ReadTally()
    batches = [batch for batch in adapter.read(extract, tally) if batch.table == "observation"]
    rows = [row for batch in batches for row in batch.rows.to_pylist()]
    return {row["record_id"].split("/")[1]: row["is_deleted"] for row in rows}, tally


def test_a_late_snapshot_deletes_nothing_and_brings_back_nothing(tmp_path: Path) -> None:
    """The second night's comes first: of the first night's, what still stood on the second is told as it was then."""
    lists = [
        {"resourceType": "List", "id": code, "status": "current", "code": coded(code)}
        for code in ("826501000000100", "887191000000108")
    ]
    dissent = an_observation(id="4", code=coded("827241000000103"))
    a_snapshot(tmp_path, FIRST, an_observation(id="1"), an_observation(id="2"), dissent, *lists)
    a_snapshot(tmp_path, SECOND, an_observation(id="1"), an_observation(id="3"), *lists)
    first, second = found(tmp_path)
    newest, tally = rows_of(GPConnect("Y99001", Policy()), second)
    assert newest == {"1": False, "3": False}
    late, late_tally = rows_of(GPConnect("Y99001", Policy(), tally.remembered), first)
    assert late == {"1": False, "4": False}, "the objection counts, whenever it comes"
    assert late_tally.not_collected["gone_since"] == 1
    assert late_tally.remembered["gp_connect_records"].equals(tally.remembered["gp_connect_records"])
    assert late_tally.told_apart_by["gp_connect_records"] == ("name",)
