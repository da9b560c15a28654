"""Patients, organisations and staff as UK Core R4 resources."""

from simulator.formats.fhir_r4.elements import (
    UK_SITE,
    Cells,
    Resource,
    label,
    reference,
    resource,
    without_blanks,
    word,
)

_GENDERS = {"M": "male", "F": "female", "U": "unknown", "I": "other"}
_REGISTRATIONS = {"Regular": "R", "Temporary": "T", "Private": "P", "Emergency": "E", "Walk-In Patient": "walk_in"}
_ORGANISATIONS = {"GP Practice": "gp-practice", "Hospital": "hospital", "Pharmacy": "pharmacy", "ICB": "icb"}


def patient(cells: Cells) -> Resource:
    made = resource(
        "Patient",
        cells["PatientGuid"],
        cells,
        text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{cells["Surname"]}</div>'},
        identifier=_identifiers(cells),
        extension=[{"url": f"{UK_SITE}RegistrationDetails", "extension": _registration(cells)}],
        active=True,
        name=[{"use": "official", "family": cells["Surname"], "given": [cells["GivenName"], cells["MiddleNames"]]}],
        telecom=[{"system": "phone", "value": cells[name]} for name in ("HomePhone", "MobilePhone")],
        gender=_GENDERS[cells["Sex"]],
        birthDate=cells["DateOfBirth"],
        deceasedDateTime=cells["DateOfDeath"],
        address=[_home(cells)],
        generalPractitioner=[reference("PractitionerRole", cells["UsualGpUserInRoleGuid"])],
        managingOrganization=reference("Organization", cells["OrganisationGuid"]),
    )
    if cells["DummyType"]:
        labels = made.setdefault("meta", {}).setdefault("security", [])
        labels += label("HTEST", "v3-ActReason")
    return made


def _identifiers(cells: Cells) -> list[Resource]:
    own = [{"system": "https://supplier.example.invalid/patient-number", "value": cells["PatientNumber"]}]
    if not cells["NhsNumber"]:
        return own
    return [{"use": "official", "system": "https://fhir.nhs.uk/Id/nhs-number", "value": cells["NhsNumber"]}, *own]


def _registration(cells: Cells) -> list[Resource]:
    period = without_blanks(start=cells["DateOfRegistration"], end=cells["DateOfDeactivation"])
    return [
        {"url": "registrationPeriod", "valuePeriod": period},
        {"url": "registrationType", "valueCodeableConcept": word(_REGISTRATIONS[cells["PatientTypeDescription"]])},
    ]


def _home(cells: Cells) -> Resource:
    lines = [f"{cells['HouseNameFlatNumber']} {cells['NumberAndStreet']}"]
    return without_blanks(use="home", line=lines, city=cells["Town"], postalCode=cells["Postcode"])


def organisation(cells: Cells) -> Resource:
    return resource(
        "Organization",
        cells["OrganisationGuid"],
        cells,
        identifier=[{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": cells["ODSCode"]}],
        name=cells["OrganisationName"],
        type=[word(_ORGANISATIONS[cells["OrganisationType"]])],
    )


def practitioner_role(cells: Cells) -> Resource:
    return resource(
        "PractitionerRole",
        cells["UserInRoleGuid"],
        cells,
        practitioner={"display": f"{cells['Title']} {cells['GivenName']} {cells['Surname']}"},
        organization=reference("Organization", cells["OrganisationGuid"]),
        code=[word(cells["JobCategoryCode"])],
    )
