"""The pieces that resources of GP Connect's Structured record are put together from."""

from collections.abc import Mapping
from datetime import date
from typing import Any

Cells = Mapping[str, str]
Resource = dict[str, Any]
Coding = list[dict[str, str]]

SITE = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
UK_SITE = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-"
SNOMED = "http://snomed.info/sct"
_PRECISION = {"Y": 4, "YM": 7, "YMD": 10, "YMDT": 10, "U": 0, "": 10}
_PATIENT_ELEMENT = {"Immunization": "patient", "AllergyIntolerance": "patient"}


def plain(guid: str) -> str:
    return guid.strip("{}").lower()


def reference(kind: str, guid: str) -> Resource | None:
    return {"reference": f"{kind}/{plain(guid)}"} if guid else None


def of_patient(kind: str, cells: Cells, guid: str, **elements: object) -> Resource:
    subject = {_PATIENT_ELEMENT.get(kind, "subject"): reference("Patient", cells["PatientGuid"])}
    meta = label(cells.get("IsConfidential") == "true")
    return without_blanks(resourceType=kind, id=plain(guid), meta=meta, **subject, **elements)


def label(confidential: bool) -> Resource | None:
    return {"security": [{"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "R"}]} if confidential else None


def concept(coding: Coding) -> Resource:
    return {"coding": coding} if coding else {"text": "Not coded"}


def staff(cells: Cells) -> Resource | None:
    return reference("Practitioner", cells["ClinicianUserInRoleGuid"])


def effective(cells: Cells) -> str:
    """As much of the date as is meant; the whole of what is no date."""
    day = cells["EffectiveDate"]
    return day[: _PRECISION[cells["EffectiveDatePrecision"]]] if is_date(day) else day


def is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def entered(cells: Cells) -> str:
    return moment(cells["EnteredDate"], cells["EnteredTime"])


def moment(day: str, time: str) -> str:
    return f"{day}T{time}Z" if day and time else day


def number(text: str) -> float | int | str | None:
    """A number, or what was typed where one belongs."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def value_of(number: object) -> Resource | None:
    return None if number is None else {"value": number}


def note(text: str) -> list[Resource] | None:
    return [{"text": text}] if text else None


def extension(name: str, kind: str, value: object) -> Resource:
    return {"url": name, f"value{kind}": value}


def without_blanks(**elements: object) -> Resource:
    return {name: value for name, value in elements.items() if value not in (None, "", {}, [])}
