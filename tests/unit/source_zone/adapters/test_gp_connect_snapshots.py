"""Records come whole, night after night: what changed is read, what is gone is deleted, what is unsure stays."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import Policy
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.identified import ReadTally
from support.gp_connect_bundles import NHS_NUMBER, Resource, a_bundle, a_patient, an_observation, coded, write

SNOMED_OF_LISTS = ("826501000000100", "887191000000108", "1102181000000102", "717711000000103")
DISSENT, WITHDRAWAL = coded("827241000000103"), coded("827261000000102")
WARNING = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-ListWarningCode-1"
Rows = dict[str, list[Resource]]


def a_list(code: str, **elements: Any) -> Resource:
    return {
        "resourceType": "List",
        "id": f"L{code}",
        "status": "current",
        "mode": "snapshot",
        "code": coded(code),
    } | elements


LISTS = tuple(a_list(code) for code in SNOMED_OF_LISTS)


def a_record(*resources: Resource, lists: tuple[Resource, ...] = LISTS, **more: Any) -> Resource:
    return a_bundle(*lists, *resources, **more)


class Nights:
    """Deliveries of one practice, one a night, with what the adapter remembers in between."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tally, self._remembered = folder, ReadTally(), dict[str, Any]()

    def __call__(self, *bundles: Resource, policy: Policy | None = None) -> Rows:
        for path in self.folder.glob("*.json"):
            path.unlink()
        write(self.folder, *bundles)
        return self.read_again(policy)

    def read_again(self, policy: Policy | None = None) -> Rows:
        adapter, self.tally = GPConnect("Y99001", policy or Policy(), self._remembered), ReadTally()
        (extract,) = adapter.find_extracts(self.folder)
        rows: Rows = {}
        for batch in adapter.read(extract, self.tally):
            rows.setdefault(batch.table, []).extend(batch.rows.to_pylist())
        self._remembered = self.tally.remembered
        return rows


