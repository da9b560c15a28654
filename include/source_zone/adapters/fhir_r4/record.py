"""A practice's entries as the mappings see them: whose they are, whether they stand, and how they refer to each other."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from source_zone.adapters.fhir_r4.codes import AllCodes, Codes, Found
from source_zone.adapters.fhir_r4.elements import Coded, Elements, instant
from source_zone.adapters.fhir_r4.policy import FieldPolicy
from source_zone.adapters.gp_connect.elements import PartialDate, a_text
from source_zone.identifier import Identifier, nhs_number_in
from source_zone.unshown import Unshown

STATUS_NOT_LIVE = "status_not_live"
MALFORMED_RESOURCE = "malformed_resource"
DELETED = "entered-in-error"

Row = dict[str, Any]
Rows = list[tuple[str, Row]]  # (table, row)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One resource, decoded, with every code of the line it came in. Its repr shows the type only."""

    kind: str
    resource: Any
    found: Found
    codes: Codes

    def __repr__(self) -> str:
        return f"Entry({self.kind})"


@dataclass(slots=True)
class Record:
    """What is known of the practice while its entries stream by."""

    policy: FieldPolicy
    elements: Elements = field(init=False)
    all_codes: AllCodes = field(init=False)
    left: Counter[str] = field(default_factory=Counter)
    registration_of: dict[Identifier, str] = field(default_factory=dict, repr=False)  # NHS number -> `Patient/id`
    medications: dict[str, tuple[Coded, str | None]] = field(default_factory=dict, repr=False)  # with further codes
    restricted_encounters: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.elements, self.all_codes = Elements(self.policy), AllCodes(self.policy)

    def name_of(self, entry: Entry) -> str | None:
        """`Type/id`; an export gives every resource an id, and what has none can never be corrected."""
        return self.name(entry.kind, entry.resource.id)

    def name(self, kind: str, own: object) -> str | None:
        return f"{kind}/{own}" if type(own) is str and self.policy.id.fullmatch(own) else None

    def codes(self, concept: Any, *, snomed_column: str = "snomed_concept_id") -> Coded:
        coded = self.elements.codes(concept, snomed_column=snomed_column)
        if coded.left:
            self.left.update(coded.left)
        return coded

    def registration(self, subject: Any) -> str | None:
        """The patient's own resource; by the NHS number where a server gives that in place of a reference."""
        name = self.elements.link(subject, "Patient")
        if name or subject is None or subject.identifier is None or subject.reference is not None:
            return name
        if subject.identifier.system != self.policy.nhs_number_system:
            return None
        number = nhs_number_in(a_text(subject.identifier.value))
        return self.registration_of.get(number) if number else None

    def event(
        self,
        entry: Entry,
        *,
        subject: Any,
        effective: PartialDate,
        recorded: object,
        staff: str | None,
        encounter: Any = None,
        status: object,
        faults: tuple[str | None, ...],
    ) -> Row:
        """The columns every event has; the first fault counts."""
        at, recorded_fault = instant(recorded) if recorded is not None else (None, None)
        encounter_id = self.elements.link(encounter, "Encounter") if encounter is not None else None
        fault = effective.fault or recorded_fault or next((each for each in faults if each), None)
        return {
            "record_id": self.name_of(entry),
            "is_deleted": status == DELETED,
            "registration_id": self.registration(subject),
            "effective_date": effective.value,
            "effective_date_precision": effective.precision,
            "recorded_at": at,
            "staff_role_id": staff,
            "encounter_id": encounter_id,
            "is_confidential": encounter_id in self.restricted_encounters
            or self.elements.is_restricted(entry.resource),
            "fault": fault or self._not_live(entry.kind, status),
        }

    def _not_live(self, kind: str, status: object) -> str | None:
        live = self.policy.live_statuses.get(kind)
        return None if live is None or (type(status) is str and status in live) else STATUS_NOT_LIVE

    def medication(self, resource: Any) -> tuple[Coded, str | None]:
        """The drug, and its further codes: written in place, contained, or a resource of the export."""
        if resource.medicationReference is None or resource.medicationCodeableConcept is not None:
            return self.codes(resource.medicationCodeableConcept, snomed_column="dmd_code"), None
        pointer = resource.medicationReference.reference
        if isinstance(pointer, str) and pointer.startswith("#"):
            return self.codes(self._contained(resource.contained, pointer[1:]), snomed_column="dmd_code"), None
        name = self.elements.link(resource.medicationReference, "Medication")
        return self.medications.get(name or "", (Coded({}, (), "unknown_code"), None))

    def _contained(self, contained: Any, own: str) -> Any:
        try:
            held = msgspec.json.decode(contained or b"[]", type=list[_Contained])
            code = next((each.code for each in held if each.id == own), None)
            return msgspec.json.decode(code, type=self.policy.concept) if code is not None and bytes(code) else None
        except msgspec.DecodeError:
            return None


class _Contained(Unshown, gc=False):
    """Of a contained resource only what says which it is, and the drug."""

    id: Any = None
    code: msgspec.Raw = msgspec.Raw()


def of_concept(concept: Any) -> set[str]:
    """All codes of a concept, of whatever system: to tell FHIR's own short lists apart, not to keep."""
    return {str(each.code) for each in concept.coding or ()} if concept is not None else set()


def of_concepts(concepts: Any) -> list[str]:
    return sorted({code for each in concepts or () for code in of_concept(each)})


def verification(resource: Any) -> str:
    """The status of what is said to be so: FHIR leaves it out where nobody doubts it."""
    said = of_concept(resource.verificationStatus)
    return DELETED if DELETED in said else next(iter(sorted(said - {"confirmed"})), "confirmed")
