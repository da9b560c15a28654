"""What policy/measurements.csv says of a value with its code and unit: impossible, implausible, without a unit, absent."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from central_zone.expectations.together import Together, places_of
from crossing.policy import Policy, PolicyRefused

MEASUREMENTS = "measurements.csv"
_COLUMN = "snomed_concept_id"
_LIMITS = ("impossible_least", "plausible_least", "plausible_most", "impossible_most")


class Finding(IntEnum):
    """What is wrong with one measurement. The names, in lower case, are those that rules give."""

    NOTHING = 0
    MISSING = 1  # the code stands for a number, and there is none
    UNIT_MISSING = 2
    UNIT_OF_ANOTHER = 3  # a unit that this code is never measured in
    NOT_PLAUSIBLE = 4
    NOT_POSSIBLE = 5


@dataclass(frozen=True, slots=True)
class Measurements:
    """Codes, units, and for each pair of them four limits: NaN where the code is not measured in that unit."""

    codes: tuple[str, ...]
    units: tuple[str, ...]
    limits: dict[str, np.ndarray]  # of each of _LIMITS, codes by units


def read_measurements(policy: Policy) -> Measurements:
    """Raises PolicyRefused where a code and unit stand twice or limits are not in order."""
    rows = policy.rows(MEASUREMENTS)
    codes = tuple(dict.fromkeys(row["code"] for row in rows))
    units = tuple(dict.fromkeys(unit for row in rows for unit in row["units"].split("|")))
    limits = {name: np.full((len(codes), len(units)), np.nan) for name in _LIMITS}
    for row in rows:
        for unit in row["units"].split("|"):
            place = codes.index(row["code"]), units.index(unit)
            if not np.isnan(limits[_LIMITS[0]][place]):
                raise PolicyRefused(f"policy/{MEASUREMENTS}: {row['code']} stands twice with one unit. Keep one line.")
            for name in _LIMITS:
                limits[name][place] = float(row[name])
            _check_order(row)
    return Measurements(codes, units, limits)


def _check_order(row: dict[str, str]) -> None:
    limits = [float(row[name]) for name in _LIMITS]
    if limits != sorted(limits):
        raise PolicyRefused(f"policy/{MEASUREMENTS}: the limits of {row['code']} do not rise. Correct the line.")


def findings(rows: Together, measurements: Measurements, table: str) -> pa.Array:
    """The worst finding of each row; NULL for rows whose code stands for no measurement, and for deleted ones."""
    codes = places_of(rows.column(table, _COLUMN), measurements.codes)
    deleted = rows.column(table, "is_deleted").to_numpy()
    (measured,) = np.nonzero((codes >= 0) & ~deleted)
    found = np.full(len(codes), np.nan)
    where = pa.array(measured)
    units = rows.column(table, "value_unit").take(where)
    values = rows.column(table, "value").take(where).to_numpy()
    found[measured] = _worst(measurements, codes[measured], units, values)
    return pa.array(found, mask=np.isnan(found))


def _worst(measurements: Measurements, codes: np.ndarray, units: pa.ChunkedArray, values: np.ndarray) -> np.ndarray:
    place = places_of(units, measurements.units)
    least, low, high, most = (measurements.limits[name][codes, place] for name in _LIMITS)
    none = np.isnan(values)
    no_unit = pc.is_null(units).to_numpy()
    foreign = ~no_unit & ((place < 0) | np.isnan(least))
    cases = [
        (none, Finding.MISSING),
        (no_unit, Finding.UNIT_MISSING),
        (foreign, Finding.UNIT_OF_ANOTHER),
        ((values < least) | (values > most), Finding.NOT_POSSIBLE),
        ((values < low) | (values > high), Finding.NOT_PLAUSIBLE),
    ]
    return np.select([case for case, _ in cases], [float(finding) for _, finding in cases], float(Finding.NOTHING))
