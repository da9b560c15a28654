"""The rows of one line of an export, each with all further codes of the entry, so that no dissent is overlooked."""

from collections.abc import Callable
from typing import Any

import msgspec

from source_zone.adapters.fhir_r4.clinical import (
    allergy,
    appointment,
    encounter,
    immunisation,
    problem,
    service_request,
)
from source_zone.adapters.fhir_r4.codes import Found, written_codes
from source_zone.adapters.fhir_r4.elements import extension_name
from source_zone.adapters.fhir_r4.export import Place
from source_zone.adapters.fhir_r4.medication import medication_request, medication_statement
from source_zone.adapters.fhir_r4.observations import diagnostic_report, document, observation, procedure
from source_zone.adapters.fhir_r4.policy import refuse_element, refuse_extension, refuse_modifier
from source_zone.adapters.fhir_r4.record import DELETED, MALFORMED_RESOURCE, Entry, Record, Row, Rows
from source_zone.adapters.gp_connect.elements import a_text, five_byte_form
from source_zone.adapters.reading import FileRefused
from source_zone.identifier import Reason, nhs_number_in
from source_zone.unshown import Unshown

UNSURE_WITHDRAWAL = "unsure_withdrawal"
OBJECTION_IN_ANOTHER_KIND = "objection_in_another_kind"
CODED_TABLES = frozenset(
    {"encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral", "problem"}
)
_CODE_COLUMNS = (
    "snomed_concept_id",
    "snomed_description_id",
    "read_v2_code",
    "ctv3_code",
    "local_code",
    "dmd_code",
)

Mapping_ = Callable[[Entry, Record], Rows]
MAPPINGS: dict[str, Mapping_] = {
    "Encounter": encounter,
    "Observation": observation,
    "DiagnosticReport": diagnostic_report,
    "Procedure": procedure,
    "DocumentReference": document,
    "Immunization": immunisation,
    "AllergyIntolerance": allergy,
    "MedicationRequest": medication_request,
    "MedicationStatement": medication_statement,
    "ServiceRequest": service_request,
    "Condition": problem,
    "Appointment": appointment,
}


def rows_of(kind: str, line: bytes, place: Place, record: Record, mapping: Mapping_) -> Rows:
    """(table, row) for each row of a line. Raises NotInPolicy, or FileRefused for what is not the resource it should be."""
    entry = _entry(kind, line, place, record)
    if entry is None:
        return _malformed(kind, line, place, record)
    placed = False
    rows = mapping(entry, record)
    for table, row in rows:
        if table in CODED_TABLES:
            placed = row["registration_id"] is not None  # else its dissent would be nobody's
            _add_further_codes(entry, row, record)
    if entry.codes.dissent and not placed:
        return [*rows, *_unread(kind, line, place, record, OBJECTION_IN_ANOTHER_KIND)]
    return rows


def objections_in(kind: str, line: bytes, place: Place, record: Record) -> Rows:
    """Of a resource that is left at the source, whole, only what it says of an objection."""
    if record.all_codes.of(_found(line, place)).dissent:
        return _unread(kind, line, place, record, OBJECTION_IN_ANOTHER_KIND)
    _head(line, place)
    return []


def _entry(kind: str, line: bytes, place: Place, record: Record) -> Entry | None:
    """None where something has another shape than the standard gives it."""
    try:
        resource = record.policy.decoders[kind].decode(line)
    except msgspec.ValidationError as error:
        refuse_element(kind, error, place)
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FileRefused(f"{place}: is not JSON in UTF-8, or was cut off. Ask for the export again.") from None
    if resource.resourceType != kind:
        raise FileRefused(f"{place}: is of another type than {kind}, as the manifest says. Ask for the export again.")
    if b'"modifierExtension"' in line:
        refuse_modifier(kind, place)
    if resource.extension is not None:
        _check_extensions(resource.extension, kind, place, record)
    found = _found(line, place)
    return Entry(kind, resource, found, record.all_codes.of(found))


def _check_extensions(extensions: list[Any], inside: str, place: Place, record: Record) -> None:
    for each in extensions:
        name = extension_name(each.url) if isinstance(each.url, str) else None
        is_read = record.policy.extensions.get(name or "")
        if is_read is None:
            refuse_extension(inside, each.url, place, record.policy)
        if is_read and isinstance(each.extension, list):
            _check_extensions(each.extension, f"{inside}.{name}", place, record)


