"""Whose each record is that was ever sent: a server's deletion names a record, and not its patient.

Kept as hashes, thirteen bytes a record, so that it can be remembered for years of nights.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossing.canonical import TABLES
from source_zone.adapters.fhir_r4.record import Row

OWNERS, OWNING_PATIENTS = "fhir_owners", "fhir_owning_patients"
_TABLES = list(TABLES)
_HASH = {"record": np.uint64, "patient": np.uint32, "table": np.uint8}


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little")


@dataclass(slots=True)
class Owners:
    """Record -> patient and table, of earlier nights and of this one."""

    _columns: dict[str, npt.NDArray[np.generic]] = field(repr=False)  # sorted by record
    _patients: dict[str, int] = field(repr=False)
    _records: "array[int]" = field(default_factory=lambda: array("Q"), repr=False)
    _of: "array[int]" = field(default_factory=lambda: array("I"), repr=False)
    _in: "array[int]" = field(default_factory=lambda: array("B"), repr=False)

    @classmethod
    def remembered(cls, tables: dict[str, pa.Table]) -> "Owners":
        known = tables.get(OWNERS)
        columns = {
            name: np.zeros(0, type_) if known is None else known.column(name).to_numpy()
            for name, type_ in _HASH.items()
        }
        names = tables[OWNING_PATIENTS].column("patient").to_pylist() if OWNING_PATIENTS in tables else []
        return cls(columns, {name: place for place, name in enumerate(names)})

    def tables(self) -> dict[str, pa.Table]:
        self._settle()
        return {
            OWNERS: pa.table({name: pa.array(column) for name, column in self._columns.items()}),
            OWNING_PATIENTS: pa.table({"patient": pa.array(list(self._patients), pa.string())}),
        }

    def note(self, table: str, rows: list[Row]) -> None:
        place, patients = _TABLES.index(table), self._patients
        for row in rows:
            name, registration = row["record_id"], row["registration_id"]
            if name is not None and registration is not None:
                self._records.append(_hash(name))
                self._of.append(patients.setdefault(registration, len(patients)))
                self._in.append(place)

    def tombstones(self, name: str) -> Iterator[tuple[str, Row]]:
        """One for the record wherever it is, and one for each of its parts. Nothing where it was never sent."""
        self._settle()
        names = list(self._patients)
        for table, patient in self._find(name):
            yield table, _tombstone(name, names[patient])
            part = 0
            while found := self._find(f"{name}#{part}"):
                yield from ((each, _tombstone(f"{name}#{part}", names[whose])) for each, whose in found)
                part += 1

    def _find(self, name: str) -> list[tuple[str, int]]:
        records, wanted = self._columns["record"], np.uint64(_hash(name))
        start, end = np.searchsorted(records, [wanted, wanted + np.uint64(1)]) if len(records) else (0, 0)
        tables, patients = self._columns["table"][start:end].tolist(), self._columns["patient"][start:end].tolist()
        return [(_TABLES[table], patient) for table, patient in zip(tables, patients, strict=True)]

    def _settle(self) -> None:
        """The last that was said of a record in a table counts."""
        if not self._records:
            return
        new = {"record": self._records, "patient": self._of, "table": self._in}
        for name, type_ in _HASH.items():
            self._columns[name] = np.concatenate([self._columns[name], np.frombuffer(new[name], dtype=type_)])
        self._records, self._of, self._in = array("Q"), array("I"), array("B")
        self._sort("record", "table")
        record, table = self._columns["record"], self._columns["table"]
        last = np.append((record[1:] != record[:-1]) | (table[1:] != table[:-1]), True)
        for name in _HASH:
            self._columns[name] = self._columns[name][last]

    def _sort(self, *by: str) -> None:
        """Stable, one column at a time, so that little more is held than there is."""
        order = np.lexsort([self._columns[name] for name in reversed(by)])
        for name in _HASH:
            self._columns[name] = self._columns[name][order]


def _tombstone(name: str, registration: str) -> Row:
    return {"record_id": name, "is_deleted": True, "registration_id": registration, "is_confidential": False}
