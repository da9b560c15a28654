"""Whatever stands in the place of whatever: a resource becomes rows, or the practice stops; nothing else, and no value is said."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossing.errors import PersonMustAct
from simulator.formats.fhir_r4.writer import WRITER
from simulator.simulate import simulate
from source_zone.identified import ReadTally
from support.fhir_exports import a_resource, an_entry, coded, read, write_export

SECRET = "Snibbletwitch"
ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(
            [SECRET, f"Patient/{SECRET}", "2020-01-01", "9999-99", f"#{SECRET}", "", "/", "827241000000103"]
        ),
        st.text(max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["reference", "coding", "code", "extension", "url", "value", "id"]), inner),
    ),
    max_leaves=6,
)
RICH = [
    an_entry(
        component=[
            {"code": coded(), "valueQuantity": {"value": 1, "code": "kg"}, "referenceRange": [{"low": {"value": 1}}]}
        ],
        derivedFrom=[{"reference": "Observation/O2"}],
        issued="2020-01-01T00:00:00Z",
        meta={"security": [{"code": "N"}]},
    ),
    a_resource(
        "EpisodeOfCare",
        status="active",
        type=[coded()],
        patient={"reference": "Patient/P1"},
        period={"start": "2020", "end": "2021"},
    ),
    a_resource(
        "MedicationRequest",
        status="stopped",
        contained=[{"resourceType": "Medication", "id": "m", "code": coded()}],
        medicationReference={"reference": "#m"},
        dispenseRequest={"validityPeriod": {"start": "2020", "end": "2021"}, "expectedSupplyDuration": {"value": 1}},
    ),
    a_resource("Consent", patient={"reference": "Patient/P1"}, scope=coded("827241000000103")),
]


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """One of every type the simulator writes, and a few that say what it does not."""
    out = tmp_path_factory.mktemp("simulated")
    simulate(out, format=WRITER.name, practices=1, patients=12, entries_per_patient=12)
    files = sorted((out / "Y99001").glob("*/*.ndjson"))
    return [*RICH, *(json.loads(path.read_text().splitlines()[0]) for path in files if path.stem != "Bundle")]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inside:
        yield (*path, name)
        yield from places(each, (*path, name))


def replaced(resource: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(resource)
    inner: Any = made
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return made


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_resource_with_anything_anywhere_is_rows_or_stops(
    resources: list[dict[str, Any]], data: st.DataObject
) -> None:
    resource = data.draw(st.sampled_from(resources))
    path = data.draw(st.sampled_from([each for each in places(resource) if each != ("resourceType",)]))
    changed = replaced(resource, path, data.draw(ANYTHING))
    with TemporaryDirectory() as folder:
        counted, said = outcome(Path(folder), changed)
    assert (counted >= 1) != bool(said)
    assert SECRET not in said


def outcome(folder: Path, resource: dict[str, Any]) -> tuple[int, str]:
    """How much was counted, and what was said where the practice was stopped."""
    write_export(folder, resource)
    tally = ReadTally()
    try:
        rows = read(folder, tally)
    except PersonMustAct as refused:
        return 0, f"{refused} {refused.__cause__ or ''}"
    return sum(map(len, rows.values())) + tally.reference_rows.total() + tally.not_collected.total(), ""
