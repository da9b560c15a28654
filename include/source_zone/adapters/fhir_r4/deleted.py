"""What an export says was deleted: bundles of requests, each naming one resource by type and id and nothing else."""

from collections.abc import Iterator
from typing import Any

import msgspec

from source_zone.adapters.fhir_r4.export import Export, Place, lines
from source_zone.adapters.fhir_r4.owners import Owners
from source_zone.adapters.fhir_r4.people import People
from source_zone.adapters.fhir_r4.policy import FieldPolicy, refuse_kind
from source_zone.adapters.fhir_r4.record import Record, Row
from source_zone.adapters.reading import FileRefused

# Where a tombstone of a record that was never sent is counted: it buries nothing.
_TABLE_OF = {
    "Encounter": "encounter",
    "Immunization": "immunisation",
    "AllergyIntolerance": "allergy",
    "MedicationRequest": "medication",
    "MedicationStatement": "medication",
    "ServiceRequest": "referral",
    "Condition": "problem",
    "Appointment": "appointment",
}
_WITHOUT_PATIENT = {"Organization": "organisation", "Practitioner": "staff_role", "PractitionerRole": "staff_role"}
_ASK_AGAIN = "Ask for the export again; nothing of this one is taken."


def deleted_rows(export: Export, record: Record, people: People, owners: Owners) -> Iterator[tuple[str, Row]]:
    """Tombstones of the right tables. What is not read is counted in `record.left`."""
    for kind, name in _deleted(export, record.policy):
        if kind == "Patient":
            people.forget_patient(name)
            yield "patient", {"record_id": name, "registration_id": name, "is_deleted": True}
        elif kind in _WITHOUT_PATIENT:
            yield _WITHOUT_PATIENT[kind], {"record_id": name, "is_deleted": True, "is_confidential": False}
        elif kind == "EpisodeOfCare":
            people.forget_episode(name)
            record.left["EpisodeOfCare_deleted"] += 1
        elif kind in record.policy.left or kind == "Medication":
            record.left[f"{kind}_deleted"] += 1
        else:
            record.restricted_encounters.discard(name)
            yield from _of_a_patient(kind, name, owners)
    yield from people.changed()


def _of_a_patient(kind: str, name: str, owners: Owners) -> Iterator[tuple[str, Row]]:
    found = list(owners.tombstones(name))
    never_sent: Row = {"record_id": name, "is_deleted": True, "registration_id": None, "is_confidential": False}
    yield from found or [(_TABLE_OF.get(kind, "observation"), never_sent)]


def _deleted(export: Export, policy: FieldPolicy) -> Iterator[tuple[str, str]]:
    """(type, `Type/id`) of each request."""
    for file in export.deleted:
        for place, line in lines(file):
            for request in _requests(line, place):
                kind, _, own = request.rpartition("/")
                kind = kind.rpartition("/")[2]
                if kind not in policy.decoders and kind not in policy.left:
                    refuse_kind(kind, place)
                if not policy.id.fullmatch(own):
                    raise FileRefused(f"{place}: deletes a {kind} without an id. {_ASK_AGAIN}")
                yield kind, f"{kind}/{own}"


def _requests(line: bytes, place: Place) -> Iterator[str]:
    try:
        bundle = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FileRefused(f"{place}: is not JSON in UTF-8, or was cut off. {_ASK_AGAIN}") from None
    entries = bundle.get("entry") if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list):
        raise FileRefused(f"{place}: is not a bundle of deletions. {_ASK_AGAIN}")
    for entry in entries:
        request: Any = entry.get("request") if isinstance(entry, dict) else None
        if (
            not isinstance(request, dict)
            or request.get("method") != "DELETE"
            or not isinstance(request.get("url"), str)
        ):
            raise FileRefused(f"{place}: an entry of it does not say what it deletes. {_ASK_AGAIN}")
        yield request["url"]
