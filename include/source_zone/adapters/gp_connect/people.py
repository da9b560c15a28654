"""The practice's organisations, staff and patients, gathered over all bundles: most come in many of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from source_zone.adapters.gp_connect.bundles import Bundle
from source_zone.adapters.gp_connect.elements import (
    MALFORMED_CODE,
    Element,
    a_dict,
    a_text,
    codes_of,
    dicts,
    first_extension,
    partial_date,
    reference,
)
from source_zone.adapters.gp_connect.labels import is_restricted
from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.adapters.gp_connect.record import Record, Row
from source_zone.adapters.gp_connect.registration import nhs_number
from source_zone.identifier import Identifier, Reason, identifier_in

ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"
DEATH_WITHOUT_DATE = "death_without_date"
TWO_PATIENTS_WITH_ONE_ID = "two_patients_with_one_id"
SYNTHETIC_RECORD = "S"  # CareConnect-RegistrationType-1
_REASONS_TO_STAY = ("is_confidential", "is_test_patient", "fault")
SHARED_KINDS = frozenset({"Organization", "Practitioner", "PractitionerRole", "Patient"})


@dataclass(slots=True)
class People:
    """Who and where, by id. What comes again is counted, not repeated; any bundle can mark a patient confidential."""

    policy: FieldPolicy
    again: Counter[str] = field(default_factory=Counter)
    _rows: dict[str, dict[str, Row]] = field(default_factory=lambda: {kind: {} for kind in SHARED_KINDS}, repr=False)
    _as_of: dict[str, datetime] = field(default_factory=dict, repr=False)

    def take(self, bundle: Bundle, record: Record, as_of: datetime) -> None:
        """`as_of` is when the record was taken: of several records of one person, the newest one describes them."""
        for entry in bundle.entries:
            if entry.kind in SHARED_KINDS:
                restricted = {"is_confidential": is_restricted(entry.resource, self.policy)}
                if entry.kind == "Patient":
                    self._keep_patient(restricted | self._patient(entry.resource), record, as_of)
                else:
                    row = self._role(entry.resource) if entry.kind == "PractitionerRole" else {}
                    row = self._organisation(entry.resource) if entry.kind == "Organization" else row
                    self._keep(entry.kind, entry.name, restricted | row)

    def _keep_patient(self, patient: Row, record: Record, as_of: datetime) -> None:
        who = record.registration_id
        doubt = record.registration_fault or self._another_born(who, patient)
        patient["fault"] = patient["fault"] or doubt
        is_newer = as_of >= self._as_of.get(who, as_of)
        self._as_of[who] = max(as_of, self._as_of.get(who, as_of))
        self._keep("Patient", who, patient)
        if is_newer:
            facts = {name: value for name, value in patient.items() if name not in _REASONS_TO_STAY}
            self._rows["Patient"][who].update(facts)

    def _keep(self, kind: str, identifier: str, row: Row) -> None:
        known = self._rows[kind].setdefault(identifier, row)
        if known is not row:
            self.again[f"repeated_{kind}"] += 1
            known.update({name: row[name] for name in _REASONS_TO_STAY if row.get(name)})

    def _another_born(self, registration_id: str, patient: Row) -> str | None:
        """Suppliers' copies share local ids. Where one id has two dates of birth, nothing of either person leaves."""
        known = self._rows["Patient"].get(registration_id, patient)
        same = not registration_id.startswith("Patient/") or known["date_of_birth"] == patient["date_of_birth"]
        return None if same else TWO_PATIENTS_WITH_ONE_ID

    def practitioner_of_role(self) -> dict[str, str]:
        roles = self._rows["PractitionerRole"].items()
        return {name: role["practitioner"] for name, role in roles if role["practitioner"]}

    def shared_rows(self) -> Iterator[tuple[str, Row]]:
        """Organisations, then staff."""
        for name, row in self._rows["Organization"].items():
            yield "organisation", {"record_id": name, "is_deleted": False} | row
        for row in self._staff_roles():
            yield "staff_role", row

    def patient_rows(self) -> Iterator[tuple[str, Row]]:
        for registration_id, row in self._rows["Patient"].items():
            own = {"record_id": registration_id, "registration_id": registration_id, "is_deleted": False}
            yield "patient", own | row

    def roles_joined(self) -> int:
        """Roles have no row of their own: the practitioner's row carries the job category."""
        return len(self._rows["PractitionerRole"])

    def _staff_roles(self) -> Iterator[Row]:
        jobs: dict[str, Row] = {}
        for role in self._rows["PractitionerRole"].values():
            if role["practitioner"]:
                jobs.setdefault(role["practitioner"], role)
        people = self._rows["Practitioner"]
        for name in sorted(people.keys() | jobs.keys()):
            job, person = jobs.get(name, {}), people.get(name, {})
            restricted = bool(job.get("is_confidential") or person.get("is_confidential"))
            own = {"record_id": name, "is_deleted": False, "is_confidential": restricted}
            yield own | {"job_category_code": job.get("code"), "fault": job.get("fault")}

    def _role(self, resource: Element) -> Row:
        found = sorted(codes_of(resource.get("code")))
        code = found[0] if found else None
        malformed = code is not None and not self.policy.code.fullmatch(code)
        return {
            "practitioner": reference(resource.get("practitioner"), self.policy),
            "code": None if malformed else code,
            "fault": MALFORMED_CODE if malformed else None,
        }

    def _organisation(self, resource: Element) -> Row:
        ods = next(
            (each.get("value") for each in dicts(resource.get("identifier")) if each.get("system") == ODS_SYSTEM), None
        )
        malformed = ods is not None and not (isinstance(ods, str) and self.policy.code.fullmatch(ods))
        kind = next(iter(sorted(codes_of(resource.get("type")))), None)
        return {
            "ods_code": None if malformed else ods,
            "organisation_type": self.policy.word("organisation_type", kind),
            "fault": MALFORMED_CODE if malformed else None,
        }

    def _patient(self, resource: Element) -> Row:
        born, died = partial_date(resource.get("birthDate")), partial_date(resource.get("deceasedDateTime"))
        registration = _registration(resource, self.policy)
        dead_since_when = resource.get("deceasedBoolean") not in (None, False) and died.value is None
        faults = (born.fault, died.fault, registration["fault"], DEATH_WITHOUT_DATE if dead_since_when else None)
        number, postcode = nhs_number(resource), _postcode(resource)
        return registration | {
            "nhs_number": number.reveal(Reason.COLUMN) if number else None,
            "sex": self.policy.word("sex", resource.get("gender")),
            "date_of_birth": born.value,
            "date_of_death": died.value,
            "postcode": postcode.reveal(Reason.COLUMN) if postcode else None,
            "fault": next((fault for fault in faults if fault), None),
        }


def _registration(patient: Element, policy: FieldPolicy) -> Row:
    """GP Connect serves registered patients: without details of another kind, the registration is a regular one."""
    details = first_extension(patient, "RegistrationDetails")
    period = a_dict(first_extension(details, "registrationPeriod").get("valuePeriod"))
    start, end = partial_date(period.get("start")), partial_date(period.get("end"))
    kinds = sorted(codes_of(first_extension(details, "registrationType").get("valueCodeableConcept")))
    kind = policy.word("registration_type", kinds[0]) if kinds else "regular"
    return {
        "registered_date": start.value,
        "registration_end_date": end.value,
        "registration_type": kind if patient.get("active", True) is True else "other",
        "is_test_patient": SYNTHETIC_RECORD in kinds,
        "fault": start.fault or end.fault,
    }


def _postcode(patient: Element) -> Identifier | None:
    """Of the home now; an old or temporary address is not where somebody lives."""
    addresses = [each for each in dicts(patient.get("address")) if each.get("use", "home") == "home"]
    return next((found for each in addresses if (found := identifier_in(a_text(each.get("postalCode"))))), None)
