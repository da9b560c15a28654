"""What was planted, in every form that the search for leaks knows, and where bytes hold one; files and tables as bytes."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from leak_search.matcher import Matcher
from leak_search.needles import needles_for


@dataclass(frozen=True, slots=True)
class Planted:
    """Values by label. A search tells labels, never values."""

    values: Mapping[str, str] = field(repr=False)
    _matcher: Matcher = field(init=False, repr=False)

    def __post_init__(self) -> None:
        needles = [needle for label, value in self.values.items() for needle in needles_for(label, value)]
        object.__setattr__(self, "_matcher", Matcher(needles))

    def __getitem__(self, label: str) -> str:
        return self.values[label]

    def found_in(self, data: bytes) -> set[str]:
        return {needle.label for needle in self._matcher.matches(io.BytesIO(data))}


def files_below(folder: Path, pattern: str = "*") -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob(pattern)) if path.is_file() and not path.is_symlink())


def tables_of(url: str) -> dict[str, bytes]:
    """Every table of a database as text, also what Airflow keeps as bytes."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return {name: _text_of(connection, name) for (name,) in names}


def _text_of(connection: psycopg.Connection[tuple[str, ...]], name: str) -> bytes:
    rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name)))
    return "\n".join(row[0] for row in rows).encode()
