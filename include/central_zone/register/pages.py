"""Writes the register's contents for each kind of reader: people, spreadsheets, programs and feed readers."""

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from central_zone.register.data_use import FIELDS
from crossing.faultpoint import faultpoint
from crossing.file_lock import lock_alone
from crossing.html_pages import rendered
from crossing.parcel import sync_folder, write_durably

_FOLDER = Path(__file__).parent / "pages"
# What a spreadsheet program takes for the start of a formula, or for its disguise.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def render(contents: dict[str, Any]) -> dict[str, bytes]:
    """The register's files by name. The same contents always give the same bytes."""
    return {
        "index.html": rendered(_FOLDER, "index.html.j2", contents),
        "feed.atom": rendered(_FOLDER, "feed.atom.j2", contents),
        "register.json": (json.dumps(contents, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(),
        "register.csv": _csv(contents["data_uses"]),
    }


def write(out: Path, files: dict[str, bytes]) -> bool:
    """Puts the files in place, each by one rename. False where they were all there already, byte for byte."""
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        return _write(out, files)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One publisher at a time, until this process ends, however it ends. Raises FileInUse."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        lock_alone(descriptor, "GP_REGISTER_DIR")
        yield
    finally:
        os.close(descriptor)


def _write(out: Path, files: dict[str, bytes]) -> bool:
    changed = {name: data for name, data in files.items() if _current(out / name) != data}
    for left in out.glob(".*.draft"):  # by a run that was killed
        left.unlink()
    for name, data in changed.items():
        draft = out / f".{name}.draft"
        write_durably(draft, data)
        faultpoint("register.file_drafted")
        draft.replace(out / name)
        faultpoint("register.file_in_place")
    if changed:
        sync_folder(out)
    return bool(changed)


def _current(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _csv(uses: list[dict[str, Any]]) -> bytes:
    """HDR UK's template: its 31 headings, a row an entry. Line ends as RFC 4180 wants them."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(FIELDS.values())
    writer.writerows([_harmless(use["fields"][heading]) for heading in FIELDS.values()] for use in uses)
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    """A leading apostrophe makes a spreadsheet show a cell instead of running it."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
