"""Prescriptions and appointments as TPP writes them."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.codings import drugs
from simulator.facts import Rows
from simulator.formats.tpp_csv.cells import NOTHING, moments, or_nothing
from simulator.formats.tpp_csv.rows import Cells, common_cells, made
from simulator.practice import Practice
from simulator.record import numbered
from simulator.texts import constant, joined

_OF_NO_DRUG_WE_KNOW = "88001"


def readable(rows: Rows) -> Rows:
    """Without the rows whose numbers nobody can read: where TPP has a text or a date instead, they would be no fault."""
    return rows if rows.facts is None else rows.where(~rows.facts.unreadable_number)


def templates(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    common, columns, empty = common_cells(source, rows), rows.columns, constant("", len(rows))
    cells = {
        **common,
        **_supply(rows),
        "DateMedicationTemplateStart": common["DateEvent"],
        "DateMedicationTemplateEnd": moments(columns.get("CancellationDate", empty)),
        "MaxIssues": columns.get("NumberOfIssuesAuthorised", empty),
    }
    yield made("SRRepeatTemplate", source, rows, cells)


def prescriptions(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    common, columns, empty = common_cells(source, rows), rows.columns, constant("", len(rows))
    template = numbered(columns.get("DrugRecordGuid", empty))
    cells = {
        **common,
        **_supply(rows),
        "DateMedicationStart": common["DateEvent"],
        "DateMedicationEnd": moments(
            _end(columns.get("EffectiveDate", empty), columns.get("CourseDurationInDays", empty))
        ),
        "IsRepeatMedication": pc.if_else(pc.equal(template, ""), "FALSE", "TRUE"),
        "IDRepeatTemplate": or_nothing(template),
    }
    yield made("SRPrimaryCareMedication", source, rows, cells)


def appointments(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    columns, empty = rows.columns, constant("", len(rows))
    start, length = columns.get("AppointmentStartTime", empty), columns.get("PlannedDurationInMinutes", empty)
    missed, left = columns.get("DidNotAttend", empty), columns.get("LeftTime", empty)
    date = columns.get("AppointmentDate", empty)
    end = _later(start, length)
    cells = {
        **common_cells(source, rows),
        "DateStart": moments(date, start),
        "DateEnd": pc.if_else(pc.equal(end, ""), "", moments(date, end)),
        "AppointmentStatus": pc.if_else(
            pc.equal(missed, "true"), "4003", pc.if_else(pc.equal(left, ""), "4001", "4002")
        ),
        "IDProfileClinician": constant(NOTHING, len(rows)),
        "BookingContactNumber": constant("01632 960123", len(rows)),
    }
    yield made("SRAppointment", source, rows, cells)


def _supply(rows: Rows) -> Cells:
    columns, empty = rows.columns, constant("", len(rows))
    if "CodeId" not in columns:
        return {}
    product, term = drugs(rows)
    return {
        "IDMultiLexProduct": pc.if_else(pc.equal(product, ""), _OF_NO_DRUG_WE_KNOW, "77001"),
        "IDMultiLexDMD": or_nothing(product),
        "NameOfMedication": term,
        "MedicationDosage": columns.get("Dosage", empty),
        "MedicationQuantity": joined(columns.get("Quantity", empty), " ", columns.get("QuantityUnit", empty)),
    }


def _end(days: pa.Array, course: pa.Array) -> pa.Array:
    """The day a course ends; empty where either is no day or no number."""
    return _each(_end_of, days, course)


def _later(times: pa.Array, minutes: pa.Array) -> pa.Array:
    return _each(_minutes_after, times, minutes)


def _each(how: Callable[[str, str], str], one: pa.Array, other: pa.Array) -> pa.Array:
    """Worked out once for each pair there is."""
    pairs = joined(one, "|", other).dictionary_encode()
    worked_out = [how(*text.split("|")) for text in pairs.dictionary.to_pylist()]
    return pa.array(worked_out, pa.string()).take(pairs.indices)


def _end_of(day: str, course: str) -> str:
    try:
        return str(np.datetime64(day) + np.timedelta64(int(course), "D"))
    except ValueError:
        return ""


def _minutes_after(time: str, minutes: str) -> str:
    if not time or not minutes.isdigit():
        return ""
    total = int(time[:2]) * 60 + int(time[3:5]) + int(minutes)
    return f"{total // 60:02d}:{total % 60:02d}:00"
