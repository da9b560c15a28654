"""What is exported of the centre: every name that is promised, with its unit; the right numbers; and nothing about a person."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from central_zone import load_parcel
from central_zone.command_line import main
from central_zone.errors import StoreDown
from central_zone.metrics import names
from central_zone.metrics.expose import exposition, write_textfile_every
from central_zone.metrics.measure import measure
from central_zone.metrics.names import METRICS, Sample
from support.parcels import a_night, observations, patients


@pytest.fixture
def families(zone):
    """One parcel of twenty patients loaded, one held, one refused, one waiting: as a scrape reads them."""
    load_parcel.load_parcel(zone.sealed(a_night(20), practice_code="Y99001").folder, zone.settings)
    faulty = {"patient": patients(), "observation": observations(snomed_concept_id=["12345"] * 50)}
    load_parcel.load_parcel(zone.sealed(faulty, practice_code="Y99002").folder, zone.settings)
    zone.execute("UPDATE ledger.parcel SET received_at = now() - interval '2 hours' WHERE practice_code = 'Y99002'")
    told = exposition(measure(zone.settings)).decode()
    return {family.name: family for family in text_string_to_metric_families(told)}


def one(families, name, **labels):
    found = [s.value for s in families[name].samples if labels.items() <= s.labels.items()]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_every_metric_is_exported_with_its_help_and_unit_and_says_what_is_so(families):
    assert set(families) == {metric.name for metric in METRICS}
    for metric in METRICS:
        assert families[metric.name].documentation == metric.help
        assert metric.help.endswith(f"({metric.unit})")
    of = {"collection": "gpdpr"}
    assert one(families, "gp_collect_parcels_open", state="held", **of) == 1
    assert one(families, "gp_collect_parcels_open", state="waiting", **of) == 0
    assert 7_100 < one(families, "gp_collect_parcels_oldest_open_seconds", state="held", **of) < 9_000
    assert one(families, "gp_collect_practices_arrived_in_a_day", **of) == 2
    assert one(families, "gp_collect_practices_loaded_in_a_day", **of) == 1
    assert one(families, "gp_collect_practices_failed", **of) == 1
    part = one(families, "gp_collect_practices_taking_part", **of)
    assert one(families, "gp_collect_practices_coverage_ratio", **of) == 1 / part
    assert one(families, "gp_collect_rows_loaded_in_a_day", table="observation", **of) == 50
    assert one(families, "gp_collect_rows_loaded_in_a_day", table="patient", **of) == 20
    assert one(families, "gp_collect_rows_broken_in_a_day", severity="drop_row", **of) == 50
    assert 0 < one(families, "gp_collect_step_seconds_in_a_day", step="load", **of) < 60
    ends = datetime(2100, 1, 1, tzinfo=UTC) - datetime.now(UTC)
    assert abs(one(families, "gp_collect_key_left_days", key="signing-v1") - ends / timedelta(days=1)) < 1


def test_few_people_are_not_counted(zone):
    load_parcel.load_parcel(zone.sealed(a_night(9), practice_code="Y99001").folder, zone.settings)
    told = exposition(measure(zone.settings)).decode()
    assert 'table="observation"' in told
    assert 'table="patient"' not in told


def test_a_file_for_node_exporter_is_what_a_scrape_is(zone, monkeypatch, capsys):
    for name, value in zone.environment().items():
        monkeypatch.setenv(name, value)
    file = zone.root / "metrics" / "gp_collect.prom"
    assert main(["metrics", "--textfile", str(file)]) == 0
    assert main(["metrics"]) == 0
    told = [line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("# HELP")]
    assert told == [metric.name for metric in METRICS]
    assert [line.split()[2] for line in file.read_text().splitlines() if line.startswith("# HELP")] == told
    assert main(["metrics", "--textfile", "/proc/nowhere/x.prom"]) == 4
    assert "FolderUnusable" in capsys.readouterr().err


def test_a_store_that_is_down_is_waited_for_and_the_file_stays_as_it_was(tmp_path):
    told, file = (
        iter([[Sample(names.MEASURED, {}, 1.0)], StoreDown("It is down."), RuntimeError("enough")]),
        tmp_path / "x.prom",
    )

    def measure_in_turn():
        turn = next(told)
        if isinstance(turn, Exception):
            raise turn
        return turn

    waited = []
    with pytest.raises(RuntimeError, match="enough"):
        write_textfile_every(file, measure_in_turn, seconds=60, wait=waited.append)
    assert waited == [60, 60]
    assert "gp_collect_measured_timestamp_seconds 1.0" in file.read_text()
