"""A value in the forms it may be written down in, and where a text holds one of them."""

import base64
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql


def forms_of(text: str) -> dict[str, bytes]:
    """Plain, hexadecimal, base64 at each of its three offsets, UTF-16; compared without regard to case."""
    data = text.encode()
    offsets = {
        f"base64 after {before}": base64.b64encode(b"\0" * before + data)[-(-before * 4 // 3) :][:-4]
        for before in range(3)
    }
    return {"plain": data, "hex": data.hex().encode(), "UTF-16": text.encode("utf-16-le"), **offsets}


def found_in(data: bytes, texts: dict[str, str]) -> list[str]:
    """`label (form)` of every text that is there; never the text."""
    plain = data.lower()
    return [
        f"{label} ({form})"
        for label, text in texts.items()
        for form, pattern in forms_of(text).items()
        if (pattern in data if form.startswith("base64") else pattern.lower() in plain)
    ]


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
