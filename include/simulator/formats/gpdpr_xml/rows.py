"""What GPDPR 0.77 can carry of a night, with facts as they will be read.

It has no mark for a confidential entry, so the supplier leaves those out, with what extends them. Appointments name the
person by NHS number only. Which problem an entry belongs to is said by rows of their own.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.check_digits import nhs_number_is_valid
from simulator.consents import consents
from simulator.draws import Numbers
from simulator.emis.layout import OBSERVATION
from simulator.emis.nights import Night
from simulator.emis.planting import Kind, planting
from simulator.facts import NO_PATIENT, STRANGER, TABLE, Facts, Rows
from simulator.practice import Practice

LINKS = "problem_link"
_EXTENSIONS = ("CareRecord_Problem", "CareRecord_ObservationReferral")
_LINKED = {
    OBSERVATION: ("ObservationGuid", "ProblemGuid"),
    "Prescribing_DrugRecord": ("DrugRecordGuid", "ProblemObservationGuid"),
    "Prescribing_IssueRecord": ("IssueRecordGuid", "ProblemObservationGuid"),
}


def carried_rows(source: Practice, night: int, file: str) -> Iterator[Rows]:
    if file == LINKS:
        yield from _links(source, night)
        return
    for rows in Night(source, night, consents(source, night)).rows(file):
        yield _as_read(source, _without_the_marked(source, night, rows))


def _without_the_marked(source: Practice, night: int, rows: Rows) -> Rows:
    """Without confidential entries, what extends them, and numbers in tables that have no place for one."""
    facts = facts_of(rows)
    no_number = np.isin(facts.table, [TABLE["immunisation"], TABLE["allergy"]]) & facts.unreadable_number
    kept = ~(facts.confidential & ~facts.deleted) & ~no_number
    if rows.file in _EXTENSIONS and source.size.trouble:
        kept &= ~(facts.withheld & _of_confidential(source, night, rows))
    return rows if kept.all() else rows.where(kept)


def _of_confidential(source: Practice, night: int, rows: Rows) -> Numbers:
    here = planting(source, night)
    spot = here.spots[Kind.CONFIDENTIAL]
    guids = source.guids("observation", here.patient[spot], here.place[spot])
    return np.asarray(
        pc.is_in(rows.columns["ObservationGuid"], value_set=guids.cast(pa.string())).to_numpy(zero_copy_only=False)
    )


def _as_read(source: Practice, rows: Rows) -> Rows:
    """An appointment of somebody without a number is about nobody; of somebody with a wrong one, about a stranger."""
    if rows.file != "Appointment_Slot":
        return rows
    numbers = [text.replace(" ", "") for text in source.roster.nhs_number.to_pylist()]
    read = np.array([_found_by(number, who) for who, number in enumerate(numbers)])
    patient = facts_of(rows).patient
    return rows.with_facts(patient=np.where(patient >= 0, read[np.maximum(patient, 0)], patient))


def _found_by(number: str, who: int) -> int:
    if not number:
        return NO_PATIENT
    return who if nhs_number_is_valid(number) else STRANGER


def _links(source: Practice, night: int) -> Iterator[Rows]:
    """Reference rows: a link is no record of its own."""
    for file, (event, problem) in _LINKED.items():
        for rows in carried_rows(source, night, file):
            if problem in rows.columns:
                linked = rows.where(pc.not_equal(rows.columns[problem], "").to_numpy(zero_copy_only=False))
                yield Rows(file=LINKS, columns=_link(linked.columns, event, problem))


def _link(columns: dict[str, Any], event: str, problem: str) -> dict[str, Any]:
    return {"PatientGuid": columns["PatientGuid"], "EventGuid": columns[event], "ProblemGuid": columns[problem]}


def facts_of(rows: Rows) -> Facts:
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    return rows.facts
