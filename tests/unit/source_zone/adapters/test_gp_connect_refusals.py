"""What stops a practice, and that no message says anything that stood in a file or in its name."""

import copy
import json
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossing.errors import PersonMustAct
from crossing.policy import Policy, PolicyRefused
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.identified import ReadTally
from support.gp_connect_bundles import Resource, a_bundle, a_patient, an_observation, coded, read, write

SECRET = "SECRET-9990548609"


def refusal(folder: Path) -> str:
    """Everything the refusal would print, causes and all."""
    with pytest.raises(PersonMustAct) as caught:
        read(folder)
    return "".join(traceback.format_exception(caught.value)[-1:]) + str(caught.value.__cause__ or "")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"resourceType": "Patient"}',
        b"[]",
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "Bundle", "entry": [{}]}',
        b'{"resourceType": "Bundle", "entry": []}',
        '{"resourceType": "Bundle", "entry": []}'.encode("utf-16"),
        b'{"resourceType": "Bundle", "entry": [], "x": NaN}',
        b"[" * 100_000,
        b'{"resourceType": "Bundle", "entry": [], "total": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_file_that_is_not_a_whole_bundle_stops_the_practice(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{SECRET}.json").write_bytes(content)
    assert "SECRET" not in refusal(tmp_path)


def test_a_bundle_cut_off_anywhere_stops_the_practice(tmp_path: Path) -> None:
    whole = json.dumps(a_bundle(an_observation(comment=SECRET))).encode()
    for length in range(0, len(whole), 7):
        (tmp_path / "record.json").write_bytes(whole[:length])
        assert "SECRET" not in refusal(tmp_path)


@pytest.mark.parametrize(
    "bundle",
    [
        a_bundle({"resourceType": "Sonnet", "id": "1"}),
        a_bundle({"resourceType": SECRET}),
        a_bundle({"id": SECRET}),
        a_bundle({"resourceType": ["Observation"]}),
        a_bundle(an_observation(poem=SECRET)),
        a_bundle(an_observation(**{SECRET: 1})),
        a_bundle(an_observation(modifierExtension=[{"url": SECRET}])),
        a_bundle(an_observation(referenceRange=[{"modifierExtension": [{"url": SECRET}]}])),
        a_bundle(an_observation(contained=[{"resourceType": "Sonnet"}])),
        a_bundle(an_observation(contained=SECRET)),
        a_bundle(an_observation(contained=[a_patient()])),
        a_bundle(a_patient(id="P2")),
        a_bundle(link=[{"relation": "next", "url": SECRET}]),
        a_bundle(poem=SECRET),
        a_bundle() | {"entry": [{"resource": a_patient(), "poem": SECRET}]},
        a_bundle() | {"entry": [SECRET]},
    ],
)
def test_what_no_reviewer_has_seen_stops_the_practice(tmp_path: Path, bundle: Resource) -> None:
    assert "SECRET" not in refusal(write(tmp_path, bundle))


def test_messages_number_the_files_instead_of_naming_them(tmp_path: Path) -> None:
    write(tmp_path, a_bundle())
    (tmp_path / "zz_9990548609_Secret.json").write_text("{")
    message = refusal(tmp_path)
    assert "Y99001, bundle 2 of 2 by name" in message
    assert "Secret" not in message
    assert "9990548609" not in message


def test_one_bad_bundle_stops_the_practice_before_anything_is_read(tmp_path: Path) -> None:
    write(tmp_path, a_bundle(an_observation()), a_bundle({"resourceType": "Sonnet"}))
    adapter = GPConnect("Y99001", Policy())
    with pytest.raises(PersonMustAct):
        next(adapter.read(adapter.find_extracts(tmp_path)[0], ReadTally()))


@pytest.mark.parametrize("missing", ["", "not_there"])
def test_no_bundle_is_not_an_empty_night(tmp_path: Path, missing: str) -> None:
    with pytest.raises(PersonMustAct, match="missing or holds no"):
        GPConnect("Y99001", Policy()).find_extracts(tmp_path / missing)


