"""Canaries in the deliveries of EMIS, TPP and Medicus. Columns that only some versions have come in a practice of that version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossing.policy import Policy
from journey.planting import table_files
from journey.planting.tables import Planter, Table

Headers = dict[str, list[list[str]]]


@dataclass(frozen=True, slots=True)
class TablePolicy:
    """The columns of every table that policy lists, and the headers they come in."""

    format: str
    fields: Mapping[str, Mapping[str, Mapping[str, Any]]]
    headers: Headers

    @classmethod
    def read(cls, format: str) -> "TablePolicy":
        policy = Policy()
        fields = dict(policy.table(f"fields/{format}.toml"))
        fields.pop("not_collected", None)
        listed = policy.table(f"fields/{format}_headers.toml")
        headers = {table: [_columns(each) for each in versions.values()] for table, versions in listed.items()}
        return cls(format, fields, {table: headers[table] for table in fields})

    @property
    def places(self) -> set[str]:
        return {f"{table}.{column}" for table, columns in self.fields.items() for column in columns}

    def header(self, table: str, edition: int) -> list[str]:
        """The headers that together have every column; an edition beyond the last is the last."""
        needed = _fewest(self.headers[table])
        return needed[min(edition, len(needed) - 1)]

    @property
    def editions(self) -> int:
        return max(len(_fewest(headers)) for headers in self.headers.values())


def _columns(entry: Any) -> list[str]:
    return list(entry["columns"] if isinstance(entry, dict) else entry)


def _fewest(headers: Sequence[list[str]]) -> list[list[str]]:
    """Those that add most, one after another, until every column is in one."""
    left, chosen = {column for header in headers for column in header}, []
    while left:
        best = max(headers, key=lambda header: len(left & set(header)))
        chosen.append(best)
        left -= set(best)
    return chosen


def plant_emis(folder: Path, policy: TablePolicy, planter: Planter, edition: int) -> None:
    paths = {}
    for path, table in table_files.read_emis(folder):
        paths[table.name] = path
        _fit(table, policy, edition)
        planter.plant(table)
        table_files.write_emis(path, table)
    like = next(iter(paths.values())).name
    for number, name in enumerate(sorted(policy.fields.keys() - paths)):
        table = Table(name, policy.header(name, edition))
        planter.plant(table)
        sequence, _, rest = like.partition("_")
        stamp = "_".join(rest.split("_")[2:])
        table_files.write_emis(folder / f"{int(sequence) + 20 + number}_{name}_{stamp}", table)


def plant_tpp(folder: Path, policy: TablePolicy, planter: Planter, edition: int) -> None:
    for path, table in table_files.read_tpp(folder):
        _fit(table, policy, edition)
        planter.plant(table)
        table_files.write_tpp(path, table)


def plant_medicus(archive: Path, policy: TablePolicy, planter: Planter, edition: int) -> None:
    tables = table_files.read_medicus(archive)
    for table in tables:
        _fit(table, policy, edition)
        planter.plant(table)
    table_files.write_medicus(archive, tables)


def _fit(table: Table, policy: TablePolicy, edition: int) -> None:
    """The same rows under another version's header; what that has more is empty, or the same under its old name."""
    header, lines = policy.header(table.name, edition), policy.fields[table.name]
    for column in header:
        same = lines[column].get("same_as")
        for row in table.rows:
            row.setdefault(column, row.get(same, "") if same else _usual(column))
    table.header = header


def _usual(column: str) -> str:
    return {"change_type": "added", "RemovedData": "0", "Deleted": "false"}.get(column, "")
