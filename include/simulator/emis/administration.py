"""The practice itself: sharing agreement, organisations, staff, patients, sessions, code tables."""

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.calendar import extract_day
from simulator.draws import Numbers
from simulator.facts import NOT_ABOUT_A_PATIENT, Facts, Rows
from simulator.names import COUNTY, FAMILY, GIVEN, STREETS, TOWN
from simulator.places import ALL_POSTCODES
from simulator.practice import Practice
from simulator.roster import PATIENT_TYPES, SEXES, died_by, left_by
from simulator.texts import booleans, constant, days, joined, picked, times, whole

_JOBS = (
    ("R0260", "General Medical Practitioner"),
    ("R0600", "Nurse"),
    ("R1790", "Receptionist"),
    ("R0690", "Pharmacist"),
)
_NEIGHBOURS = (
    ("hospital", "RZZ01", "Hospital"),
    ("pharmacy", "FZZ01", "Pharmacy"),
    ("board", "QZZ01", "ICB"),
)


def sharing_agreement(source: Practice, night: int) -> Rows:
    columns = {
        "OrganisationGuid": pa.array([source.organisation]),
        "IsActivated": pa.array(["true"]),
        "LastModifiedDate": days(np.array([extract_day(night) - 1])),
        "Disabled": pa.array(["false"]),
        "Deleted": pa.array(["false"]),
    }
    return Rows(file="Agreements_SharingOrganisation", columns=columns)


def organisations(source: Practice, *, only_own: bool) -> Rows:
    """The practice and, unless only its own row is wanted, those it deals with."""
    neighbours = () if only_own else _NEIGHBOURS
    others = [source.guid(kind, 1) for kind, _, _ in neighbours]
    length = 1 + len(others)
    columns = {
        "OrganisationGuid": pa.array([source.organisation, *others]),
        "CDB": pa.array([str(10_000 + source.number), *("" for _ in others)]),
        "OrganisationName": pa.array(
            [f"{STREETS[source.number % len(STREETS)]} Surgery", *(f"Made-up {kind}" for kind, _, _ in neighbours)]
        ),
        "ODSCode": pa.array([source.code, *(code for _, code, _ in neighbours)]),
        "CCGOrganisationGuid": constant(source.guid("board", 1), length),
        "OrganisationType": pa.array(["GP Practice", *(kind for _, _, kind in neighbours)]),
        "OpenDate": constant("1998-04-01", length),
    }
    return Rows(file="Admin_Organisation", columns=columns, facts=_not_about_a_patient("organisation", length))


def staff(source: Practice, who: Numbers) -> Rows:
    job = source.draws.below(len(_JOBS), "job", who)
    columns = {
        "UserInRoleGuid": picked(source.staff, who),
        "OrganisationGuid": constant(source.organisation, len(who)),
        "Title": constant("Dr", len(who)),
        "GivenName": picked(GIVEN, source.draws.below(len(GIVEN), "staff given", who)),
        "Surname": picked(FAMILY, source.draws.below(len(FAMILY), "staff family", who)),
        "JobCategoryCode": picked([code for code, _ in _JOBS], job),
        "JobCategoryName": picked([name for _, name in _JOBS], job),
        "ContractStartDate": constant("2015-04-01", len(who)),
    }
    return Rows(file="Admin_UserInRole", columns=columns, facts=_not_about_a_patient("staff_role", len(who)))


def patients(source: Practice, who: Numbers, night: int) -> Rows:
    """Patients as they are on a night."""
    people, length = source.roster, len(who)
    given, family = picked(people.given, who), picked(people.family, who)
    moved = (people.moved_on <= night)[who]
    columns = {
        "PatientGuid": source.guids("patient", who),
        "OrganisationGuid": constant(source.organisation, length),
        "UsualGpUserInRoleGuid": source.staff_picked("usual", who, np.zeros(length, np.int64)),
        "Sex": picked(list(SEXES), people.sex[who]),
        "DateOfBirth": days(people.birth[who]),
        "DateOfDeath": days(died_by(people, night)[who]),
        "Title": constant("Mx", length),
        "GivenName": given,
        "MiddleNames": picked(GIVEN, source.draws.below(len(GIVEN), "middle", who)),
        "Surname": family,
        "DateOfRegistration": days(people.registered[who]),
        "NhsNumber": picked(people.nhs_number, who),
        "PatientNumber": picked(people.local_number, who),
        "PatientTypeDescription": picked(list(PATIENT_TYPES), people.type[who]),
        "DummyType": picked(["", "Dummy"], people.dummy[who].astype(np.int64)),
        "HouseNameFlatNumber": whole(np.where(moved, 7, 0) + source.draws.below(300, "house", who) + 1),
        "NumberAndStreet": picked(people.street, who),
        "Town": constant(TOWN, length),
        "County": constant(COUNTY, length),
        "Postcode": picked(ALL_POSTCODES, people.postcode[who]),
        "NHSNumberStatus": constant("Present and verified", length),
        "PersonGuid": source.guids("person", who),
        "DateOfDeactivation": days(left_by(people, night)[who]),
        "Deleted": constant("false", length),
        "SpineSensitive": booleans(people.spine_sensitive[who]),
        "IsConfidential": booleans((people.confidential_from <= night)[who]),
        **_contacts(source, who),
    }
    return Rows(file="Admin_Patient", columns=columns, facts=Facts.of("patient", who))


