"""Deliveries written by hand, through both zones: what today's views show after deletions, a return and a re-bulk."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from crossing.policy import policy_folder
from journey.both_zones import BothZones, make_both_zones
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.postgres import Postgres, a_server, psycopg_url

pytestmark = pytest.mark.slow

NIGHTS = [f"202609{day:02}010000" for day in range(2, 12)]
ANNE_AND_BERT: Rows = {
    "Admin_Patient": [a_patient("anne"), a_patient("bert")],
    "CareRecord_Consultation": [
        {
            **{
                name: text
                for name, text in an_observation("anne", "visit").items()
                if name
                in {
                    "PatientGuid",
                    "EffectiveDate",
                    "EffectiveDatePrecision",
                    "EnteredDate",
                    "EnteredTime",
                    "Deleted",
                    "IsConfidential",
                }
            },
            "ConsultationGuid": guid("visit"),
        }
    ],
    "CareRecord_Observation": [an_observation("anne", "asthma"), an_observation("bert", "cough")],
    "CareRecord_Problem": [{"ObservationGuid": guid("asthma"), "PatientGuid": guid("anne"), "Deleted": "false"}],
}
EVENTS = ("encounter", "observation", "problem")
BOTH = {"patient": 2, "encounter": 1, "observation": 2, "problem": 1}
BERT_ONLY = {"patient": 1, "encounter": 0, "observation": 1, "problem": 0}
ANNE_IS_DELETED: Rows = {"Admin_Patient": [{"PatientGuid": guid("anne"), "Deleted": "true"}]}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def zones(tmp_path: Path, postgres: Postgres) -> BothZones:
    """Only one practice takes part."""
    zones = make_both_zones(tmp_path, postgres)
    shutil.copytree(policy_folder(), tmp_path / "policy")
    practices = tmp_path / "policy" / "practices.csv"
    lines = practices.read_text().splitlines()
    practices.write_text("\n".join(line for line in lines if line.startswith(("practice_code", PRACTICE))) + "\n")
    return replace(zones, source=replace(zones.source, policy_folder=tmp_path / "policy"))


def live(zones: BothZones, *nights: Rows) -> list[dict[str, int]]:
    """What today's views show after each night."""
    shown = []
    for stamp, rows in zip(NIGHTS, nights, strict=False):
        write_extract(zones.source.incoming / PRACTICE, rows, stamp)
        failed = zones.collect(stamp)
        assert PRACTICE not in failed, failed[PRACTICE]
        assert zones.load()
        shown.append(current(zones))
    return shown


def current(zones: BothZones) -> dict[str, int]:
    with psycopg.connect(psycopg_url(zones.central.store_url)) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM records.current_{table}").fetchone()[0]
            for table in ("patient", *EVENTS)
        }


def test_a_patients_deletion_hides_all_their_records_though_none_of_these_is_deleted(zones: BothZones) -> None:
    assert live(zones, ANNE_AND_BERT, ANNE_IS_DELETED) == [BOTH, BERT_ONLY]


def test_what_still_comes_of_a_deleted_patient_stays_hidden(zones: BothZones) -> None:
    late = {"CareRecord_Observation": [an_observation("anne", "another")]}
    assert live(zones, ANNE_AND_BERT, ANNE_IS_DELETED, late)[-1] == BERT_ONLY


def test_a_patient_who_is_restored_has_their_records_again(zones: BothZones) -> None:
    back = {"Admin_Patient": [a_patient("anne")]}
    assert live(zones, ANNE_AND_BERT, ANNE_IS_DELETED, back) == [BOTH, BERT_ONLY, BOTH]


def test_restored_without_what_was_deleted_meanwhile(zones: BothZones) -> None:
    meanwhile = {
        "CareRecord_Observation": [{"ObservationGuid": guid("asthma"), "PatientGuid": guid("anne"), "Deleted": "true"}]
    }
    back = {"Admin_Patient": [a_patient("anne")]}
    assert live(zones, ANNE_AND_BERT, ANNE_IS_DELETED, meanwhile, back)[-1] == {**BOTH, "observation": 1, "problem": 0}


def test_deleted_and_restored_within_one_extract_is_not_deleted(zones: BothZones) -> None:
    both_lines = {"Admin_Patient": [*ANNE_IS_DELETED["Admin_Patient"], a_patient("anne")]}
    assert live(zones, ANNE_AND_BERT, both_lines)[-1] == BOTH


@pytest.mark.fault(
    "F12",
    injected="a practice sends everything again, twice",
    happened="today's views show the same; the rows are kept as later versions of the same records",
)
def test_a_re_bulk_doubles_nothing(zones: BothZones) -> None:
    assert live(zones, ANNE_AND_BERT, ANNE_AND_BERT, ANNE_AND_BERT) == [BOTH] * 3


def test_an_observation_deleted_without_its_type_ends_the_problem_on_it(zones: BothZones) -> None:
    gone = {
        "CareRecord_Observation": [{"ObservationGuid": guid("asthma"), "PatientGuid": guid("anne"), "Deleted": "true"}]
    }
    assert live(zones, ANNE_AND_BERT, gone)[-1] == {**BOTH, "observation": 1, "problem": 0}
