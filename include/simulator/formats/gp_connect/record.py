"""The whole record of every patient of a practice by a night, as GP Connect would give it, and what is known of each row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.codes import Role
from simulator.codings import codings, drugs
from simulator.consents import consents
from simulator.emis.layout import COLUMNS, OBSERVATION
from simulator.emis.opt_outs import opt_outs
from simulator.facts import NO_CODE, TABLE, TABLES, Facts, Rows
from simulator.formats.gp_connect import medication, people, resources
from simulator.formats.gp_connect.elements import SNOMED, Cells, Coding, Resource, is_date, plain
from simulator.practice import Practice
from simulator.record import as_it_stands, id_column, joined, taken
from simulator.texts import UNDATED

PATIENT, ORGANISATION, STAFF = "Admin_Patient", "Admin_Organisation", "Admin_UserInRole"
CONSULTATION, PROBLEM, REFERRAL = "CareRecord_Consultation", "CareRecord_Problem", "CareRecord_ObservationReferral"
DIARY, DRUG, ISSUE = "CareRecord_Diary", "Prescribing_DrugRecord", "Prescribing_IssueRecord"
OF_PATIENTS = (PATIENT, CONSULTATION, OBSERVATION, PROBLEM, REFERRAL, DIARY, DRUG, ISSUE)
_SYSTEMS = {
    "snomed": SNOMED,
    "read_v2": "http://read.info/readv2",
    "ctv3": "http://read.info/ctv3",
    "local": "https://fhir.hl7.org.uk/Id/egton-codes",
    "national": "urn:national",
}
_CONSENT = (Role.DISSENT, Role.WITHDRAWAL)
_KINDS = {
    "observation": "Observation",
    "immunisation": "Immunization",
    "allergy": "AllergyIntolerance",
    "medication": "MedicationRequest",
}


@dataclass(slots=True)
class Standing:
    """Rows by file, and the resources they are: by patient and row, or, of what many records share, by id."""

    rows: dict[str, Rows] = field(default_factory=dict, repr=False)
    resources: dict[int, list[Resource]] = field(default_factory=dict, repr=False)
    shared: dict[str, list[Resource]] = field(default_factory=dict, repr=False)
    with_consents: set[int] = field(default_factory=set)

    def add(self, rows: Rows, made: list[list[Resource]]) -> None:
        self.rows[rows.file] = rows
        for patient, each in zip(_facts(rows).patient.tolist(), made, strict=True):
            self.resources.setdefault(patient, []).extend(each)


def ids(rows: Rows) -> list[str]:
    return [str(guid) for guid in rows.columns[id_column(rows)].to_pylist()]


def standing(source: Practice, night: int) -> Standing:
    found = Standing()
    _add_people(found, source, night)
    observed = _whole(source, night, OBSERVATION)
    _add(found, source, _consultations(_whole(source, night, CONSULTATION)), resources.encounter)
    seen = _carried(joined([observed, *_deleted_consents(source, night)]))
    _add_observations(found, source, seen)
    prescribed = [_with_a_drug(_whole(source, night, file)) for file in (DRUG, ISSUE)]
    about = _about_problems([seen, *prescribed])
    for file in (PROBLEM, REFERRAL):
        _add_described(found, source, _whole(source, night, file), observed, about)
    _add(found, source, _carried(_whole(source, night, DIARY)), resources.procedure_request)
    for rows in prescribed:
        _add_medication(found, rows)
    return found


def _whole(source: Practice, night: int, file: str) -> Rows:
    """What stands of a file, of patients of the practice."""
    rows = joined(list(as_it_stands(source, night, file)))
    facts = _facts(rows)
    present = np.isin(facts.patient, np.flatnonzero(source.roster.joined_on <= night))
    return _filled(rows.where(present))


def _filled(rows: Rows) -> Rows:
    """With every column of its file."""
    blank = pa.repeat(pa.scalar(""), len(rows))
    columns = {name: rows.columns.get(name, blank) for name in COLUMNS[rows.file]}
    return Rows(file=rows.file, columns=columns, facts=rows.facts)


def _carried(rows: Rows) -> Rows:
    """Without codes that are in no table, which have no resource; without typed numbers where there is no number."""
    facts = _facts(rows)
    no_value = facts.unreadable_number & np.isin(facts.table, [TABLE["immunisation"], TABLE["allergy"]])
    return rows.where((facts.code != codes.UNKNOWN_CODE) & ~no_value)


def _consultations(rows: Rows) -> Rows:
    """An Encounter does not say when it was written down."""
    read = np.array([not day or is_date(day) for day in rows.columns["EnteredDate"].to_pylist()], bool)
    return _carried(rows.where(read))


def _cells(rows: Rows) -> list[Cells]:
    names, columns = list(rows.columns), [column.to_pylist() for column in rows.columns.values()]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _codings(source: Practice, rows: Rows) -> list[Coding]:
    every = codings(source, rows)
    columns = {system: getattr(every, name).to_pylist() for name, system in _SYSTEMS.items()}
    terms = every.term.to_pylist()
    return [
        [
            {"system": system, "code": column[row], "display": terms[row]}
            for system, column in columns.items()
            if column[row]
        ]
        for row in range(len(rows))
    ]


def _add(found: Standing, source: Practice, rows: Rows, made: Callable[[Cells, Coding], Resource]) -> None:
    pairs = zip(_cells(rows), _codings(source, rows), strict=True)
    found.add(rows, [[made(cells, coding)] for cells, coding in pairs])


def _add_observations(found: Standing, source: Practice, rows: Rows) -> None:
    facts = _facts(rows)
    made: list[list[Resource]] = []
    for cells, coding, table, deleted in zip(
        _cells(rows), _codings(source, rows), facts.table.tolist(), facts.deleted.tolist(), strict=True
    ):
        resource = resources.OF_OBSERVATIONS[TABLES[table]](cells, coding)
        made.append([resource | {"status": "entered-in-error"} if deleted else resource])
    roles = np.where(facts.code == NO_CODE, -1, np.append(codes.ROLES, [-1] * 4)[facts.code])
    found.with_consents = set(facts.patient[np.isin(roles, _CONSENT)].tolist())
    found.add(rows, made)


def _add_described(
    found: Standing, source: Practice, rows: Rows, observed: Rows, about: Mapping[str, list[str]]
) -> None:
    """Problems and referrals: what they are, and a problem's date, stand with the observation they are about."""
    place_of = {guid: place for place, guid in enumerate(ids(observed))}
    behind = taken(observed, np.array([place_of[guid] for guid in ids(rows)], np.int64))
    own, other = _facts(rows), _facts(behind)
    told: dict[str, Any] = {"code": other.code, "confidential": other.confidential, "withheld": False}
    if rows.file == PROBLEM:
        told |= {"effective": other.effective, "precision": other.precision}
        told["unreadable_date"] = own.unreadable_date | other.unreadable_date
    rows = rows.with_facts(**told)
    known = _facts(rows).code != codes.UNKNOWN_CODE
    rows, behind = rows.where(known), behind.where(known)
    made: list[list[Resource]] = []
    for cells, of_it, coding in zip(_cells(rows), _cells(behind), _codings(source, rows), strict=True):
        marked = {**cells, "IsConfidential": of_it["IsConfidential"]}
        if rows.file == PROBLEM:
            made.append([resources.condition(marked, of_it, coding, about.get(cells["ObservationGuid"], []))])
        else:
            made.append([resources.referral_request(marked, of_it, coding)])
    found.add(rows, made)


