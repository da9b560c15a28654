"""A dissent in any column of any table of TPP's extract keeps all of the patient's records at the practice."""

import json
from pathlib import Path
from typing import Any

import pytest

from source_zone.release_practice import release_practice
from support.source_zone import SourceZone, a_practice, make_source_zone
from support.tpp_files import DICTIONARY, PRACTICE, a_code, a_patient, a_removal, an_entry, together, write_extract

OTHER = "Y99777"
TUESDAY = "20260903_0100"
LOCAL = {
    "SRCtv3": [*DICTIONARY["SRCtv3"], {"RowIdentifier": "90", "Ctv3Code": "Y8abc"}],
    "SRCtv3ToSnomed": [{"RowIdentifier": "90", "Ctv3Code": "Y8abc", "SnomedCode": "827241000000103"}],
}
DISSENTS: dict[str, dict[str, list[dict[str, str]]]] = {
    "SNOMED": {"SRCode": [a_code(1, CTV3Code="", SNOMEDCode="827241000000103")]},
    "CTV3": {"SRCode": [a_code(1, CTV3Code="XaZ89", SNOMEDCode="-1")]},
    "a local code that maps to it": {**LOCAL, "SRCode": [a_code(1, CTV3Code="Y8abc", SNOMEDCode="-1")]},
    "a code no dictionary has": {"SRCode": [a_code(1, CTV3Code="9Nu0.", SNOMEDCode="-1")]},
    "an immunisation": {"SRImmunisation": [an_entry(1, ImmsReadCode="XaZ89", ImmsSNOMEDCode="-1")]},
    "a problem": {"SRProblem": [an_entry(1, CTV3Code="XaZ89", IDCode="-1")]},
    "a referral": {"SRReferralOut": [an_entry(1, SNOMEDPrimaryDiagnosis="827241000000103")]},
    "another service's entry": {"SRCode": [a_code(1, CTV3Code="XaZ89", IDOrganisationRegisteredAt=OTHER)]},
    "another organisation's extract": {"SRCode": [a_code(1, CTV3Code="XaZ89", IDOrganisationVisibleTo=OTHER)]},
    "a practice code that is padded": {"SRCode": [a_code(1, CTV3Code="XaZ89", IDOrganisationVisibleTo=f" {PRACTICE}")]},
    "an entry with no organisation": {"SRCode": [a_code(1, CTV3Code="XaZ89", IDOrganisationVisibleTo="")]},
    "an entry without a date": {"SRCode": [a_code(1, CTV3Code="XaZ89", DateEvent="")]},
    "an entry with a date nobody can read": {"SRCode": [a_code(1, CTV3Code="XaZ89", DateEvent="31 Feb 2020 00:00:00")]},
}


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def released(zone: SourceZone, night: int = 1) -> dict[str, Any]:
    """What became of a night: counts only."""
    return dict(release_practice(zone.release(f"night-{night}", a_practice(PRACTICE, "tpp_csv"))))


@pytest.mark.parametrize("where", DISSENTS)
def test_a_dissent_counts_wherever_it_is_written(zone: SourceZone, where: str) -> None:
    write_extract(zone.deliveries, together(a_patient(), {"SREvent": [an_entry(7)]}, DISSENTS[where]))
    outcome = released(zone)
    assert outcome["patients_held_back"] == {"type_one_opt_out": 1}
    assert outcome["patients_may_leave"] == 0


def test_without_one_the_patient_leaves(zone: SourceZone) -> None:
    write_extract(zone.deliveries, together(a_patient(), {"SREvent": [an_entry(7)]}))
    assert released(zone)["patients_may_leave"] == 1


def test_a_dissent_that_is_removed_without_naming_the_patient_no_longer_counts(zone: SourceZone) -> None:
    write_extract(zone.deliveries, together(a_patient(), DISSENTS["CTV3"]))
    assert released(zone)["patients_may_leave"] == 0
    write_extract(zone.deliveries, {"SRCode": [a_removal(1)]}, stamp=TUESDAY, changes=True, first=False)
    assert released(zone, 2)["patients_held_back"] == {"awaits_whole_record": 1}


def test_a_dissent_in_a_code_that_comes_late_counts_from_then_on(zone: SourceZone) -> None:
    write_extract(zone.deliveries, together(a_patient(), {"SRCode": [a_code(1, CTV3Code="Y8abc", SNOMEDCode="-1")]}))
    assert released(zone)["patients_may_leave"] == 1
    write_extract(zone.deliveries, LOCAL, stamp=TUESDAY, changes=True, first=False)
    assert released(zone, 2)["patients_may_leave"] == 0


@pytest.mark.parametrize("where", ["Xa9Z0", "maps"])
def test_a_restricted_code_never_leaves_nor_the_problem_about_it(zone: SourceZone, where: str) -> None:
    restricted = {"SRCtv3ToSnomed": [{"RowIdentifier": "9", "Ctv3Code": "H33..", "SnomedCode": "63487001"}]}
    code = a_code(1, CTV3Code="Xa9Z0" if where == "Xa9Z0" else "H33..", SNOMEDCode="-1")
    problem = an_entry(2, IDCode="1", CTV3Code="XaZ8A" if where == "maps" else "")
    more = {"SRCtv3": [*DICTIONARY["SRCtv3"], {"RowIdentifier": "91", "Ctv3Code": "XaZ8A"}]}
    rows = together(
        a_patient(), more, {"SRCode": [code], "SRProblem": [problem]}, restricted if where == "maps" else {}
    )
    write_extract(zone.deliveries, rows)
    held = released(zone)["held_back"]
    assert held == {"legally_restricted_code": 1, "withheld_with_its_observation": 1}


def test_nothing_of_a_patient_is_in_what_is_said(zone: SourceZone) -> None:
    write_extract(zone.deliveries, together(a_patient(Surname="Snibbletwitch"), {"SRCode": [a_code(1)]}))
    said = json.dumps(released(zone))
    assert "Snibbletwitch" not in said
    assert "9990548609" not in said
