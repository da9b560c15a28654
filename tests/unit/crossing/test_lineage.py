"""Lineage leaves for systems we do not run: its shape is OpenLineage's, and nothing in it can be a person's."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from crossing.lineage import (
    LineageRefused,
    append_event,
    check_shapes,
    counts_facet,
    event_line,
    input_dataset,
    output_dataset,
    run_event,
)

AT = datetime(2026, 9, 2, 1, 30, tzinfo=UTC)
RUN = "6f1d2a52-6f7c-5d0e-9a53-3c6f0a1f9b11"


def an_event(**changes: Any) -> dict[str, Any]:
    facets = counts_facet(
        counts={"observation": {"loaded": 10, "quarantined": {"dated_in_future": 1}}},
        policy_sha256={"collections/gpdpr.toml": "ab" * 32},
        key_version="token-gpdpr-v1",
        software="gp-collect 0.1.0",
    )
    parts: dict[str, Any] = {
        "job": "load__gpdpr.Y99001",
        "run_id": RUN,
        "at": AT,
        "inputs": [input_dataset(f"parcel/{RUN}", version="cd" * 32)],
        "outputs": [output_dataset("records.observation", rows=10)],
        "facets": facets,
    }
    return run_event(**{**parts, **changes})


def test_an_event_has_the_shape_of_openlineage_2_0_2() -> None:
    event = an_event()
    assert set(event) == {"eventType", "eventTime", "producer", "schemaURL", "run", "job", "inputs", "outputs"}
    assert event["schemaURL"].endswith("/spec/2-0-2/OpenLineage.json#/$defs/RunEvent")
    assert datetime.fromisoformat(event["eventTime"]) == AT
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 10
    facets = [
        *event["run"]["facets"].values(),
        *event["inputs"][0]["facets"].values(),
        *event["outputs"][0]["outputFacets"].values(),
    ]
    assert len(facets) == 3
    assert all({"_producer", "_schemaURL"} <= set(facet) for facet in facets)


def test_the_counts_facet_says_under_which_rules_key_and_software() -> None:
    facet = an_event()["run"]["facets"]["gpCollect_counts"]
    assert facet["counts"]["observation"]["quarantined"] == {"dated_in_future": 1}
    assert facet["policySha256"] == {"collections/gpdpr.toml": "ab" * 32}
    assert (facet["keyVersion"], facet["software"]) == ("token-gpdpr-v1", "gp-collect/0.1.0")


@pytest.mark.parametrize("number", ["9990548609", "999-054-8609", "record/9990548609", 9990548609])
def test_an_nhs_number_is_refused_and_not_quoted(number: object) -> None:
    with pytest.raises(LineageRefused, match="looks like an NHS number") as caught:
        check_shapes({"run": {"facets": {"note": number}}})
    assert "8609" not in str(caught.value)


def test_an_nhs_number_as_a_key_is_refused() -> None:
    with pytest.raises(LineageRefused):
        check_shapes({"counts": {"9990548609": 1}})
    with pytest.raises(LineageRefused, match="looks like an NHS number"):
        check_shapes({"counts": {"patient/9990548609": 1}})


@pytest.mark.parametrize("text", ["Zebra Canary", "QQ1 1AA", "a\nb", "a\n", "née", "x" * 201])
def test_free_text_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(LineageRefused) as caught:
        an_event(job=text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("digits", ["9990548608", "20260902010000", "a9990548609b", "1111111111"])
def test_other_numbers_pass(digits: str) -> None:
    check_shapes({"id": digits})


def test_only_plain_data_passes() -> None:
    with pytest.raises(LineageRefused, match="holds a bytes"):
        check_shapes({"token": b"0123456789abcdef"})


def test_an_instant_without_a_zone_or_an_unknown_type_is_refused() -> None:
    with pytest.raises(LineageRefused):
        an_event(at=AT.replace(tzinfo=None))
    with pytest.raises(LineageRefused):
        an_event(event_type="DONE")


def test_events_are_appended_as_lines_to_the_file_of_their_day(tmp_path: Path) -> None:
    append_event(tmp_path / "new", an_event())
    append_event(tmp_path / "new", an_event(event_type="START"))
    append_event(tmp_path / "new", an_event(at=datetime(2026, 9, 3, tzinfo=UTC)))
    files = {path.name: path.read_bytes().splitlines() for path in (tmp_path / "new").iterdir()}
    assert {name: len(lines) for name, lines in files.items()} == {
        "lineage-2026-09-02.jsonl": 2,
        "lineage-2026-09-03.jsonl": 1,
    }
    assert json.loads(files["lineage-2026-09-02.jsonl"][0]) == an_event()


def test_a_line_torn_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "lineage-2026-09-02.jsonl"
    file.write_bytes(event_line(an_event())[:40])
    append_event(tmp_path, an_event())
    assert file.read_bytes().splitlines()[1] + b"\n" == event_line(an_event())


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    events = [an_event(job=f"load__gpdpr.Y99{number:03}") for number in range(200)]
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda event: append_event(tmp_path, event), events))
    lines = (tmp_path / "lineage-2026-09-02.jsonl").read_text().splitlines()
    assert {json.loads(line)["job"]["name"] for line in lines} == {event["job"]["name"] for event in events}


def test_an_event_that_is_refused_is_not_written(tmp_path: Path) -> None:
    event = {**an_event(), "note": "Zebra Canary"}
    with pytest.raises(LineageRefused):
        append_event(tmp_path, event)
    assert list(tmp_path.iterdir()) == []