def _contacts(source: Practice, who: Numbers) -> dict[str, pa.Array]:
    people = source.roster
    mail = joined(
        picked(people.given, who),
        ".",
        picked(people.family, who),
        ".",
        picked(people.local_number, who),
        "@example.invalid",
    )
    return {"EmailAddress": mail, "HomePhone": home_phones(source, who), "MobilePhone": mobile_phones(source, who)}


def home_phones(source: Practice, who: Numbers) -> pa.Array:
    """01632 960000 to 960999: set aside by Ofcom for drama."""
    return joined(constant("01632 960", len(who)), picked(_LAST_THREE, source.draws.below(1_000, "home phone", who)))


def mobile_phones(source: Practice, who: Numbers) -> pa.Array:
    """07700 900000 to 900999: likewise."""
    return joined(constant("07700 900", len(who)), picked(_LAST_THREE, source.draws.below(1_000, "mobile phone", who)))


_LAST_THREE = pa.array([f"{n:03d}" for n in range(1_000)])


def sessions(source: Practice, serials: Numbers) -> Rows:
    day = extract_day(1) - 1 - source.draws.below(3_000, "session day", serials)
    columns = {
        "AppointmentSessionGuid": source.draws.guids("session", serials),
        "Description": constant("Morning surgery", len(serials)),
        "SessionTypeDescription": constant("Timed", len(serials)),
        "SessionCategoryDisplayName": constant("General", len(serials)),
        "StartDate": days(day),
        "StartTime": times(np.full(len(serials), 28_800)),
        "EndDate": days(day),
        "EndTime": times(np.full(len(serials), 64_800)),
        "Private": constant("false", len(serials)),
        "OrganisationGuid": constant(source.organisation, len(serials)),
        "Deleted": constant("false", len(serials)),
    }
    return Rows(file="Appointment_Session", columns=columns)


def session_users(source: Practice, serials: Numbers) -> Rows:
    columns = {
        "SessionGuid": source.draws.guids("session", serials),
        "UserInRoleGuid": source.staff_picked("session", serials, serials),
        "Deleted": constant("false", len(serials)),
    }
    return Rows(file="Appointment_SessionUser", columns=columns)


def clinical_codes(source: Practice) -> Rows:
    """The whole code table, with three codes of the practice's own into which somebody typed an NHS number."""
    shared = codes.CODES
    number = numbers_typed_as_codes(source)
    columns = {
        "CodeId": codes.CODE_IDS.slice(0, len(shared) + 3),
        "Term": pa.array([*(code.term for code in shared), "Local: one", "Local: two", "Local: three"]),
        "ReadTermId": pa.array([*(code.read for code in shared), number[0], "EMISNQTW1", ""]),
        "SnomedCTConceptId": pa.array([*(code.snomed for code in shared), "", "", number[2]]),
        "NationalCode": pa.array([*("" for _ in shared), "", number[1], ""]),
        "EmisCodeCategoryDescription": constant("Clinical", len(shared) + 3),
    }
    return Rows(file="Coding_ClinicalCode", columns=columns)


def numbers_typed_as_codes(source: Practice) -> list[str]:
    """NHS numbers of three ordinary patients of the practice; of the same one again where there are fewer."""
    patients = source.roster.cast.ordinary or [0]
    numbers = [source.roster.nhs_number[patient].as_py().replace(" ", "") for patient in patients[:3]]
    return (numbers * 3)[:3]


def drug_codes() -> Rows:
    columns = {
        "CodeId": codes.DRUG_IDS.slice(0, len(codes.DRUGS)),
        "Term": pa.array([drug.term for drug in codes.DRUGS]),
        "DmdProductCodeId": pa.array([drug.dmd for drug in codes.DRUGS]),
    }
    return Rows(file="Coding_DrugCode", columns=columns)


def _not_about_a_patient(table: str, length: int) -> Facts:
    return Facts.of(table, np.full(length, NOT_ABOUT_A_PATIENT))