def _add_medication(found: Standing, rows: Rows) -> None:
    dmd, _ = (column.to_pylist() for column in drugs(rows))
    made: list[list[Resource]] = []
    for cells, drug in zip(_cells(rows), dmd, strict=True):
        if rows.file == ISSUE:
            made.append([medication.medication_issue(cells, drug)])
        else:
            made.append([medication.medication_plan(cells, drug), medication.medication_statement(cells, drug)])
    found.add(rows, made)


def _with_a_drug(rows: Rows) -> Rows:
    return rows.where(np.array([bool(each) for each in drugs(rows)[0].to_pylist()], bool))


def _about_problems(rows: list[Rows]) -> dict[str, list[str]]:
    """By the id of a problem, what was said under it."""
    about: dict[str, list[str]] = {}
    for some in rows:
        column = "ProblemGuid" if some.file == OBSERVATION else "ProblemObservationGuid"
        for guid, problem, table in zip(
            ids(some), some.columns[column].to_pylist(), _facts(some).table.tolist(), strict=True
        ):
            if problem:
                about.setdefault(problem, []).append(f"{_KINDS[TABLES[table]]}/{plain(guid)}")
    return about


def _deleted_consents(source: Practice, night: int) -> list[Rows]:
    """An objection is not deleted by leaving it out: its entry is still there, and says that it was an error."""
    every = consents(source, night)
    deleted = {(entry.patient, entry.place) for entry in every if entry.deleted}
    once = [entry for entry in every if not entry.deleted and (entry.patient, entry.place) in deleted]
    written = [rows for number in range(1, night + 1) for rows in opt_outs(source, once, number)]
    return [_filled(rows.with_facts(deleted=True, effective=UNDATED, look_back_day=UNDATED)) for rows in written]


def _add_people(found: Standing, source: Practice, night: int) -> None:
    patients = _whole(source, night, PATIENT)
    hidden = (source.roster.confidential_from <= night) | source.roster.spine_sensitive
    who = _facts(patients).patient.tolist()
    made = [[people.patient(cells, bool(hidden[each]))] for cells, each in zip(_cells(patients), who, strict=True)]
    found.add(patients, made)
    for file in (ORGANISATION, STAFF):
        rows = _filled(joined(list(as_it_stands(source, night, file))))
        found.rows[file] = rows
        for cells, guid in zip(_cells(rows), ids(rows), strict=True):
            is_staff = file == STAFF
            roles = [people.practitioner(cells), people.practitioner_role(cells)] if is_staff else []
            own = roles or [people.organisation(cells)]
            found.shared[plain(guid)] = own


def _facts(rows: Rows) -> Facts:
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    return rows.facts
