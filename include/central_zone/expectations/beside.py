"""Columns that a table has not, and that rules may name all the same: what stands beside a row, in its own parcel.

`patient.sex`            what the patient table says of the row's patient (any of its columns that holds no token)
`encounter_token.held`   whether what a token refers to is in the parcel; NULL where there is no token
`record_token.again`     whether the same record stands in the parcel again, further on, alike live or deleted
`patient_token.group`    a number of this run's, the same for the same token, that means nothing outside it
`codes.pregnancy`        the category of policy/codelists/pregnancy.csv that one of the row's codes is in; NULL for none
`local_code.known`       whether the code follows a pattern of policy/codelists/local_codes.csv
`lsoa_code.known`        whether the area is in an edition of policy/codelists/lsoa_editions.csv that the extract could know
`value.finding`          what policy/measurements.csv says of the value and its unit (see measurements.py)
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from central_zone.expectations.lists import Lists, categories, known_areas, known_locals
from central_zone.expectations.measurements import findings
from central_zone.expectations.together import NO_TOKEN, Together, has_column
from crossing.errors import PersonMustAct

# What a token refers to: a table, and the token there.
REFERS_TO = {
    "registration_token": ("patient", "registration_token"),
    "staff_role_token": ("staff_role", "record_token"),
    "encounter_token": ("encounter", "record_token"),
    "appointment_token": ("appointment", "record_token"),
    "parent_token": ("observation", "record_token"),
    "problem_token": ("problem", "record_token"),
    "parent_problem_token": ("problem", "record_token"),
    "authorisation_token": ("medication", "record_token"),
    "source_organisation_token": ("organisation", "record_token"),
    "target_organisation_token": ("organisation", "record_token"),
}
_Maker = Callable[[Together, Lists, str, str], pa.Array]


class ColumnMissing(PersonMustAct):
    """A rule names a column that the table does not have."""


def beside(rows: Together, lists: Lists, table: str, name: str) -> pa.Array:
    """A column by its name with a point in it. Raises ColumnMissing where there can be none of that name."""
    first, _, second = name.partition(".")
    if first == "patient" and has_column("patient", second) and has_column(table, "registration_token"):
        return rows.of_patients(table, second)
    if first == "codes" and second in lists.codelists:
        return categories(rows, lists.codelists[second], table)
    if second in _MAKERS and has_column(table, first):
        return _MAKERS[second](rows, lists, table, first)
    raise ColumnMissing(
        f"policy/expectations/{table}.toml names column {name}, which can be made neither of {table} nor of its parcel."
    )


def _held(rows: Together, _lists: Lists, table: str, column: str) -> pa.Array:
    if column == "registration_token":
        return rows.has_patient(table)
    other, key = REFERS_TO[column]
    return rows.is_in(table, column, other=other, key=key)


def _again(rows: Together, _lists: Lists, table: str, column: str) -> pa.Array:
    return rows.again(table, column)


def _group(rows: Together, _lists: Lists, table: str, column: str) -> pa.Array:
    keys = rows.keys(table, column)
    return pa.array(keys, mask=keys == NO_TOKEN)


def _known(rows: Together, lists: Lists, table: str, column: str) -> pa.Array:
    if column == "local_code":
        return known_locals(rows.column(table, column), lists.local_codes)
    days = rows.for_each_row(table, [parcel.extract_date for parcel in rows.parcels], pa.date32())
    return known_areas(rows.column(table, column), np.asarray(days), lists.areas)


def _finding(rows: Together, lists: Lists, table: str, _column: str) -> pa.Array:
    return findings(rows, lists.measurements, table)


_MAKERS: dict[str, _Maker] = {
    "held": _held,
    "again": _again,
    "group": _group,
    "known": _known,
    "finding": _finding,
}
