"""The closed list of a CSV format: every column ever seen, what becomes of it, and every header that is known.

A header is known whole or not at all: a column more is how identifiers leak, a column less is how a flag gets lost.
policy/fields/<format>.toml names columns and actions, policy/fields/<format>_headers.toml the headers by version.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from crossing.policy import Policy, PolicyRefused
from source_zone.adapters.ignored_fields import FILE as IGNORE_FILE
from source_zone.adapters.ignored_fields import Ignored, read_ignored
from source_zone.adapters.reading import FileRefused

ACTIONS = frozenset({"keep", "token", "generalise", "decide", "drop"})
NOT_COLLECTED = "not_collected"  # in the fields file: tables never read whatever their columns, each with its reason
_PRINTABLE = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,59}")
_LONG_NUMBER = re.compile(r"[0-9]{5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One file's header, recognised. Only `to_read` may be read; the rest of the file stays where it is."""

    version: str
    columns: tuple[str, ...] = field(repr=False)  # as found, in the file's order
    to_read: tuple[str, ...]  # of those, the ones whose action is not drop
    spelt: Mapping[str, str]  # a column's old spelling -> its present name
    absent: Mapping[str, str | None]  # what policy reads and this version lacks -> the cell that stands for it, or NULL

    def complete(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows under today's names, with every column that policy reads of the table."""
        renamed = rows.rename({old: new for old, new in self.spelt.items() if old in rows.columns})
        filled = {name: pl.lit(cell, pl.String) for name, cell in self.absent.items() if name not in renamed.columns}
        return renamed.with_columns(**filled) if filled else renamed


@dataclass(frozen=True, slots=True)
class KnownColumns:
    """Everything policy knows of one CSV format, and what it lets lie for the moment."""

    format: str
    fields: Mapping[str, Mapping[str, Mapping[str, str]]] = field(repr=False)  # table -> column -> its line
    headers: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(repr=False)  # table -> version -> columns, absent
    not_collected: Mapping[str, str] = field(repr=False)  # table -> why it is never read
    ignored: Ignored = field(repr=False)

    @classmethod
    def read(cls, policy: Policy, format_name: str, today: date) -> "KnownColumns":
        """Raises PolicyRefused where the two files do not agree on every column, or a line lacks its reason."""
        fields = dict(policy.table(f"fields/{format_name}.toml"))
        not_collected = fields.pop(NOT_COLLECTED, {})
        headers = {
            table: {version: _entry(each) for version, each in versions.items()}
            for table, versions in policy.table(f"fields/{format_name}_headers.toml").items()
        }
        known = cls(format_name, fields, headers, not_collected, read_ignored(policy, format_name, today))
        _check_policy(known)
        return known

    def is_known(self, table: str) -> bool:
        return table in self.fields or table in self.not_collected

    def to_read(self, table: str) -> tuple[str, ...]:
        """The present names of what is read of a table, whichever version it comes in."""
        return tuple(name for name, line in self.fields[table].items() if _is_read(line) and "same_as" not in line)

    def check(self, path: Path, table: str, found: Sequence[str]) -> Header:
        """Raises FileRefused for a header that no version has. A table not collected may have any: none of it is read."""
        if table in self.not_collected:
            return Header(version=NOT_COLLECTED, columns=tuple(found), to_read=(), spelt={}, absent={})
        if table not in self.fields:
            raise FileRefused(f"{path.name}: its table is not in policy. {self._what_to_do}")
        for ignoring in (frozenset[str](), frozenset(name for where, name in self.ignored.live if where == table)):
            left = [name for name in found if name not in ignoring]
            for version, each in self.headers[table].items():
                if left == each["columns"]:
                    return self._header(table, version, found, each)
        raise FileRefused(f"{path.name}, header: {self._difference(table, found)}. {self._what_to_do}")

    def _header(self, table: str, version: str, found: Sequence[str], entry: Mapping[str, Any]) -> Header:
        lines = self.fields[table]
        to_read = tuple(name for name in found if name in entry["columns"] and _is_read(lines[name]))
        spelt = {name: lines[name]["same_as"] for name in to_read if "same_as" in lines[name]}
        there = {spelt.get(name, name) for name in to_read}
        stands = {name: line["reads_as"] for name, line in entry["absent"].items()}
        absent = {name: stands.get(name) for name in self.to_read(table) if name not in there}
        return Header(version=version, columns=tuple(found), to_read=to_read, spelt=spelt, absent=absent)

    def _difference(self, table: str, found: Sequence[str]) -> str:
        """Where a header differs, and what that column is called only if it cannot be a cell of a patient's row."""
        known = self.fields[table]
        unknown = [(number, name) for number, name in enumerate(found, 1) if name not in known]
        live = {name for where, name in self.ignored.live if where == table}
        new = [(number, name) for number, name in unknown if name not in live]
        if new:
            number, name = new[0]
            is_header = len(unknown) < len(found) / 2
            called = f" ({name})" if is_header and _may_be_printed(name) else ""
            lapsed = self.ignored.expired.get((table, name))
            over = f"; its `ignore until` of {lapsed} in policy/{IGNORE_FILE} is over" if lapsed else ""
            return f"column number {number}{called} is not in policy{over}; {len(new)} of {len(found)} are not"
        version, nearest = max(self.headers[table].items(), key=lambda each: _in_common(each[1]["columns"], found))
        missing = [name for name in nearest["columns"] if name not in found]
        where = _in_common(nearest["columns"], found) + 1
        lacks = (
            f"missing: {', '.join(missing)}"
            if missing
            else "every column is known, but not in this order or not together"
        )
        return (
            f"of no version that policy knows; nearest is {version}, the first that differs is number {where}; {lacks}"
        )

    @property
    def _what_to_do(self) -> str:
        return (
            "Rule: an unknown column stops the practice. Ask the supplier what changed; then have it reviewed in "
            f"policy/fields/{self.format}.toml and its headers, or left unread for a while in policy/{IGNORE_FILE}."
        )


def _is_read(line: Mapping[str, str]) -> bool:
    return line["action"] != "drop"


def _may_be_printed(name: str) -> bool:
    return bool(_PRINTABLE.fullmatch(name)) and not _LONG_NUMBER.search(name)


def _in_common(columns: Sequence[str], found: Sequence[str]) -> int:
    """How many columns agree before the first that differs."""
    pairs = enumerate(zip(columns, found, strict=False))
    return next((place for place, (ours, theirs) in pairs if ours != theirs), min(len(columns), len(found)))


def _entry(each: Any) -> dict[str, Any]:
    """A header is a list of columns, or a table that also says what the absence of some means."""
    return {"absent": {}, **each} if isinstance(each, dict) else {"columns": each, "absent": {}}


def _check_policy(known: KnownColumns) -> None:
    file = f"policy/fields/{known.format}"
    if known.fields.keys() != known.headers.keys():
        differ = sorted(known.fields.keys() ^ known.headers.keys())
        raise PolicyRefused(f"{file}.toml and {known.format}_headers.toml name different tables: {', '.join(differ)}.")
    for table, lines in known.fields.items():
        _check_lines(f"{file}.toml", table, lines)
        in_headers = {name for each in known.headers[table].values() for name in each["columns"]}
        if in_headers != lines.keys():
            differ = sorted(in_headers ^ lines.keys())
            raise PolicyRefused(f"{file}.toml [{table}] and its headers do not agree on: {', '.join(differ)}.")
        for each in known.headers[table].values():
            _check_absent(f"{file}_headers.toml", table, each, lines)
    if not all(isinstance(why, str) and why for why in known.not_collected.values()):
        raise PolicyRefused(f"{file}.toml [{NOT_COLLECTED}]: each table needs its reason.")
    known_already = [name for table, name in known.ignored.live if name in known.fields.get(table, {})]
    if known_already:
        raise PolicyRefused(
            f"policy/{IGNORE_FILE}: {', '.join(known_already)} of {known.format} is known; it cannot be ignored."
        )


def _check_lines(file: str, table: str, lines: Mapping[str, Mapping[str, str]]) -> None:
    for name, line in lines.items():
        crosses = line.get("action") in ("keep", "token", "generalise")
        if line.get("action") not in ACTIONS or not line.get("why") or crosses != ("to" in line):
            raise PolicyRefused(f"{file} [{table}] {name}: needs an action, a reason, and `to` where it crosses.")
        if line.get("same_as", name) not in lines:
            raise PolicyRefused(f"{file} [{table}] {name}: `same_as` names no column of the table.")


def _check_absent(file: str, table: str, entry: Mapping[str, Any], lines: Mapping[str, Any]) -> None:
    for name, line in entry["absent"].items():
        if name not in lines or name in entry["columns"] or not line.get("why") or "reads_as" not in line:
            raise PolicyRefused(f"{file} [{table}] absent {name}: needs reads_as and why, and must be absent.")
