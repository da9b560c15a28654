"""Planting in tables: for every column of a file, rows like its others that differ in that column alone."""

import random
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from journey.planting.canaries import Canaries

Row = dict[str, str]
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_GOOD_NUMBER = 4  # how many of the simulator's own identifiers of a column are looked for


@dataclass(slots=True)
class Table:
    """One file of a delivery."""

    name: str
    header: list[str]
    rows: list[Row] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Planter:
    """Plants in the tables of one practice of one format. `fields` is policy's list; `left_out` are those not planted here."""

    canaries: Canaries
    format: str
    fields: Mapping[str, Mapping[str, Mapping[str, Any]]]
    left_out: Collection[str] = ()
    only: Collection[str] = ()

    def plant(self, table: Table) -> None:
        lines = self.fields[table.name]
        ordinary = table.rows[: len(table.rows) // 2] or [dict.fromkeys(table.header, "")]
        for column in table.header:
            place = f"{table.name}.{column}"
            if place in self.left_out or (self.only and place not in self.only):
                continue
            self._note(table, column, lines[column]["action"])
            for value in self._values(place, lines[column]["action"]):
                row = self._like_another(table, lines, ordinary)
                table.rows.append(row | {column: value})

    def _values(self, place: str, action: str) -> Sequence[str]:
        word, number = self.canaries.word(self.format, place), self.canaries.number(self.format, place)
        if action == "drop":
            return [f"Rang about {word}, mother is {number[:3]} {number[3:6]} {number[6:]}"]
        return [word, number]

    def _like_another(self, table: Table, lines: Mapping[str, Mapping[str, Any]], rows: list[Row]) -> Row:
        """A sound row of its own, with an id that no other has."""
        row = dict(random.choice(rows))
        for column in table.header:
            if is_own_id(table.name, column, lines[column]):
                row[column] = fresh_id(row[column])
            if lines[column].get("to") == "patient_token":
                row[column] = self.canaries.person(self.format, f"{table.name}.{column}")
        return row

    def _note(self, table: Table, column: str, action: str) -> None:
        if action == "token":
            values = {row[column] for row in table.rows if row.get(column)}
            for value in sorted(values)[:_GOOD_NUMBER]:
                self.canaries.note(self.format, f"{table.name}.{column}", value)


def is_own_id(table: str, column: str, line: Mapping[str, Any]) -> bool:
    """Of the row itself, not of what it points to."""
    return column in ("RowIdentifier", "uid") or (column == "CodeId" and table.startswith("Coding_")) or (
        line.get("to") == "record_token" or (table, column) == ("Admin_Patient", "PatientGuid")
    )  # fmt: skip


def fresh_id(like: str) -> str:
    if like and like.isdigit():
        return str(9 * 10**16 + secrets.randbelow(10**15))
    guid = str(uuid4())
    return guid.upper() if _GUID.fullmatch(like) and like.upper() == like else guid
