"""Reading and writing the files of the three suppliers that deliver tables."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from journey.planting.tables import Table

_MEDICUS = {"doublequote": False, "escapechar": "\\"}


def read_emis(folder: Path) -> Iterator[tuple[Path, Table]]:
    for path in sorted(folder.glob("*.csv")):
        yield path, _read("_".join(path.name.split("_")[1:3]), path.read_text(encoding="utf-8"))


def write_emis(path: Path, table: Table) -> None:
    path.write_text(_written(table, quoting=csv.QUOTE_ALL), encoding="utf-8")


def read_tpp(folder: Path) -> Iterator[tuple[Path, Table]]:
    for path in sorted(folder.glob("SR*.csv")):
        yield path, _read(path.stem, path.read_bytes().decode("cp1252"))


def write_tpp(path: Path, table: Table) -> None:
    path.write_bytes(_written(table, quoting=csv.QUOTE_ALL).encode("cp1252"))


def read_medicus(path: Path) -> list[Table]:
    with zipfile.ZipFile(path) as archive:
        return [
            _read(name.removesuffix(".csv"), archive.read(name).decode(), **_MEDICUS) for name in archive.namelist()
        ]


def write_medicus(path: Path, tables: list[Table]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            archive.writestr(f"{table.name}.csv", _written(table, quoting=csv.QUOTE_MINIMAL, **_MEDICUS))


def _read(name: str, text: str, **dialect: object) -> Table:
    reader = csv.DictReader(io.StringIO(text, newline=""), **dialect)  # type: ignore[arg-type]
    return Table(name, list(reader.fieldnames or []), list(reader))


def _written(table: Table, **dialect: object) -> str:
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, table.header, restval="", extrasaction="ignore", lineterminator="\n", **dialect)  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(table.rows)
    return target.getvalue()
