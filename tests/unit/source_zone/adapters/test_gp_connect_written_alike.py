"""What is written alike is looked into once, and a bundle as it should be is read a quicker way: neither may show."""

import json
from pathlib import Path

import pytest

from crossing.errors import PersonMustAct
from crossing.policy import Policy
from source_zone.adapters.gp_connect import elements as gp_connect_elements
from source_zone.adapters.gp_connect import entries as gp_connect_entries
from source_zone.adapters.gp_connect import policy as gp_connect_policy
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.adapters.gp_connect.policy import CONSENT_LIST
from source_zone.identified import ReadTally
from support.gp_connect_bundles import Resource, a_bundle, a_patient, an_observation, coded, read, write

DISSENT = next(row["code"] for row in Policy().rows(CONSENT_LIST) if row["meaning"] == "dissent")


def some_observations() -> list[Resource]:
    """Alike in some elements, each time in others; one points to another patient."""
    return [
        an_observation(
            id=f"O{number}",
            code=coded(("22298006", "38341003", DISSENT)[number % 3]),
            category=[coded(("laboratory", "vital-signs")[number % 2])],
            subject={"reference": f"Patient/{'P2' if number == 7 else 'P1'}"},
            context={"reference": f"Encounter/E{number % 4}"},
            identifier=[{"system": "urn:local", "value": f"{number}"}],
            valueQuantity={"value": number % 5, "unit": ("kg", "mmol/L")[number % 2]},
            referenceRange=[{"low": {"value": number % 2}}],
            issued=f"2020-03-01T10:00:0{number % 3}Z",
        )
        for number in range(30)
    ]


def bundles() -> list[Resource]:
    of_another = a_patient("9990548617", id="P1")
    return [a_bundle(*some_observations()), a_bundle(*some_observations()[::-1], patient=of_another)]


def test_forgetting_what_was_written_alike_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, *bundles())
    as_always = read(tmp_path)
    monkeypatch.setattr(gp_connect_entries, "_WAYS_KEPT", 1)
    monkeypatch.setattr(gp_connect_elements, "_KEPT", 1)
    monkeypatch.setattr(gp_connect_policy, "WORDS_KEPT", 0)
    said = {row["record_id"].split("|")[1]: row for row in as_always["observation"] if not row["fault"]}
    for each in (each for each in some_observations() if f"Observation/{each['id']}" in said):
        row = said[f"Observation/{each['id']}"]
        assert row["snomed_concept_id"] == each["code"]["coding"][0]["code"]
        assert row["value"] == each["valueQuantity"]["value"]
        assert row["range_low"] == each["referenceRange"][0]["low"]["value"]
        assert row["encounter_id"].endswith(each["context"]["reference"])
    assert len(as_always["observation"]) == 60
    assert len(said) == 29
    assert read(tmp_path) == as_always


def test_a_bundle_read_the_slower_way_gives_the_same_rows(tmp_path: Path) -> None:
    write(tmp_path, *bundles())
    quickly = read(tmp_path)
    for path in tmp_path.glob("*.json"):
        path.write_text(path.read_text().replace('"entry"', '"\\u0065ntry"'))
    assert read(tmp_path) == quickly


@pytest.mark.parametrize("spelt", ['"code"', '"c\\u006fde"', '"\\u0063ode"'])
def test_a_dissent_under_a_name_spelt_with_escapes_is_found(tmp_path: Path, spelt: str) -> None:
    hidden = {"use": "usual", "type": {"coding": [{"system": "urn:local", "code": DISSENT}]}}
    folder = write(tmp_path, a_bundle(an_observation(identifier=[hidden])))
    [path] = folder.glob("*.json")
    before, at, after = path.read_text().rpartition(f'"code": "{DISSENT}"')
    path.write_text(f"{before}{at.replace(chr(34) + 'code' + chr(34), spelt)}{after}")
    [row] = read(folder)["observation"]
    assert DISSENT in row["further_codes"].split()


def test_text_that_nobody_looks_into_must_be_utf_8_too(tmp_path: Path) -> None:
    """The narrative is dropped unread; and nothing of a dated delivery is looked at before it is read."""
    folder = tmp_path / "20260901010000"
    folder.mkdir()
    whole = json.dumps(a_bundle(an_observation(text={"div": "NARRATIVE"}))).encode()
    (folder / "record.json").write_bytes(whole.replace(b"NARRATIVE", b"\xff"))
    adapter = GPConnect("Y99001", Policy())
    [extract] = adapter.find_extracts(tmp_path)
    with pytest.raises(PersonMustAct, match="is not JSON in UTF-8"):
        next(adapter.read(extract, ReadTally()))  # before the first batch
