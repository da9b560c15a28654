"""Patients, organisations and staff as resources of GP Connect's Structured record."""

from simulator.formats.gp_connect.elements import UK_SITE, Cells, Resource, label, plain, reference, without_blanks

_GENDERS = {"M": "male", "F": "female", "U": "unknown", "I": "other"}
_REGISTRATIONS = {"Regular": "R", "Temporary": "T", "Private": "P", "Emergency": "E", "Walk-In Patient": "W"}
_ORGANISATIONS = {"GP Practice": "gp-practice", "Hospital": "hospital", "Pharmacy": "pharmacy", "ICB": "icb"}


def patient(cells: Cells, confidential: bool) -> Resource:
    identifiers = [{"system": "urn:local", "value": cells["PatientNumber"]}]
    if cells["NhsNumber"]:
        identifiers.insert(0, {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": cells["NhsNumber"]})
    kind = "S" if cells["DummyType"] else _REGISTRATIONS[cells["PatientTypeDescription"]]
    period = without_blanks(start=cells["DateOfRegistration"], end=cells["DateOfDeactivation"])
    details = [
        {"url": "registrationPeriod", "valuePeriod": period},
        {"url": "registrationType", "valueCodeableConcept": {"coding": [{"code": kind}]}},
    ]
    given = [cells["GivenName"], cells["MiddleNames"]]
    lines = [f"{cells['HouseNameFlatNumber']} {cells['NumberAndStreet']}", cells["Town"], cells["County"]]
    return without_blanks(
        resourceType="Patient",
        id=plain(cells["PatientGuid"]),
        meta=label(confidential),
        identifier=identifiers,
        extension=[{"url": f"{UK_SITE}RegistrationDetails-1", "extension": details}],
        name=[{"use": "official", "family": cells["Surname"], "given": given, "prefix": [cells["Title"]]}],
        telecom=[{"system": "phone", "value": cells[name]} for name in ("HomePhone", "MobilePhone")],
        gender=_GENDERS[cells["Sex"]],
        birthDate=cells["DateOfBirth"],
        deceasedDateTime=cells["DateOfDeath"],
        address=[{"use": "home", "line": lines, "postalCode": cells["Postcode"]}],
        managingOrganization=reference("Organization", cells["OrganisationGuid"]),
    )


def organisation(cells: Cells) -> Resource:
    ods = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": cells["ODSCode"]}
    return {
        "resourceType": "Organization",
        "id": plain(cells["OrganisationGuid"]),
        "identifier": [ods],
        "name": cells["OrganisationName"],
        "type": [{"coding": [{"code": _ORGANISATIONS[cells["OrganisationType"]]}]}],
    }


def practitioner(cells: Cells) -> Resource:
    name = {"use": "official", "family": cells["Surname"], "given": [cells["GivenName"]]}
    return {"resourceType": "Practitioner", "id": plain(cells["UserInRoleGuid"]), "name": [name]}


def practitioner_role(cells: Cells) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": f"{plain(cells['UserInRoleGuid'])}-role",
        "practitioner": reference("Practitioner", cells["UserInRoleGuid"]),
        "organization": reference("Organization", cells["OrganisationGuid"]),
        "code": [{"coding": [{"code": cells["JobCategoryCode"]}]}],
    }


def is_patient(resource: Resource) -> bool:
    return bool(resource["resourceType"] == "Patient")
