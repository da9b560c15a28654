"""policy/fields/gp_connect.toml is closed, reasoned, and agrees with the canonical tables and with 44 real-shaped records."""

from collections import defaultdict
from pathlib import Path

import pytest

from crossing.canonical import TABLES
from crossing.policy import Policy
from source_zone.adapters.gp_connect.clinical import MAPPINGS
from source_zone.adapters.gp_connect.policy import ACTIONS, FILE, NotInPolicy, read_field_policy
from support.gp_connect_bundles import (
    FOLDERS,
    RECORDS,
    a_bundle,
    a_patient,
    an_observation,
    needs_records,
    read,
    resources,
    write,
)

CONTENT = Policy().table(FILE)
CODES = {"codes": {"snomed_concept_id", "snomed_description_id", "read_v2_code", "ctv3_code", "local_code"}}


@pytest.mark.parametrize("kind", sorted(CONTENT["resources"]))
def test_every_line_names_an_action_a_reason_and_real_columns(kind: str) -> None:
    part = CONTENT["resources"][kind]
    own = {column.name for column in TABLES[part["becomes"]]}
    others = {column.name for column in TABLES["observation"]} if kind == "ProcedureRequest" else set()
    for name, line in part["elements"].items():
        assert line["action"] in ACTIONS, f"{kind}.{name}"
        assert len(line["why"]) > 5, f"{kind}.{name} needs a reason"
        columns = [column.strip() for column in line.get("to", "").split(",") if column.strip()]
        for column in columns:
            assert CODES.get(column, {column}) <= own | others, f"{kind}.{name}: no column {column}"


def test_every_kind_that_is_read_has_a_mapping_and_every_mapping_a_policy() -> None:
    people_and_reference = {"Patient", "Practitioner", "PractitionerRole", "Organization", "Medication"}
    assert set(CONTENT["resources"]) == set(MAPPINGS) | people_and_reference


@pytest.mark.parametrize("kind", sorted(CONTENT["left_at_source"]))
def test_what_is_left_whole_says_why(kind: str) -> None:
    assert len(CONTENT["left_at_source"][kind]["why"]) > 20
    assert kind not in CONTENT["resources"]


def test_text_is_never_kept() -> None:
    for kind, part in CONTENT["resources"].items():
        for name in {"note", "text", "comment", "description", "name", "telecom", "display"} & part["elements"].keys():
            assert part["elements"][name]["action"] == "drop", f"{kind}.{name}"


@pytest.mark.needs_shared
def test_every_element_of_the_44_records_is_in_policy() -> None:
    needs_records()
    policy = read_field_policy(Policy())
    unlisted, seen = defaultdict(set), 0
    for folder in FOLDERS:
        for resource in resources(RECORDS / folder):
            seen += 1
            kind = resource["resourceType"]
            known = policy.read.get(kind) or policy.left.get(kind) or frozenset()
            unlisted[kind] |= set(resource) - known
    assert {kind: names for kind, names in unlisted.items() if names} == {}
    assert seen > 10_000


def what_is_said(folder: Path) -> str:
    with pytest.raises(NotInPolicy) as caught:
        read(folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["SmithMargaret", "margaretSmith", "smith"])
@pytest.mark.parametrize("place", ["element", "type", "entry", "bundle"])
def test_a_name_where_a_word_of_the_standard_belongs_is_not_said(tmp_path: Path, name: str, place: str) -> None:
    bundle = {
        "element": a_bundle(an_observation(**{name: 1})),
        "type": a_bundle({"resourceType": name}),
        "entry": a_bundle() | {"entry": [{"resource": a_patient(), name: 1}]},
        "bundle": a_bundle(**{name: 1}),
    }[place]
    message = what_is_said(write(tmp_path, bundle))
    assert name not in message
    assert "gp_connect.toml" in message


def test_unknown_elements_are_counted_and_placed(tmp_path: Path) -> None:
    message = what_is_said(write(tmp_path, a_bundle(), a_bundle(an_observation(poem=1, rhyme=2))))
    assert "Y99001, bundle 2 of 2 by name, entry 2: 2 of the elements of Observation are not in policy" in message


def test_a_type_of_the_standard_is_named(tmp_path: Path) -> None:
    message = what_is_said(write(tmp_path, a_bundle({"resourceType": "FamilyMemberHistory"})))
    assert "entry 2: resource type FamilyMemberHistory is not in policy" in message
