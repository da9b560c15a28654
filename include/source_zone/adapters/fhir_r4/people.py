"""The practice's organisations, staff and patients. A patient's registration can come in a resource of its own.

A night brings only what changed, so what a patient's row is made of is remembered.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from source_zone.adapters.fhir_r4.elements import when
from source_zone.adapters.fhir_r4.record import DELETED, Entry, Record, Row, Rows, of_concepts
from source_zone.adapters.gp_connect.elements import MALFORMED_CODE, PartialDate, a_text, code_text
from source_zone.identified import schema
from source_zone.identifier import Identifier, Reason, identifier_in, nhs_number_in

PATIENTS, EPISODES, ORGANISATIONS = "fhir_patients", "fhir_episodes", "fhir_organisations"
DEATH_WITHOUT_DATE = "death_without_date"
ELSEWHERE = "other"  # a word of no registration that is collected
_NO_EPISODE = (DELETED, "planned", "cancelled")
_EPISODE = pa.schema(
    [
        *((name, pa.string()) for name in ("episode", "patient", "registration_type", "fault")),
        *((name, pa.date32()) for name in ("registered_date", "registration_end_date")),
    ]
)
_OVERLAID = ("registered_date", "registration_end_date", "registration_type")


@dataclass(slots=True)
class People:
    """Who and where, by `Type/id`."""

    practice_code: str
    record: Record
    _patients: dict[str, Row] = field(default_factory=dict, repr=False)
    _episodes: dict[str, Row] = field(default_factory=dict, repr=False)
    _codes_of_organisations: dict[str, str] = field(default_factory=dict, repr=False)
    _changed: set[str] = field(default_factory=set, repr=False)  # patients whose episodes changed

    def remember(self, tables: dict[str, pa.Table]) -> None:
        """Takes in what earlier nights left behind."""
        self._patients = {row["record_id"]: row for row in _rows(tables, PATIENTS)}
        self._episodes = {row["episode"]: row for row in _rows(tables, EPISODES)}
        self._codes_of_organisations = {row["name"]: row["ods_code"] for row in _rows(tables, ORGANISATIONS)}
        for name, row in self._patients.items():
            self._note_number(name, row)

    def tables(self) -> dict[str, pa.Table]:
        codes = self._codes_of_organisations
        return {
            PATIENTS: pa.Table.from_pylist(list(self._patients.values()), schema=schema("patient")),
            EPISODES: pa.Table.from_pylist(list(self._episodes.values()), schema=_EPISODE),
            ORGANISATIONS: pa.table(
                {"name": pa.array(list(codes), pa.string()), "ods_code": pa.array(list(codes.values()), pa.string())}
            ),
        }

    def organisation(self, entry: Entry, record: Record) -> Rows:
        resource, name = entry.resource, record.name_of(entry)
        ods = self._ods_code(resource.identifier)
        malformed = ods is not None and not record.policy.code.fullmatch(ods)
        if name and ods and not malformed:
            self._codes_of_organisations[name] = ods
        row: Row = {
            "record_id": name,
            "is_deleted": False,
            "ods_code": None if malformed else ods,
            "organisation_type": record.policy.word("organisation_type", *of_concepts(resource.type)),
            "is_confidential": record.elements.is_restricted(resource),
            "fault": MALFORMED_CODE if malformed else None,
        }
        return [("organisation", row)]

    def practitioner(self, entry: Entry, record: Record) -> Rows:
        confidential = record.elements.is_restricted(entry.resource)
        row: Row = {"record_id": record.name_of(entry), "is_deleted": False, "is_confidential": confidential}
        return [("staff_role", row)]

    def practitioner_role(self, entry: Entry, record: Record) -> Rows:
        ((table, row),) = self.practitioner(entry, record)
        code = next(iter(of_concepts(entry.resource.code)), None)
        malformed = code is not None and not record.policy.code.fullmatch(code)
        own = {"job_category_code": None if malformed else code, "fault": MALFORMED_CODE if malformed else None}
        return [(table, row | own)]

    def episode(self, entry: Entry, record: Record) -> Rows:
        """Joined to its patient, who comes after it."""
        resource = entry.resource
        name, patient = record.name_of(entry), record.registration(resource.patient)
        record.left["EpisodeOfCare"] += name is None or patient is None
        if name is None or patient is None:
            return []
        self._changed |= {patient, self._episodes.get(name, {}).get("patient", patient)}
        start, end = _period(resource.period)
        here = resource.managingOrganization is None or self._is_here(resource.managingOrganization)
        kinds = of_concepts(resource.type)
        kind = record.policy.word("registration_type", *kinds) if kinds else "regular"
        self._episodes[name] = {
            "episode": name,
            "patient": patient,
            "registered_date": start.value,
            "registration_end_date": end.value,
            "registration_type": kind if here else ELSEWHERE,
            "fault": start.fault or end.fault,
        }
        if resource.status in _NO_EPISODE:
            del self._episodes[name]
        return []

    def forget_episode(self, name: str) -> None:
        known = self._episodes.pop(name, None)
        if known:
            self._changed.add(known["patient"])

    def forget_patient(self, name: str) -> None:
        self._patients.pop(name, None)

    def patient(self, entry: Entry, record: Record) -> Rows:
        row = self._patient(entry, record)
        name = row["record_id"]
        if name is not None:
            self._patients[name] = row
            self._note_number(name, row)
            self._changed.discard(name)
        return [("patient", self._with_episode(row))]

    def changed(self) -> Rows:
        """Patients of earlier nights whose registration changed and who themselves did not."""
        names = sorted(self._changed & self._patients.keys())
        self._changed.clear()
        return [("patient", self._with_episode(self._patients[name])) for name in names]

    def _note_number(self, name: str, row: Row) -> None:
        number = nhs_number_in(row["nhs_number"])
        if number:
            self.record.registration_of[number] = name

    def _patient(self, entry: Entry, record: Record) -> Row:
        resource, elements, policy = entry.resource, record.elements, record.policy
        number = identifier_in(_value_of(policy.nhs_number_system, resource.identifier))
        name, labels = record.name_of(entry), elements.labels(resource)
        born, died, postcode = when(resource.birthDate), when(resource.deceasedDateTime), _postcode(resource)
        registered, ended, kind = self._registration(resource)
        dead_since_when = resource.deceasedBoolean not in (None, False) and died.value is None
        faults = (
            born.fault,
            died.fault,
            registered.fault,
            ended.fault,
            DEATH_WITHOUT_DATE if dead_since_when else None,
        )
        return {
            "record_id": name,
            "is_deleted": False,
            "registration_id": name,
            "sex": policy.word("sex", resource.gender),
            "registered_date": registered.value,
            "registration_end_date": ended.value,
            "registration_type": kind,
            "nhs_number": number.reveal(Reason.COLUMN) if number else None,
            "date_of_birth": born.value,
            "date_of_death": died.value,
            "postcode": postcode.reveal(Reason.COLUMN) if postcode else None,
            "is_test_patient": bool(labels & policy.test_labels),
            "is_confidential": bool(labels - policy.harmless_labels - policy.test_labels),
            "fault": next((fault for fault in faults if fault), None),
        }

    def _registration(self, patient: Any) -> tuple[PartialDate, PartialDate, str | None]:
        """Without details of another kind, whoever is with this practice is regular. None: nobody can tell."""
        elements = self.record.elements
        details = elements.extension(patient, "RegistrationDetails")
        period = elements.extension(details, "registrationPeriod")
        start, end = _period(period.valuePeriod if period is not None else None)
        kind = elements.extension(details, "registrationType")
        said = of_concepts([kind.valueCodeableConcept]) if kind is not None and kind.valueCodeableConcept else []
        word = self.record.policy.word("registration_type", *said)
        practices = [
            *([patient.managingOrganization] if patient.managingOrganization else []),
            *(patient.generalPractitioner or ()),
        ]
        codes = {code for each in practices if (code := self._code_of(each))}
        if patient.active not in (None, True) or (codes and self.practice_code not in codes):
            return start, end, ELSEWHERE
        return start, end, word or ("regular" if codes else None)

    def _with_episode(self, row: Row) -> Row:
        """The latest episode, where the patient's own details do not say it."""
        own = (
            [each for each in self._episodes.values() if each["patient"] == row["record_id"]] if self._episodes else []
        )
        if not own or row["registered_date"] is not None or row["registration_type"] == ELSEWHERE:
            return row
        latest = max(own, key=lambda each: (str(each["registered_date"] or ""), each["episode"]))
        return row | {name: latest[name] for name in _OVERLAID} | {"fault": row["fault"] or latest["fault"]}

    def _is_here(self, reference: Any) -> bool:
        return self._code_of(reference) == self.practice_code

    def _code_of(self, reference: Any) -> str | None:
        """The practice's national code behind a reference, or written in its place."""
        name = self.record.elements.link(reference, "Organization")
        known = self._codes_of_organisations.get(name or "")
        return known or self._ods_code([reference.identifier] if reference.identifier is not None else None)

    def _ods_code(self, identifiers: Any) -> str | None:
        value = _value_of(self.record.policy.ods_code_system, identifiers)
        return code_text(value).upper() or None if value is not None else None


def _rows(tables: dict[str, pa.Table], name: str) -> Iterator[Row]:
    if name in tables:
        yield from tables[name].to_pylist()


def _value_of(system: str, identifiers: Any) -> str | None:
    """As written. Whether it is valid is asked where it matters."""
    return next((a_text(each.value) for each in identifiers or () if each.system == system), None)


def _period(period: Any) -> tuple[PartialDate, PartialDate]:
    return (when(period.start), when(period.end)) if period is not None else (PartialDate(), PartialDate())


def _postcode(patient: Any) -> Identifier | None:
    """Of the home now; an old or temporary address is not where somebody lives."""
    for each in patient.address or ():
        ended = each.period is not None and each.period.end is not None
        if each.use in (None, "home") and not ended and (found := identifier_in(a_text(each.postalCode))):
            return found
    return None