@pytest.fixture
def night(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def ids(rows: Rows, table: str = "observation", *, deleted: bool) -> list[str]:
    return [row["record_id"].split("/")[1] for row in rows.get(table, []) if row["is_deleted"] is deleted]


ONE, TWO = an_observation(id="1"), an_observation(id="2")


def test_what_is_missing_from_a_complete_record_is_deleted_once(night: Nights) -> None:
    night(a_record(ONE, TWO))
    second = night(a_record(ONE))
    assert (ids(second, deleted=False), ids(second, deleted=True)) == (["1"], ["2"])
    (gone,) = (row for row in second["observation"] if row["is_deleted"])
    said = {name: value for name, value in gone.items() if value is not None}
    assert said == {
        "record_id": f"{NHS_NUMBER}|Observation/2",
        "registration_id": NHS_NUMBER,
        "is_deleted": True,
        "is_confidential": False,
        "effective_date_precision": "unknown",
    }
    assert ids(night(a_record(ONE, an_observation(id="3"))), deleted=True) == []


def test_a_component_that_is_missing_is_deleted_too(night: Nights) -> None:
    parts = [{"code": coded("271649006")}, {"code": coded("271650006")}]
    night(a_record(an_observation(id="1", component=parts)))
    assert ids(night(a_record(an_observation(id="1", component=parts[:1]))), deleted=True) == ["1#1"]


def test_an_entry_that_moves_to_another_table_leaves_the_first(night: Nights) -> None:
    request = {"resourceType": "ProcedureRequest", "id": "1", "status": "active", "intent": "plan", "code": coded()}
    request["subject"] = {"reference": "Patient/P1"}
    lists = (*LISTS, a_list("714311000000108"))
    night(a_record(request, lists=lists))
    second = night(a_record(request | {"intent": "order"}, lists=lists))
    assert (ids(second, "recall", deleted=True), ids(second, deleted=False)) == (["1"], ["1"])


WARNED = [
    {"url": WARNING, "valueCode": "confidential-items"},
    {"url": WARNING, "valueCode": "data-in-transit"},
    {"url": WARNING, "valueCode": "data-awaiting-filing"},
    {"url": WARNING, "valueCode": "a warning of next year"},
    {"url": WARNING},
    {"url": WARNING, "valueCodeableConcept": coded("data-in-transit")},
]


@pytest.mark.parametrize("warning", WARNED)
def test_nothing_is_deleted_from_a_record_with_a_warning(night: Nights, warning: Resource) -> None:
    night(a_record(ONE, TWO))
    assert ids(night(a_record(ONE, a_list("anything", extension=[warning]))), deleted=True) == []
    assert night.tally.not_collected["missing_but_not_deleted"] == 1
    assert sum(rows for name, rows in night.tally.not_collected.items() if name.startswith("incomplete_records.")) == 1
    assert ids(night(a_record(ONE, an_observation(id="3"))), deleted=True) == ["2"], "once the record is whole again"


NOT_WHOLE: list[tuple[Resource, ...]] = [
    (),
    LISTS[:1],
    (a_list(SNOMED_OF_LISTS[0], status="retired"), *LISTS[1:]),
    (a_list(SNOMED_OF_LISTS[0], emptyReason=coded("withheld")), *LISTS[1:]),
    (a_list(SNOMED_OF_LISTS[0], emptyReason={"text": "no-content-recorded"}), *LISTS[1:]),
]


@pytest.mark.parametrize("lists", NOT_WHOLE)
def test_nothing_is_deleted_where_no_list_shows_all(night: Nights, lists: tuple[Resource, ...]) -> None:
    night(a_record(ONE, TWO))
    assert ids(night(a_record(ONE, lists=lists)), deleted=True) == []
    assert night.tally.not_collected["missing_but_not_deleted"] == 1


def test_an_empty_list_shows_that_there_is_nothing(night: Nights) -> None:
    night(a_record(ONE))
    empty = tuple(each | {"emptyReason": coded("no-content-recorded")} for each in LISTS)
    assert ids(night(a_record(lists=empty)), deleted=True) == ["1"]


def test_a_patient_who_is_not_delivered_is_counted_and_not_deleted(night: Nights) -> None:
    other = a_bundle(patient=a_patient("9990000018", id="P2"))
    night(a_record(ONE), other)
    assert ids(night(other), deleted=True) == []
    assert night.tally.not_collected["records_not_delivered"] == 1
    assert ids(night(a_record(TWO), other), deleted=True) == ["1"], "nor are they forgotten"


def test_a_dissent_that_is_missing_is_not_deleted(night: Nights) -> None:
    """Entries vanish for many reasons. An objection ends when it is withdrawn, or its entry says it was an error."""
    night(a_record(ONE, an_observation(id="2", code=DISSENT)))
    assert ids(night(a_record(ONE)), deleted=True) == []


def test_a_withdrawal_that_is_missing_is_deleted(night: Nights) -> None:
    dissent = an_observation(id="1", code=DISSENT)
    night(a_record(dissent, an_observation(id="2", code=WITHDRAWAL)))
    assert ids(night(a_record(dissent)), deleted=True) == ["2"]


def test_what_never_left_is_not_deleted(night: Nights) -> None:
    hidden = an_observation(id="1", meta={"security": [{"code": "R"}]})
    night(
        a_record(
            hidden, an_observation(id="2", effectiveDateTime="soon"), an_observation(id="3", status="entered-in-error")
        )
    )
    assert ids(night(a_record(ONE | {"id": "4"})), deleted=True) == []


@pytest.mark.parametrize("later", [{"meta": {"security": [{"code": "R"}]}}, {"effectiveDateTime": "soon"}])
def test_what_left_once_is_deleted_even_where_it_could_not_leave_any_more(night: Nights, later: Resource) -> None:
    night(a_record(ONE, TWO))
    night(a_record(ONE, TWO | later))
    assert ids(night(a_record(ONE)), deleted=True) == ["2"]


def test_a_record_that_did_not_change_is_counted_and_left_out(night: Nights) -> None:
    other = a_bundle(
        an_observation(id="9", subject={"reference": "Patient/P2"}), patient=a_patient("9990000018", id="P2")
    )
    night(a_record(ONE, TWO), other)
    second = night(a_record(ONE, TWO), a_bundle(patient=a_patient("9990000018", id="P2")))
    assert [row["registration_id"] for row in second["patient"]] == ["9990000018"]
    assert "observation" not in second
    assert night.tally.reference_rows["unchanged_entries"] == 3, "two observations and their patient"
    assert night.tally.not_collected["missing_but_not_deleted"] == 1


def test_shared_rows_that_did_not_change_are_left_out(night: Nights) -> None:
    def places(job: str) -> tuple[Resource, ...]:
        role = {
            "resourceType": "PractitionerRole",
            "id": "R",
            "practitioner": {"reference": "Practitioner/D"},
            "code": [coded(job)],
        }
        return {"resourceType": "Organization", "id": "G"}, {"resourceType": "Practitioner", "id": "D"}, role

    assert set(night(a_record(*places("R0260")))) == {"organisation", "staff_role", "patient"}
    assert set(night(a_record(ONE, *places("R0260")))) == {"patient", "observation"}
    assert night.tally.reference_rows["unchanged_organisation"] == 1
    assert [row["job_category_code"] for row in night(a_record(ONE, *places("R0600")))["staff_role"]] == ["R0600"]


def test_a_record_with_an_objection_is_read_every_night(night: Nights) -> None:
    """A withdrawal dated tomorrow counts tomorrow, without any change to the record."""
    record = a_record(ONE, an_observation(id="2", code=WITHDRAWAL, effectiveDateTime="2999-01-01"))
    night(record)
    assert ids(night.read_again(), deleted=False) == ["1", "2"]


def test_under_other_rules_everything_is_read_again(night: Nights, tmp_path_factory: pytest.TempPathFactory) -> None:
    night(a_record(ONE))
    assert night.read_again() == {}
    other = tmp_path_factory.mktemp("rules") / "policy"
    shutil.copytree(Policy().folder, other)
    with (other / "codelists" / "legally_restricted.csv").open("a") as file:
        file.write("# one more line\n")
    assert ids(night.read_again(Policy(other)), deleted=False) == ["1"]


def _older_and_newer(folder: Path, older: Resource, newer: Resource) -> None:
    """The newer one has the earlier name, so that only its age can make it count."""
    write(folder, newer, older)
    os.utime(folder / "record_1.json", (1_600_000_000, 1_600_000_000))


def _by_their_own_date(folder: Path, older: Resource, newer: Resource) -> None:
    dated = [newer | {"timestamp": "2021-02-02T00:00:00Z"}, older | {"timestamp": "2021-02-01T00:00:00Z"}]
    write(folder, *dated)


@pytest.mark.parametrize("deliver", [_older_and_newer, _by_their_own_date])
def test_of_two_records_of_one_person_the_newer_one_counts(
    night: Nights, deliver: Callable[[Path, Resource, Resource], None]
) -> None:
    older = a_record(ONE, an_observation(id="3"), patient=a_patient(gender="male"))
    newer = a_record(an_observation(id="1", status="entered-in-error"), TWO, patient=a_patient(gender="female"))
    deliver(night.folder, older, newer)
    rows = night.read_again()
    assert [row["sex"] for row in rows["patient"]] == ["female"]
    last = {row["record_id"]: row["is_deleted"] for row in rows["observation"]}
    assert {name.split("/")[1]: deleted for name, deleted in last.items()} == {"1": True, "2": False, "3": False}
    assert night.tally.reference_rows["repeated_Patient"] == 1


def test_every_reason_to_stay_of_any_record_of_a_person_holds(night: Nights) -> None:
    _older_and_newer(
        night.folder, a_record(patient=a_patient(meta={"security": [{"code": "R"}]})), a_record(patient=a_patient())
    )
    assert [row["is_confidential"] for row in night.read_again()["patient"]] == [True]


def test_two_records_of_one_person_together_show_what_is_missing(night: Nights) -> None:
    night(a_record(ONE, TWO))
    assert ids(night(a_record(lists=LISTS[:1]), a_record(ONE, lists=LISTS[1:])), deleted=True) == ["2"]
