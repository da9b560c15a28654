"""The lists of policy that rules look things up in: codes by meaning, patterns of local codes, areas, measurements."""

import re
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from central_zone.expectations.measurements import MEASUREMENTS, Measurements, read_measurements
from central_zone.expectations.together import Together, has_column, places_of
from crossing.policy import Policy, PolicyRefused

PREGNANCY, PROSTATE_CANCER, ETHNICITY = CODELISTS = ("pregnancy", "prostate_cancer", "ethnicity")
LOCAL_CODES, AREAS = "codelists/local_codes.csv", "codelists/lsoa_editions.csv"
LIST_FILES = (*(f"codelists/{name}.csv" for name in CODELISTS), LOCAL_CODES, AREAS, MEASUREMENTS)
_COLUMN_OF = {"snomed": "snomed_concept_id", "read_v2": "read_v2_code", "ctv3": "ctv3_code"}

Codelist = dict[str, dict[str, int]]  # column -> code -> number of its category, from 1


@dataclass(frozen=True, slots=True)
class Area:
    """Small areas with consecutive codes that came in with one edition."""

    first: str
    last: str
    since: date


@dataclass(frozen=True, slots=True)
class Lists:
    codelists: dict[str, Codelist]
    local_codes: tuple[re.Pattern[str], ...]
    areas: tuple[Area, ...]
    measurements: Measurements


def read_lists(policy: Policy) -> Lists:
    """Raises PolicyRefused for a file it cannot trust."""
    try:
        return Lists(
            codelists={name: _codelist(policy.rows(f"codelists/{name}.csv")) for name in CODELISTS},
            local_codes=tuple(re.compile(row["pattern"], re.ASCII) for row in policy.rows(LOCAL_CODES)),
            areas=tuple(
                Area(row["first_code"], row["last_code"], date.fromisoformat(row["in_force_from"]))
                for row in policy.rows(AREAS)
            ),
            measurements=read_measurements(policy),
        )
    except (KeyError, ValueError, re.error):
        raise PolicyRefused(
            f"policy: one of {', '.join(LIST_FILES)} has a line that cannot be read. Correct it as its legend says."
        ) from None


def _codelist(rows: list[dict[str, str]]) -> Codelist:
    numbers = {name: number for number, name in enumerate(sorted({row["category"] for row in rows}), 1)}
    found: Codelist = {}
    for row in rows:
        found.setdefault(_COLUMN_OF[row["scheme"]], {})[row["code"]] = numbers[row["category"]]
    return found


def categories(rows: Together, codelist: Codelist, table: str) -> pa.Array:
    """The category of the first of a row's codes that is on the list; NULL where none is."""
    count = sum(rows.lengths(table))
    found = np.zeros(count, np.float64)
    for column, codes in codelist.items():
        if has_column(table, column):
            places = places_of(rows.column(table, column), list(codes))
            numbers = np.array([0, *codes.values()], np.float64)[places + 1]
            found = np.where(found == 0, numbers, found)
    return pa.array(found, mask=found == 0)


def known_locals(column: pa.ChunkedArray, patterns: tuple[re.Pattern[str], ...]) -> pa.Array:
    """Whether a code follows one of the patterns. Each distinct code is looked at once."""
    codes = [code for code in pc.unique(column).to_pylist() if code is not None]
    known = [code for code in codes if any(pattern.fullmatch(code) for pattern in patterns)]
    return _told_of(column, known)


def known_areas(column: pa.ChunkedArray, days: np.ndarray, areas: tuple[Area, ...]) -> pa.Array:
    """Whether an area is in an edition in force on the day of the row's extract."""
    codes = [code for code in pc.unique(column).to_pylist() if code is not None]
    known = np.zeros(len(column), bool)
    for since in sorted({area.since for area in areas}):
        named = [code for code in codes if any(a.first <= code <= a.last for a in areas if a.since == since)]
        listed = pc.is_in(column, value_set=pa.array(named, column.type)).to_numpy()
        known |= listed & (days >= np.datetime64(since))
    return pa.array(known, mask=pc.is_null(column).to_numpy())


def _told_of(column: pa.ChunkedArray, known: list[str]) -> pa.Array:
    listed = pc.is_in(column, value_set=pa.array(known, column.type)).to_numpy()
    return pa.array(listed, mask=pc.is_null(column).to_numpy())