def _found(line: bytes, place: Place) -> Found:
    try:
        return written_codes(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FileRefused(f"{place}: is not JSON in UTF-8, or was cut off. Ask for the export again.") from None


def _add_further_codes(entry: Entry, row: Row, record: Record) -> None:
    own = tuple([code for name in _CODE_COLUMNS if (code := row.get(name))])
    further = record.all_codes.further(entry.found, own)
    elsewhere = row.get("further_codes")  # of the drug it points to
    row["further_codes"] = f"{further} {elsewhere}" if further and elsewhere else further or elsewhere
    if entry.codes.withdrawal and _is_unsure(own, entry, record):
        row["fault"] = row["fault"] or UNSURE_WITHDRAWAL


def _is_unsure(own: tuple[str, ...], entry: Entry, record: Record) -> bool:
    """A withdrawal lifts a dissent only as the entry's own code and in a final entry; any other stays, under a fault."""
    final = record.policy.final_statuses.get(entry.kind, frozenset())
    plainly = not record.policy.withdrawal_codes.isdisjoint({*own, *map(five_byte_form, own)})
    return not (plainly and getattr(entry.resource, "status", None) in final)


class _Head(Unshown, gc=False):
    """What can be read of any resource at all."""

    id: Any = None
    status: Any = None
    subject: Any = None
    patient: Any = None
    beneficiary: Any = None


class _Pointer(Unshown, gc=False):
    reference: object = None
    identifier: None = None


def _head(line: bytes, place: Place) -> _Head:
    try:
        return msgspec.json.decode(line, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FileRefused(f"{place}: is not a resource in JSON, or was cut off. Ask for the export again.") from None


def _unread(kind: str, line: bytes, place: Place, record: Record, fault: str) -> Rows:
    """A row that does not travel, with all codes of the entry: it may be, or is, a dissent.

    One for its patient; where it does not say plainly whose it is, one for everybody it names.
    """
    head = _head(line, place)
    found = _found(line, place)
    row: Row = {
        "record_id": record.name(kind, head.id),
        "is_deleted": head.status == DELETED,
        "effective_date_precision": "unknown",
        "further_codes": record.all_codes.further(found, ()),
        "is_confidential": False,
        "fault": fault,
    }
    whose = _registration(kind, head, record)
    everybody = {whose} if whose else _named(_anything(line, place), record)
    return [("observation", row | {"registration_id": each}) for each in sorted(everybody) or (None,)]


def _anything(line: bytes, place: Place) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FileRefused(f"{place}: is not a resource in JSON, or was cut off. Ask for the export again.") from None


def _named(resource: Any, record: Record) -> set[str]:
    """Every patient that a resource names, by a reference or an NHS number; a number that is nobody's yet, as it is."""
    found, waiting = set[str](), [resource]
    while waiting:
        element = waiting.pop()
        if isinstance(element, dict):
            waiting.extend(element.values())
            reference = a_text(element.get("reference"))
            if reference and (name := record.elements.link(_Pointer(reference.strip()), "Patient")):
                found.add(name)
            is_number = element.get("system") == record.policy.nhs_number_system
            if is_number and (number := nhs_number_in(a_text(element.get("value")))):
                found.add(record.registration_of.get(number) or number.reveal(Reason.COLUMN))
        elif isinstance(element, list):
            waiting.extend(element)
    return found


def _malformed(kind: str, line: bytes, place: Place, record: Record) -> Rows:
    """A patient who cannot be read stays, with all that is known of them from earlier nights."""
    if kind == "Patient":
        name = _registration(kind, _head(line, place), record)
        faulty: Row = {"record_id": name, "registration_id": name, "is_deleted": False, "fault": MALFORMED_RESOURCE}
        return [("patient", faulty), *_unread(kind, line, place, record, MALFORMED_RESOURCE)]
    return _unread(kind, line, place, record, MALFORMED_RESOURCE)


def _registration(kind: str, head: _Head, record: Record) -> str | None:
    if kind == "Patient":
        return record.name(kind, head.id)
    for raw in (head.subject, head.patient, head.beneficiary):
        text = a_text(raw.get("reference")) if isinstance(raw, dict) else None
        name = record.elements.link(_Pointer(text), "Patient") if text else None
        if name:
            return name
    return None
