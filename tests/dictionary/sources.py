"""Which field of which format fills which column, and what policy does with it on the way."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crossing.canonical import TABLES
from crossing.policy import Policy

FORMATS = ("emis_csv", "tpp_csv", "medicus_csv", "gpdpr_xml", "fhir_r4", "gp_connect")
CODED = tuple(table for table, columns in TABLES.items() if "snomed_concept_id" in {column.name for column in columns})
CODES = ("snomed_concept_id", "snomed_description_id", "read_v2_code", "ctv3_code", "local_code")
_EVERY = tuple(TABLES)
# The formats' tables that are not named as ours are. Of FHIR's resources, policy says itself what they become.
_BECOMES: dict[str, dict[str, tuple[str, ...]]] = {
    "emis_csv": {
        "Admin_Patient": ("patient",),
        "CareRecord_Observation": ("observation", "immunisation", "allergy", "problem", "referral"),
        "CareRecord_Consultation": ("encounter",),
        "CareRecord_Problem": ("problem",),
        "CareRecord_ObservationReferral": ("referral",),
        "CareRecord_Diary": ("recall",),
        "Prescribing_DrugRecord": ("medication",),
        "Prescribing_IssueRecord": ("medication",),
        "Coding_ClinicalCode": CODED,
        "Coding_DrugCode": ("medication",),
        "Appointment_Slot": ("appointment",),
        "Admin_Organisation": ("organisation",),
        "Admin_UserInRole": ("staff_role",),
    },
    "tpp_csv": {
        "SRCtv3ToSnomed": CODED,
        "SRMedicationReadCodeDetails": ("medication",),
        "SROrganisation": ("organisation",),
        "SRStaffMemberProfile": ("staff_role",),
        "SRStaffMemberProfileRole": ("staff_role",),
        "SRPatient": ("patient",),
        "SRPatientRegistration": ("patient",),
        "SRPatientAddressHistory": ("patient",),
        "SREvent": ("encounter",),
        "SRCode": ("observation",),
        "SRImmunisation": ("immunisation",),
        "SRDrugSensitivity": ("allergy",),
        "SRProblem": ("problem",),
        "SRReferralOut": ("referral",),
        "SRRecall": ("recall",),
        "SRRepeatTemplate": ("medication",),
        "SRPrimaryCareMedication": ("medication",),
        "SRAppointment": ("appointment",),
    },
    "gpdpr_xml": {"practitioner": ("staff_role",), "problem_link": CODED},
}
# Parts of FHIR's datatypes, which are read wherever an element has that type: the element's own line says where it goes.
_WITHIN = ("datatypes", "extensions")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a format, and what becomes of it: keep, token or generalise."""

    name: str
    action: str


Sources = dict[tuple[str, str], dict[str, list[Field]]]  # (table, column) -> format -> fields


def sources(policy: Policy) -> Sources:
    """Raises KeyError for a part of a format that nobody says the tables of, ValueError for a field that fills no column."""
    found: Sources = defaultdict(lambda: defaultdict(list))
    for format in FORMATS:
        for tables, field, to in _fields(format, policy):
            filled = [(table, column) for table in tables for column in to if column in _columns(table)]
            if not filled:
                raise ValueError(f"policy/fields/{format}.toml: {field.name} fills no column of {tables}.")
            for each in filled:
                found[each][format].append(field)
    return found


def _columns(table: str) -> set[str]:
    return {column.name for column in TABLES[table]}


def _fields(format: str, policy: Policy) -> Iterator[tuple[tuple[str, ...], Field, tuple[str, ...]]]:
    for part, lines in _parts(format, policy):
        for name, line in lines.items():
            if isinstance(line, dict) and "to" in line:
                to = tuple(line["to"].split(", "))
                filled = (*to, *CODES) if "codes" in to else to
                yield _tables(format, part, policy), Field(f"{part}.{name}".lstrip("."), line["action"]), filled


def _parts(format: str, policy: Policy) -> Iterator[tuple[str, dict[str, Any]]]:
    content = policy.table(f"fields/{format}.toml")
    if "resources" not in content:
        yield from ((part, lines) for part, lines in content.items() if isinstance(lines, dict))
        return
    every = content["every_resource"]
    yield "", every.get("elements", every)
    for name, resource in content["resources"].items():
        yield name, resource.get("elements", {})


def _tables(format: str, part: str, policy: Policy) -> tuple[str, ...]:
    content = policy.table(f"fields/{format}.toml")
    if "resources" in content:
        return tuple(content["resources"][part]["becomes"].split(", ")) if part else _EVERY
    if format == "medicus_csv":
        return (policy.table("fields/medicus_csv_map.toml")["tables"][part]["table"],)
    return (part,) if part in TABLES and part not in _BECOMES.get(format, {}) else _BECOMES[format][part]
