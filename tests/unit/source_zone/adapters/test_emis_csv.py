"""EMIS as it really comes: any version, tables more or fewer, codes late, agreements off, files that are somebody else's."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossing.errors import PersonMustAct
from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from source_zone.adapters.emis_csv.delivery import PracticeSwitchedOff
from source_zone.adapters.emis_csv.tables import CLINICAL_CODE, DRUG_CODE, MAPPINGS
from source_zone.adapters.reading import FileRefused
from source_zone.release_practice import release_practice
from support.emis_files import CODES, ORGANISATION, Rows, a_patient, an_observation, guid, headers, write_extract
from support.source_zone import SourceZone, make_source_zone

NIGHTS = ("20260902010000", "20260903010000", "20260904010000", "20260905010000")
OTHER = "{00000000-0000-0000-0000-0000000000BB}"
AGREEMENT = {"OrganisationGuid": ORGANISATION, "IsActivated": "true", "Disabled": "false", "Deleted": "false"}


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def release(zone: SourceZone, rows: Rows, night: int = 0, version: str = "5.4") -> dict[str, Any]:
    write_extract(zone.deliveries, rows, NIGHTS[night], version)
    return release_practice(zone.release(NIGHTS[night]))


def counts(zone: SourceZone, outcome: dict[str, Any]) -> dict[str, Any]:
    return read_manifest(read_manifest_bytes(zone.settings.outbox / outcome["parcels"][-1])[0]).counts


def an_entry(table: str, name: str, code: str, **cells: str) -> dict[str, str]:
    """A row of any coded table."""
    record, column = (CLINICAL_CODE | DRUG_CODE)[table]
    row = an_observation("p", name, **cells)
    known = set(headers()[table])
    return {**{cell: text for cell, text in row.items() if cell in known}, record: guid(name), column: code, **cells}


CODED = sorted(CLINICAL_CODE | DRUG_CODE)


def late_code(table: str) -> Rows:
    if table in DRUG_CODE:
        return {"Coding_DrugCode": [{"CodeId": "777", "DmdProductCodeId": "39113311000001107"}]}
    return {"Coding_ClinicalCode": [{"CodeId": "777", "SnomedCTConceptId": "195967001"}]}


# Versions and tables


@pytest.mark.parametrize("version", ["5.0", "5.1", "5.3", "5.4"])
def test_every_version_gives_the_same_rows(zone: SourceZone, version: str) -> None:
    doctor = "ClinicianUserInRoleGuid" if version > "5.1" else "ClinicanUserInRoleGuid"
    drug = {**an_entry("Prescribing_DrugRecord", "d", "9"), doctor: guid("doctor")}
    rows = {
        "Admin_Patient": [a_patient("p")],
        "Admin_UserInRole": [{"UserInRoleGuid": guid("doctor"), "JobCategoryCode": "R0260"}],
        "CareRecord_Observation": [an_observation("p", "o")],
        "CareRecord_Problem": [{"ObservationGuid": guid("o"), "PatientGuid": guid("p")}],
        "Prescribing_DrugRecord": [drug],
    }
    for table, lines in rows.items():
        for row in lines:
            row.update({"Deleted": "false"} if "Deleted" in headers(version)[table] else {})
    outcome = release(zone, rows, version=version)
    assert (outcome["sent"], outcome["quarantined"], outcome["held_back"]) == (5, {}, {})


@pytest.mark.parametrize("version", ["5.0", "5.4"])
def test_the_old_spelling_of_the_clinician_is_read(zone: SourceZone, version: str) -> None:
    doctor = "ClinicianUserInRoleGuid" if version == "5.4" else "ClinicanUserInRoleGuid"
    drug = {**an_entry("Prescribing_DrugRecord", "d", "9"), doctor: guid("doctor")}
    write_extract(
        zone.deliveries, {"Admin_Patient": [a_patient("p")], "Prescribing_DrugRecord": [drug]}, version=version
    )
    found = [batch for batch in batches(zone) if batch.table == "medication"]
    assert found[0].rows.column("staff_role_id").to_pylist() == [guid("doctor").strip("{}")]


def batches(zone: SourceZone) -> list[Any]:
    from crossing.policy import Policy
    from source_zone.adapters.emis_csv.adapter import EmisCsv
    from source_zone.identified import ReadTally

    adapter = EmisCsv(zone.deliveries.name, Policy())
    return [batch for extract in adapter.find_extracts(zone.deliveries) for batch in adapter.read(extract, ReadTally())]


def test_tables_we_do_not_read_may_come_or_not_and_their_rows_are_counted(zone: SourceZone) -> None:
    rows = {"Admin_Patient": [a_patient("p")], "Audit_PatientAudit": [{"ItemGuid": guid("a")}, {"ItemGuid": guid("b")}]}
    with_audit = release(zone, rows)
    assert counts(zone, with_audit)["reference_rows"]["Audit_PatientAudit"] == 2
    files = write_extract(zone.deliveries, rows, NIGHTS[1])
    for table in ("Audit_PatientAudit", "Audit_RegistrationAudit", "Admin_Location", "Appointment_Session"):
        files[table].unlink()
    without = release_practice(zone.release(NIGHTS[1]))
    assert without["sent"] == 1
    assert "Audit_PatientAudit" not in counts(zone, without)["reference_rows"]


@pytest.mark.parametrize("table", ["Admin_Patient", "Coding_ClinicalCode", "Agreements_SharingOrganisation", *CODED])
def test_a_table_we_read_may_not_be_absent(zone: SourceZone, table: str) -> None:
    write_extract(zone.deliveries, {})[table].unlink()
    with pytest.raises(FileRefused, match=f"the file of {table} is missing"):
        release_practice(zone.release())


# Agreements, and whose the files are


@pytest.mark.parametrize(
    "agreements",
    [
        [],
        [{**AGREEMENT, "Disabled": "true"}],
        [{**AGREEMENT, "Disabled": ""}],
        [{**AGREEMENT, "Disabled": "maybe"}],
        [{**AGREEMENT, "IsActivated": "false"}],
        [{**AGREEMENT, "IsActivated": ""}],
        [{**AGREEMENT, "Deleted": "true"}],
        [{**AGREEMENT, "Deleted": ""}],
        [AGREEMENT, {**AGREEMENT, "OrganisationGuid": OTHER, "Disabled": "true"}],
    ],
)
def test_nothing_is_taken_unless_the_agreement_is_plainly_on(zone: SourceZone, agreements: list[dict]) -> None:
    with pytest.raises(PracticeSwitchedOff, match="nothing is taken and nothing deleted meanwhile"):
        release(zone, {"Admin_Patient": [a_patient("p")], "Agreements_SharingOrganisation": agreements})


@pytest.mark.parametrize(
    "agreements", [[AGREEMENT, {**AGREEMENT, "OrganisationGuid": OTHER}], [{**AGREEMENT, "OrganisationGuid": ""}]]
)
def test_several_organisations_or_none_in_one_extract_are_refused(zone: SourceZone, agreements: list[dict]) -> None:
    with pytest.raises(FileRefused, match="ask the supplier to send it by itself"):
        release(zone, {"Agreements_SharingOrganisation": agreements})


@pytest.mark.parametrize(
    "rows",
    [
        {"Admin_Organisation": [{"OrganisationGuid": ORGANISATION, "ODSCode": "Y99002"}]},
        {"Admin_Patient": [a_patient("p"), a_patient("q", OrganisationGuid=OTHER)]},
    ],
)
def test_another_practices_files_in_this_ones_folder_are_refused(zone: SourceZone, rows: Rows) -> None:
    with pytest.raises(FileRefused, match="another organisation's"):
        release(zone, rows)


def test_the_practices_own_id_at_emis_never_changes(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": [a_patient("p")]})
    moved = [{**AGREEMENT, "OrganisationGuid": OTHER}]
    with pytest.raises(FileRefused, match="another organisation's"):
        release(zone, {"Agreements_SharingOrganisation": moved}, 1)


def test_its_own_files_are_not_refused(zone: SourceZone) -> None:
    own = {"Admin_Organisation": [{"OrganisationGuid": ORGANISATION.lower(), "ODSCode": "Y99001"}]}
    assert release(zone, own)["sent"] == 1


# Codes that come late


@pytest.mark.parametrize("table", CODED)
def test_an_entry_whose_code_comes_later_leaves_on_that_night(zone: SourceZone, table: str) -> None:
    first = release(zone, {"Admin_Patient": [a_patient("p")], table: [an_entry(table, "e", "777")]})
    assert first["quarantined"] == {"unknown_code": 1}
    assert release(zone, {}, 1)["read"] == 0
    assert release(zone, late_code(table), 2)["sent"] == 1
    assert release(zone, late_code(table), 3)["read"] == 0


@pytest.mark.parametrize("cells", [{"Deleted": "true"}, {"code": "known"}])
@pytest.mark.parametrize("table", [each for each in CODED if each != "CareRecord_ObservationReferral"])
@pytest.mark.parametrize("same_night", [True, False])
def test_what_was_deleted_or_amended_meanwhile_does_not_come_back(
    zone: SourceZone, table: str, cells: dict[str, str], same_night: bool
) -> None:
    old = an_entry(table, "e", "777")
    new = an_entry(table, "e", "9" if table in DRUG_CODE else "1", **{k: v for k, v in cells.items() if k != "code"})
    if same_night:
        release(zone, {"Admin_Patient": [a_patient("p")], table: [old, new]})
    else:
        release(zone, {"Admin_Patient": [a_patient("p")], table: [old]})
        release(zone, {table: [new]}, 1)
    assert release(zone, late_code(table), 2)["read"] == 0


def test_a_tombstone_in_another_spelling_of_the_id_also_ends_the_waiting(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "o", "777")]})
    gone = {**an_observation("p", "o", ""), "ObservationGuid": guid("o").lower().strip("{}"), "Deleted": "true"}
    release(zone, {"CareRecord_Observation": [gone]}, 1)
    assert release(zone, late_code("CareRecord_Observation"), 2)["read"] == 0


def test_a_referral_that_waits_ends_with_its_observation(zone: SourceZone) -> None:
    table = "CareRecord_ObservationReferral"
    release(zone, {"Admin_Patient": [a_patient("p")], table: [an_entry(table, "o", "777")]})
    release(zone, {"CareRecord_Observation": [an_observation("p", "o", "", Deleted="true")]}, 1)
    assert release(zone, late_code(table), 2)["read"] == 0


@pytest.mark.parametrize("table", ["CareRecord_Consultation", "CareRecord_Diary", "CareRecord_ObservationReferral"])
def test_a_dissent_counts_from_the_night_its_code_comes_wherever_it_is_written(zone: SourceZone, table: str) -> None:
    release(zone, {"Admin_Patient": [a_patient("p")], table: [an_entry(table, "e", "778")]})
    dissent = {"Coding_ClinicalCode": [*CODES, {"CodeId": "778", "SnomedCTConceptId": "827241000000103"}]}
    assert release(zone, dissent, 1)["patients_held_back"] == {"type_one_opt_out": 1}


# Flags


@pytest.mark.parametrize("table", [each for each in CODED if each != "CareRecord_ObservationReferral"])
def test_a_record_of_which_nobody_can_say_whether_it_is_deleted_stays(zone: SourceZone, table: str) -> None:
    entry = an_entry(table, "e", "9" if table in DRUG_CODE else "1", Deleted="perhaps")
    outcome = release(zone, {"Admin_Patient": [a_patient("p")], table: [entry]})
    assert (outcome["quarantined"], outcome["sent"]) == ({"unreadable_flag": 1}, 1)


def test_a_patient_of_whom_nobody_can_say_whether_they_are_deleted_stays(zone: SourceZone) -> None:
    outcome = release(zone, {"Admin_Patient": [a_patient("p", Deleted="perhaps")]})
    assert outcome["patients_held_back"] == {"unreadable_patient_record": 1}
    assert outcome["sent"] == 0


def test_refusals_say_nothing_of_what_the_files_hold(zone: SourceZone) -> None:
    strangers = [a_patient("q", OrganisationGuid=OTHER, NhsNumber="9990548609")]
    with pytest.raises(PersonMustAct) as refused:
        release(zone, {"Admin_Patient": strangers})
    assert not [secret for secret in ("9990548609", OTHER.strip("{}"), "Surnameq") if secret in str(refused.value)]


# Whatever comes


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), table=st.sampled_from(sorted(MAPPINGS)), after_header=st.booleans())
def test_arbitrary_bytes_are_rows_or_refused(zone: SourceZone, content: bytes, table: str, after_header: bool) -> None:
    path = write_extract(zone.deliveries, {})[table]
    path.write_bytes((path.read_bytes() if after_header else b"") + content)
    try:
        made = batches(zone)
    except FileRefused as refused:
        said = str(refused)
    else:
        said = ""
        assert all(each.rows.num_rows for each in made)
    assert content.decode("latin-1") not in said or len(content) < 8
