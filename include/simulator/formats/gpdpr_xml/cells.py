"""Cells of the simulator's rows, in the shapes GPDPR 0.77 writes: plain GUIDs, instants, dates as far as they are known."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from simulator.codes import UNKNOWN_CODE
from simulator.codings import codings
from simulator.facts import Rows
from simulator.formats.gpdpr_xml.rows import facts_of
from simulator.practice import Practice
from simulator.record import plain

_LOCAL_CODES = "urn:oid:2.16.840.1.113883.2.1.3.2.4.15"
_AS_FAR = {"YM": 7, "Y": 4}
Attributes = dict[str, pa.Array]


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of rows by EMIS's names; a column the rows do not have is empty."""

    rows: Rows

    def __getitem__(self, name: str) -> pa.Array:
        found = self.rows.columns.get(name)
        return pa.array([""] * len(self.rows)) if found is None else found.cast(pa.string())

    def guid(self, name: str) -> pa.Array:
        return plain(self[name])

    def lower(self, name: str, *without: str) -> pa.Array:
        text = pc.utf8_lower(self[name])
        for word in without:
            text = pc.replace_substring(text, word, "")
        return pc.utf8_trim_whitespace(text)

    def day_and_time(self, day: str, time: str) -> pa.Array:
        both = pc.binary_join_element_wise(self[day], self[time], "T")
        return pc.if_else(filled(self[time]), both, self[day])


def filled(text: pa.Array) -> pa.Array:
    return pc.greater(pc.utf8_length(text), 0)


def event(rows: Rows, record: str) -> Attributes:
    cell = Cells(rows)
    return {
        "id": cell.guid(record),
        "registration_id": cell.guid("PatientGuid"),
        "practitioner_id": cell.guid("ClinicianUserInRoleGuid"),
        "encounter_id": cell.guid("ConsultationGuid"),
        "recorded_date": cell.day_and_time("EnteredDate", "EnteredTime"),
        "deletion_flag": cell["Deleted"],
        "effective_date": _as_far_as_known(rows),
    }


def _as_far_as_known(rows: Rows) -> pa.Array:
    """A partial date is a shorter one. What is no date at all stays as it was typed."""
    cell = Cells(rows)
    text = cell["EffectiveDate"]
    for precision, length in _AS_FAR.items():
        partial = pc.and_(
            pc.equal(cell["EffectiveDatePrecision"], precision), pa.array(~facts_of(rows).unreadable_date)
        )
        text = pc.if_else(partial, pc.utf8_slice_codeunits(text, 0, length), text)
    return text


def codes(source: Practice, rows: Rows) -> Attributes:
    """A code that stands in no table comes with no system, and so is understood by nobody."""
    found = codings(source, rows)
    unknown = pa.array(facts_of(rows).code == UNKNOWN_CODE)
    return {
        "snomed_concept_id": found.snomed,
        "readv2_code": found.read_v2,
        "ctv3_code": found.ctv3,
        "other_code_system": pc.if_else(filled(found.local), _LOCAL_CODES, ""),
        "other_code": pc.if_else(unknown, Cells(rows)["CodeId"], found.local),
        "other_display": pc.if_else(filled(found.local), found.term, ""),
        "rubric": found.term,
    }
