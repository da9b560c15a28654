"""Under which registration a patient's record is kept: the same from night to night, whatever its file is called."""

import hashlib
import json

from source_zone.adapters.gp_connect.elements import Element, a_text, dicts
from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.identifier import Identifier, Reason, identifier_in, nhs_number_in

NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
UNIDENTIFIED_PATIENT = "unidentified_patient"


def nhs_number(patient: Element) -> Identifier | None:
    """As written. Whether it is valid is asked where it matters."""
    for identifier in dicts(patient.get("identifier")):
        if identifier.get("system") == NHS_NUMBER_SYSTEM:
            return identifier_in(a_text(identifier.get("value")))
    return None


def valid_nhs_number(patient: Element) -> Identifier | None:
    """The same where it is one: ten digits with a right check digit."""
    written = nhs_number(patient)
    return nhs_number_in(written.reveal(Reason.COLUMN)) if written else None


def registration(patient: Element, policy: FieldPolicy) -> tuple[str, str | None]:
    """(registration id, fault): the NHS number, else the practice's own id of the patient, else another identifier.

    A number gained later makes a new registration. The whole record comes each night, so its dissent comes under the
    new one too. Who has none of the three has no registration that lasts: the fault keeps all of it at the source.
    """
    number = valid_nhs_number(patient)
    if number:
        return number.reveal(Reason.COLUMN), None
    own = patient.get("id")
    if isinstance(own, str) and policy.id.fullmatch(own):
        return f"Patient/{own}", None
    local = _local_identifiers(patient)
    if own or local:
        return f"Patient/hashed-{_hash([own] if own else local[0])}", None
    return f"Patient/content-{_hash(patient)}", UNIDENTIFIED_PATIENT


def _local_identifiers(patient: Element) -> list[list[str]]:
    """In order of their text, as suppliers promise none."""
    found = [(a_text(each.get("system")) or "", a_text(each.get("value"))) for each in dicts(patient.get("identifier"))]
    return sorted([system, value] for system, value in found if value and system != NHS_NUMBER_SYSTEM)


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
