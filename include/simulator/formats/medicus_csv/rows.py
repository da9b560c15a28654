"""What stands in each column of Medicus's files, made of EMIS's."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import calendar, codes
from simulator.codings import Codings, codings, drugs
from simulator.draws import Numbers
from simulator.facts import Facts, Rows
from simulator.formats.medicus_csv.layout import CHANGE_TYPE, SAME_AS_EMIS
from simulator.practice import Practice
from simulator.record import plain
from simulator.texts import constant, joined

_PRECISIONS = {"YMD": "day", "YMDT": "day", "YM": "month", "Y": "year", "U": "unknown"}
_WORDS = {
    "sex": {"M": "Male", "F": "Female", "U": "Unknown", "I": "Indeterminate"},
    "registration_type": {"Emg": "Emergency"},
    "effective_date_precision": _PRECISIONS,
    "end_date_precision": _PRECISIONS,
    "status": {"Active Problem": "Active", "Past Problem": "Past"},
    "significance": {"Significant Problem": "Significant", "Minor Problem": "Minor"},
    "prescription_type": {"Acute medication": "Acute", "Repeat medication": "Repeat"},
}


@dataclass(frozen=True, slots=True)
class Cells:
    """The columns of some rows of one file, by their names in Medicus's."""

    source: Practice
    night: int
    rows: Rows = field(repr=False)

    def column(self, file: str, name: str) -> pa.Array:
        if name in _MADE:
            return _MADE[name](self)
        text = self.of(SAME_AS_EMIS[file][name])
        if name == "uid" or name.endswith("_uid"):
            return plain(text)
        return _in_words(text, _WORDS[name]) if name in _WORDS else text

    def of(self, emis: str) -> pa.Array:
        """A column of EMIS's; empty where the rows do not have it."""
        return self.rows.columns.get(emis, constant("", len(self.rows)))

    @property
    def facts(self) -> Facts:
        if self.rows.facts is None:
            raise ValueError(f"{self.rows.file} holds reference rows.")
        return self.rows.facts

    @property
    def is_about_drugs(self) -> bool:
        return self.rows.file.startswith("Prescribing_")

    @property
    def codings(self) -> Codings:
        return codings(self.source, self.rows)


def _in_words(text: pa.Array, words: dict[str, str]) -> pa.Array:
    distinct = text.dictionary_encode()
    ours = pa.array([words.get(each, each) for each in distinct.dictionary.to_pylist()], pa.string())
    return ours.take(distinct.indices)


def _first_filled(*columns: pa.Array) -> pa.Array:
    return pc.coalesce(*(pc.if_else(pc.equal(each, ""), None, each) for each in columns), "")


def _effective_date(cells: Cells) -> pa.Array:
    return _first_filled(*(cells.of(each) for each in ("EffectiveDate", "ReferralReceivedDate", "AppointmentDate")))


def _precision(cells: Cells) -> pa.Array:
    if "EffectiveDatePrecision" in cells.rows.columns:
        return _in_words(cells.of("EffectiveDatePrecision"), _PRECISIONS)
    day = pc.not_equal(_effective_date(cells), "") if cells.rows.file in _WHOLE_DAYS else pa.scalar(False)
    return pc.if_else(day, constant("day", len(cells.rows)), "")


_WHOLE_DAYS = ("CareRecord_ObservationReferral", "Appointment_Slot")


def _recorded_at(cells: Cells) -> pa.Array:
    day = _first_filled(cells.of("EnteredDate"), cells.of("ReferralReceivedDate"))
    time = _first_filled(cells.of("EnteredTime"), cells.of("ReferralReceivedTime"))
    both = pc.and_(pc.not_equal(day, ""), pc.not_equal(time, ""))
    return pc.if_else(both, joined(day, " ", time), "")


def _is_confidential(cells: Cells) -> pa.Array:
    """A patient is marked in two places; one mark is enough, and one that is missing is no clear answer."""
    marks = [cells.of(each) for each in ("IsConfidential", "SpineSensitive") if each in cells.rows.columns]
    if not marks:
        return constant("", len(cells.rows))
    yes = pc.or_(*(pc.equal(each, "true") for each in (marks[0], marks[-1])))
    no = pc.and_(*(pc.equal(each, "false") for each in (marks[0], marks[-1])))
    return pc.if_else(yes, "true", pc.if_else(no, "false", ""))


def _drug(cells: Cells) -> pa.Array:
    """A deletion does not say which drug it was."""
    return drugs(cells.rows)[0] if "CodeId" in cells.rows.columns else constant("", len(cells.rows))


def _original(cells: Cells) -> tuple[pa.Array, pa.Array]:
    """The code as entered and its system; a code that no table has is of a system that nobody knows."""
    unknown = pa.array(cells.facts.code == codes.UNKNOWN_CODE)
    id_ = _first_filled(*(cells.of(each) for each in ("CodeId", "ConsultationSourceCodeId", "ReferralReasonCodeId")))
    if cells.is_about_drugs:
        unknown = pc.and_(pc.not_equal(id_, ""), pc.equal(_drug(cells), ""))
    code, system = pc.if_else(unknown, id_, ""), pc.if_else(unknown, "Legacy", "")
    if cells.is_about_drugs:
        return code, system
    known = cells.codings
    for name, each in (("Read v2", known.read_v2), ("CTV3", known.ctv3), ("Local", known.local)):
        filled = pc.not_equal(each, "")
        code, system = pc.if_else(filled, each, code), pc.if_else(filled, name, system)
    return code, system


def _change_type(cells: Cells) -> pa.Array:
    """What was entered since the last extract, or is of somebody new, was added."""
    facts = cells.facts
    since = calendar.extract_date(cells.night - 1).isoformat() if cells.night > 1 else ""
    late = pc.greater_equal(_first_filled(cells.of("EnteredDate"), cells.of("ReferralReceivedDate")), since)
    new = pa.array(_joined_on(cells.source, facts.patient) == cells.night)
    word = pc.if_else(pc.or_(late, new), "added", "updated")
    return pc.if_else(pa.array(facts.deleted), "removed", word)


def _joined_on(source: Practice, patient: Numbers) -> Numbers:
    return np.where(patient >= 0, source.roster.joined_on[np.maximum(patient, 0)], 0)


_MADE: dict[str, Callable[[Cells], pa.Array]] = {
    "effective_date": _effective_date,
    "effective_date_precision": _precision,
    "recorded_at": _recorded_at,
    "is_confidential": _is_confidential,
    "is_test_patient": lambda cells: pc.if_else(pc.equal(cells.of("DummyType"), ""), "false", "true"),
    "snomed_concept_id": lambda cells: cells.codings.snomed,
    "snomed_description_id": lambda cells: constant("", len(cells.rows)),
    "other_codes": lambda cells: cells.codings.national,
    "term": lambda cells: cells.codings.term,
    "original_code": lambda cells: _original(cells)[0],
    "original_code_system": lambda cells: _original(cells)[1],
    "dmd_code": _drug,
    "quantity_unit": lambda cells: pc.utf8_lower(cells.of("QuantityUnit")),
    "text": lambda cells: _first_filled(cells.of("AssociatedText"), cells.of("OriginalTerm")),
    CHANGE_TYPE: _change_type,
}
