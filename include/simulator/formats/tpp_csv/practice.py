"""The practice as TPP writes it: lists, dictionary, organisations, staff and patients, each patient over three tables."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import codes
from simulator.codes import CODES, Role
from simulator.facts import Rows
from simulator.formats.tpp_csv.cells import code_cells, dictionary, moments, picked_by, shouted
from simulator.formats.tpp_csv.rows import DRUG_OF_CODE, MAPPING, OPTIONS
from simulator.practice import Practice
from simulator.record import numbered
from simulator.texts import constant

PATIENTS = "patients"  # no file: the patients whom the three tables describe
_ROLES = {"1": "R0260", "2": "R0600", "3": "R1790", "4": "R0690"}
_REGISTRATION = {
    "Regular": "GMS",
    "Temporary": "Temporary",
    "Private": "Private",
    "Emergency": "Emergency",
    "Walk-In Patient": "Walk-in Patient",
}


def lists(source: Practice, night: int) -> Iterator[Rows]:
    """The built-in list comes every night, all others on the first."""
    yield _lines("SRMapping", IdMappingGroup=["40"] * len(MAPPING), Mapping=[*MAPPING.values()], row=[*MAPPING])
    if night > 1:
        return
    known, pairs = dictionary(source)
    allergies = codes.of_role(Role.ALLERGY)
    drug_codes, _ = code_cells(source, allergies)
    yield _lines("SRConfiguredListOption", ConfiguredListOption=[*OPTIONS.values()], row=[*OPTIONS])
    yield _lines("SRCtv3", Ctv3Code=known)
    yield _lines("SRCtv3ToSnomed", Ctv3Code=[own for own, _ in pairs], SnomedCode=[mapped for _, mapped in pairs])
    yield _lines("SRCtv3ToVersion2", Ctv3Code=known[:3], Version2Code=[code[:5].ljust(5, ".") for code in known[:3]])
    yield _lines(
        "SRMedicationReadCodeDetails",
        IDMultiLexProduct=[str(DRUG_OF_CODE + place) for place in allergies.tolist()],
        DrugReadCode=drug_codes.to_pylist(),
        DrugReadCodeDesc=[CODES[place].term for place in allergies.tolist()],
    )
    described = [f"Made-up role ({job})" for job in _ROLES.values()]
    yield _lines("SRStaffMemberProfileRole", RoleDescription=described, row=[*_ROLES])


def organisations(source: Practice, rows: Rows) -> Iterator[Rows]:
    columns = {
        "RowIdentifier": numbered(rows.columns["OrganisationGuid"]),
        "Name": rows.columns["OrganisationName"],
        "ID": rows.columns["ODSCode"],
        "MadeObsolete": constant("FALSE", len(rows)),
        "RemovedData": constant("0", len(rows)),
    }
    yield Rows(file="SROrganisation", columns=columns, facts=rows.facts)


def staff(source: Practice, rows: Rows) -> Iterator[Rows]:
    number = numbered(rows.columns["UserInRoleGuid"])
    columns = {
        "RowIdentifier": number,
        "IDStaffMemberProfileRole": picked_by(
            rows.columns["JobCategoryCode"], {job: row for row, job in _ROLES.items()}
        ),
        "StaffRole": rows.columns["JobCategoryName"],
        "IDStaffMember": number,
        "IDOrganisation": constant(source.code, len(rows)),
        "RemovedData": constant("0", len(rows)),
    }
    yield Rows(file="SRStaffMemberProfile", columns=columns, facts=rows.facts)


def patients(source: Practice, rows: Rows) -> Iterator[Rows]:
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    once = rows.where(~rows.facts.duplicate)
    if not len(once):
        return
    yield Rows(file=PATIENTS, columns={"": constant("", len(once))}, facts=once.facts)
    live = once.where(~once.facts.deleted) if once.facts is not None else once
    gone = once.where(once.facts.deleted) if once.facts is not None else once
    if len(gone):
        yield Rows(file="SRPatient", columns={**_person_of(source, gone), "RemovedData": constant("1", len(gone))})
    if len(live):
        yield _person(source, live)
        yield _registration(source, live)
        yield _address(source, live)


def _person(source: Practice, rows: Rows) -> Rows:
    said, length = rows.columns, len(rows)
    columns = {
        **_person_of(source, rows),
        "Title": said["Title"],
        "FirstName": said["GivenName"],
        "MiddleNames": said["MiddleNames"],
        "Surname": said["Surname"],
        "NHSNumber": said["NhsNumber"],
        "DateBirth": moments(said["DateOfBirth"], seconds=False),
        "DateDeath": moments(said["DateOfDeath"], seconds=False),
        "BirthPlace": constant('Saint-Étienne, "la Grande"\r\nœuvres', length),
        "Gender": said["Sex"],
        "SpeaksEnglish": constant("TRUE", length),
        "EmailAddress": said["EmailAddress"],
        "TestPatient": pc.if_else(pc.equal(said["DummyType"], ""), "FALSE", "TRUE"),
        "SSRef": said["PatientNumber"],
        "SpineMatched": shouted(constant("true", length)),
        "RemovedData": constant("0", length),
    }
    return Rows(file="SRPatient", columns=columns)


def _person_of(source: Practice, rows: Rows) -> dict[str, pa.Array]:
    return {
        "RowIdentifier": numbered(rows.columns["PatientGuid"]),
        "IDOrganisationVisibleTo": constant(source.code, len(rows)),
    }


def _registration(source: Practice, rows: Rows) -> Rows:
    said = rows.columns
    here = constant(source.code, len(rows))
    columns = {
        **_person_of(source, rows),
        "DateRegistration": moments(said["DateOfRegistration"]),
        "DateDeRegistration": moments(said["DateOfDeactivation"]),
        "RegistrationStatus": picked_by(said["PatientTypeDescription"], _REGISTRATION),
        "IDPatient": numbered(said["PatientGuid"]),
        "IDOrganisation": here,
        "IDOrganisationRegisteredAt": here,
        "RemovedData": constant("0", len(rows)),
    }
    return Rows(file="SRPatientRegistration", columns=columns)


def _address(source: Practice, rows: Rows) -> Rows:
    said = rows.columns
    columns = {
        **_person_of(source, rows),
        "DateEvent": moments(said["DateOfRegistration"]),
        "NumberOfBuilding": said["HouseNameFlatNumber"],
        "NameOfRoad": said["NumberAndStreet"],
        "NameOfTown": said["Town"],
        "NameOfCounty": said["County"],
        "FullPostCode": said["Postcode"],
        "AddressType": constant("4031", len(rows)),
        "IDPatient": numbered(said["PatientGuid"]),
        "RemovedData": constant("0", len(rows)),
    }
    return Rows(file="SRPatientAddressHistory", columns=columns)


def _lines(table: str, *, row: list[str] | None = None, **columns: list[str]) -> Rows:
    length = len(next(iter(columns.values())))
    numbers = row or (np.arange(length) + 1).astype(str).tolist()
    removed = {} if table == "SRMapping" else {"RemovedData": pa.array(["0"] * length)}
    cells = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    return Rows(file=table, columns={"RowIdentifier": pa.array(numbers, pa.string()), **cells, **removed})
