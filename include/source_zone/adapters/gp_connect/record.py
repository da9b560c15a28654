"""One patient's record as the mappings see it: whose it is, what its entries are called, and how they refer to each other."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from source_zone.adapters.gp_connect.all_codes import all_codes
from source_zone.adapters.gp_connect.bundles import Bundle
from source_zone.adapters.gp_connect.codes import codes
from source_zone.adapters.gp_connect.elements import (
    Element,
    PartialDate,
    a_dict,
    a_text,
    dicts,
    extensions,
    first_extension,
    instant,
    reference,
)
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.labels import is_restricted
from source_zone.adapters.gp_connect.links import parents, problems
from source_zone.adapters.gp_connect.lists import Completeness, completeness
from source_zone.adapters.gp_connect.owner import Owner
from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.adapters.gp_connect.practice import PracticeFacts
from source_zone.adapters.gp_connect.registration import registration

PATIENT_NOT_IN_BUNDLE = "patient_not_in_bundle"
DELETED = "entered-in-error"
_NOTHING: Element = {}
Row = dict[str, Any]
Rows = Iterator[tuple[str, Row]]  # (table, row)


class Record:
    """The entries of one bundle, with names that stay the same from night to night."""

    def __init__(self, bundle: Bundle, policy: FieldPolicy) -> None:
        self.policy = policy
        self.left: Counter[str] = Counter()
        self.entries = bundle.entries
        self._codes: dict[int, frozenset[str]] = {}
        self._drug_codes: dict[int, frozenset[str]] = {}
        self._owner = Owner(bundle.patient, policy)
        self.registration_id, self.registration_fault = registration(bundle.patient, policy)

    @cached_property
    def requests(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self._of_kind("MedicationRequest"))

    @cached_property
    def _medications(self) -> dict[str, Element]:
        """By id as it is written: suppliers also make ids of a drug's name, in characters an id may not have."""
        return {f"Medication/{entry.resource.get('id')}": entry.resource for entry in self._of_kind("Medication")}

    @cached_property
    def completeness(self) -> Completeness:
        return completeness(self.entries, self.policy)

    def _of_kind(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]

    def id_of(self, name: str | None) -> str | None:
        """The record id behind a `Type/id`, bound to the registration: suppliers' test copies share ids."""
        return f"{self.registration_id}|{name}" if name else None

    def link(self, value: object, *kinds: str) -> str | None:
        """The record id that a reference points to, if it is one of these kinds."""
        name = reference(value, self.policy)
        return self.id_of(name) if name and name.partition("/")[0] in kinds else None

    def organisation(self, candidates: Iterable[object]) -> str | None:
        """The first organisation among them; services and people are not read."""
        names = (reference(each, self.policy) or "" for each in candidates)
        return next((name for name in names if name.startswith("Organization/")), None)

    def codes(self, concept: object, *, snomed_column: str = "snomed_concept_id") -> tuple[dict[str, str], str | None]:
        """(code columns, fault)"""
        coded = codes(concept, self.policy, snomed_column=snomed_column)
        if coded.left:
            self.left.update(coded.left)
        return coded.columns, coded.fault

    def leave(self, what: str, how_many: int = 1) -> None:
        """Counts what is known, read and left at the source."""
        if how_many:
            self.left[what] += how_many

    def of_problem(self, entry: Entry) -> Row:
        return {"problem_id": self.id_of(self.problem_of.get(entry.name))}

    def medication(self, resource: Element) -> object:
        """The concept of the drug: written in place, contained, or a resource of the bundle."""
        if resource.get("medicationReference") is None:
            return resource.get("medicationCodeableConcept")
        if "medicationCodeableConcept" in resource:
            return resource["medicationCodeableConcept"]
        pointer = a_dict(resource.get("medicationReference")).get("reference")
        for contained in dicts(resource.get("contained")):
            if pointer == f"#{contained.get('id')}":
                return contained.get("code")
        name = "/".join((a_text(pointer) or "").split("/_history/")[0].split("/")[-2:])
        return self._medications.get(name, _NOTHING).get("code")

    def is_deleted(self, resource: Element) -> bool:
        """What does not surely name the patient deletes nothing that surely is theirs."""
        return _says_deleted(resource) and self._owner.owns(resource)

    def dissent_ids(self) -> Iterator[str]:
        """Record ids of the entries that say, anywhere in them, that the patient objects."""
        for entry in self._with_consent_codes:
            if not self.policy.dissent_codes.isdisjoint(self.all_codes(entry)) and not self.is_deleted(entry.resource):
                yield f"{self.registration_id}|{entry.name}"

    @cached_property
    def _with_consent_codes(self) -> list[Entry]:
        return [entry for entry in self.entries if self.has_consent_code(entry)]

    def has_consent_codes(self) -> bool:
        return bool(self._with_consent_codes)

    def has_consent_code(self, entry: Entry) -> bool:
        return not self.policy.consent_codes.isdisjoint(self.all_codes(entry))

    def all_codes(self, entry: Entry) -> frozenset[str]:
        """Also of what repeats it and what it repeats, and of the drug it points to."""
        found = self._codes.get(id(entry))
        if found is None:
            found = self._codes[id(entry)] = self._found_codes(entry)
        return found

    def _found_codes(self, entry: Entry) -> frozenset[str]:
        twins = self._twins.get(entry.name)
        drug = self.medication(entry.resource) if "medicationReference" in entry.resource else None
        found = entry.codes.union(*(twin.codes for twin in twins)) if twins else entry.codes
        return found | self._codes_of_drug(drug) if drug else found

    def _codes_of_drug(self, drug: object) -> frozenset[str]:
        """A bundle lists a drug once, and points to it; the drug is a part of the record, so its place in memory is its own."""
        found = self._drug_codes.get(id(drug))
        if found is None:
            found = self._drug_codes[id(drug)] = all_codes(drug, self.policy)
        return found

    def restricted_ids(self) -> Iterator[str]:
        """Record ids that a label of this bundle keeps confidential, and with each what it merely repeats."""
        for entry in self.entries:
            if is_restricted(entry.resource, self.policy):
                yield from self._with_twins(entry)

    def _with_twins(self, entry: Entry) -> Iterator[str]:
        yield from (f"{self.registration_id}|{name}" for name in (entry.name, *self._repeats(entry)))

    def _repeats(self, entry: Entry) -> list[str]:
        """The names of entries that this one says once more."""
        pointers = [each.get("valueReference") for each in extensions(entry.resource, "ActualProblem")]
        if entry.kind == "MedicationStatement":
            pointers += dicts(entry.resource.get("basedOn"))
        return [name for each in pointers if (name := reference(each, self.policy))]

    @cached_property
    def _twins(self) -> dict[str, list[Entry]]:
        """By name, what is said once more elsewhere in the bundle: a problem and its entry, a drug and its statement."""
        by_name = {entry.name: entry for entry in self.entries}
        twins: dict[str, list[Entry]] = {}
        for entry in self.entries:
            for name in self._repeats(entry):
                twins.setdefault(name, []).append(entry)
                if name in by_name:
                    twins.setdefault(entry.name, []).append(by_name[name])
        return twins

    def event(
        self,
        entry: Entry,
        practice: PracticeFacts,
        *,
        effective: PartialDate,
        recorded: object,
        staff: Iterable[object],
        faults: Iterable[str | None],
    ) -> Row:
        """The columns every event has; the first fault counts. What does not surely name the patient stays here, under

        the patient, as it may be a dissent; its id is apart.
        """
        resource = entry.resource
        record_id, encounter_id = self.id_of(entry.name), self._encounter(resource)
        at, recorded_fault = instant(recorded)
        surely = self._owner.owns(resource)
        not_surely = None if surely else PATIENT_NOT_IN_BUNDLE
        return {
            "record_id": record_id if surely else f"{record_id}|not-surely-theirs",
            "is_deleted": surely and _says_deleted(resource),
            "registration_id": self.registration_id,
            "effective_date": effective.value,
            "effective_date_precision": effective.precision,
            "recorded_at": at,
            "staff_role_id": self.staff(staff, practice),
            "encounter_id": encounter_id,
            "is_confidential": self._is_confidential(resource, practice, {record_id, encounter_id}),
            "fault": effective.fault or recorded_fault or not_surely or next(filter(None, faults), None),
        }

    def _is_confidential(self, resource: Element, practice: PracticeFacts, ids: set[str | None]) -> bool:
        """By its own label, or that of its encounter or of the entry that it repeats."""
        if not practice.confidential_ids:
            return False
        repeated = first_extension(resource, "ActualProblem").get("valueReference")
        ids.add(self.link(repeated, "Observation", "AllergyIntolerance", "Immunization"))
        return not practice.confidential_ids.isdisjoint(ids)

    def _encounter(self, resource: Element) -> str | None:
        context = resource.get("context")
        for each in (a_dict(context).get("encounter"), context, resource.get("encounter")):
            if each is not None and (link := self.link(each, "Encounter")):
                return link
        if "extension" not in resource:
            return None
        return self.link(first_extension(resource, "associatedEncounter").get("valueReference"), "Encounter")

    def staff(self, people: Iterable[object], practice: PracticeFacts) -> str | None:
        """The first practitioner among them. Patients and relatives are not staff."""
        for person in people:
            name = reference(person, self.policy) or ""
            name = practice.practitioner_of_role.get(name, name)
            if name.startswith("Practitioner/"):
                return name
        return None

    @cached_property
    def parent_of(self) -> dict[str, str]:
        return parents(self.entries, self.policy)

    @cached_property
    def problem_of(self) -> dict[str, str]:
        return problems(self.entries, self.policy)


def _says_deleted(resource: Element) -> bool:
    return DELETED in (resource.get("status"), resource.get("verificationStatus"))