def test_a_bundle_that_changes_after_it_was_found_stops_the_practice(tmp_path: Path) -> None:
    adapter = GPConnect("Y99001", Policy())
    (extract,) = adapter.find_extracts(write(tmp_path, a_bundle()))
    write(tmp_path, a_bundle(an_observation()))
    with pytest.raises(PersonMustAct, match="changed while it was read"):
        list(adapter.read(extract, ReadTally()))


def test_a_bundle_that_changes_between_the_two_readings_stops_the_practice(tmp_path: Path) -> None:
    adapter = GPConnect("Y99001", Policy())
    (extract,) = adapter.find_extracts(write(tmp_path, a_bundle()))
    batches = adapter.read(extract, ReadTally())
    next(batches)
    write(tmp_path, a_bundle(an_observation()))
    with pytest.raises(PersonMustAct, match="changed while it was read"):
        list(batches)


def test_a_policy_without_a_reason_stops_everything(tmp_path: Path) -> None:
    policy = Policy()
    whole = (policy.folder / "fields" / "gp_connect.toml").read_text()
    (tmp_path / "fields").mkdir()
    (tmp_path / "vocabularies.toml").write_text((policy.folder / "vocabularies.toml").read_text())
    (tmp_path / "fields" / "gp_connect.toml").write_text(whole.replace('why = "Whose."', 'why = ""'))
    (tmp_path / "records").mkdir()
    adapter = GPConnect("Y99001", Policy(tmp_path))
    (extract,) = adapter.find_extracts(write(tmp_path / "records", a_bundle()))
    with pytest.raises(PolicyRefused, match="needs an action, a reason"):
        list(adapter.read(extract, ReadTally()))


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_only_ever_stop_the_practice(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "record.json").write_bytes(content + b"SECRET")
        assert "SECRET" not in refusal(Path(folder))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("coding"), inner, max_size=3)
    ),
    max_leaves=6,
)

RICH = a_bundle(
    {
        "resourceType": "Encounter",
        "id": "E1",
        "status": "finished",
        "type": [coded()],
        "subject": {"reference": "Patient/P1"},
    },
    an_observation(
        component=[{"code": coded()}],
        related=[{"type": "derived-from", "target": {"reference": "Observation/O2"}}],
        performer=[{}],
    ),
    an_observation(
        id="O2",
        valueQuantity={"value": 1, "unit": "kg"},
        referenceRange=[{"low": {"value": 1}}],
        issued="2020-01-01T00:00:00Z",
    ),
    {
        "resourceType": "Condition",
        "id": "C1",
        "code": coded(),
        "extension": [{"url": "x/ActualProblem", "valueReference": {}}],
    },
    {
        "resourceType": "MedicationRequest",
        "id": "M1",
        "medicationReference": {"reference": "Medication/D"},
        "dispenseRequest": {},
    },
    {"resourceType": "Medication", "id": "D", "code": coded()},
    {"resourceType": "Immunization", "id": "I1", "vaccineCode": coded(), "practitioner": [{"actor": {}}]},
    {
        "resourceType": "Appointment",
        "id": "A1",
        "participant": [{"actor": {"reference": "Patient/P1"}}],
        "minutesDuration": 10,
    },
    {"resourceType": "Organization", "id": "G1", "identifier": [{"system": "x", "value": "y"}], "type": [coded()]},
    {
        "resourceType": "PractitionerRole",
        "id": "L1",
        "practitioner": {"reference": "Practitioner/S"},
        "code": [coded()],
    },
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, child in inner for each in places(child, (*path, key)))]


PLACES = [path for path in places(RICH) if path]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), ANYTHING)
def test_anything_anywhere_gives_rows_or_stops_the_practice(place: tuple[Any, ...], thing: Any) -> None:
    bundle = copy.deepcopy(RICH)
    holder: Any = bundle
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = thing
    with TemporaryDirectory() as folder:
        refused, rows = outcome(write(Path(folder), bundle))
    assert "SECRET" not in refused
    assert bool(refused) != bool(rows)
    codes = {row.get("snomed_concept_id") for table in rows.values() for row in table}
    assert all(code is None or len(code) <= 30 for code in codes)


def outcome(folder: Path) -> tuple[str, dict[str, list[Resource]]]:
    try:
        return "", read(folder)
    except PersonMustAct as refused:
        return str(refused), {}
