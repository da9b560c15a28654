"""One delivery of TPP: a folder or zip named by its time stamp, with SR*.csv and the manifest that lists them.

`<practice's folder>/<YYYYMMDD_HHMM or YYYYMMDDHHMMSS>/SRCode.csv ...`, or `<stamp>.zip` of the same. The manifest
(SRManifest.csv) says of each file whether it holds changes or everything; itself and the two tables of lists, which
always come, it does not name.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from crossing.manifest_fields import DELTA, SNAPSHOT
from source_zone.adapters.known_columns import Header, KnownColumns
from source_zone.adapters.reading import FileRefused
from source_zone.adapters.tpp_csv.files import TABLE, TableFile, files_of, table_of
from source_zone.identified import Extract

_STAMP = re.compile(r"(\d{8})_?(\d{4})(\d{2})?")
_MANIFEST, _LISTS = "SRManifest", ("SRMapping", "SRMappingGroup")
_MANIFEST_COLUMNS = ("FileName", "IsDelta")
_ASK_AGAIN = "Ask the supplier to send this extract again, whole."


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of one extract that are read, every one of them looked at before a row of any is believed."""

    files: dict[str, TableFile] = field(repr=False)
    headers: dict[str, Header] = field(repr=False)
    is_delta: dict[str, bool]

    @classmethod
    def of(cls, extract: Extract, known: KnownColumns) -> "Delivery":
        """Raises FileRefused where the folder and its manifest differ, or a file is cut off or of no known layout."""
        files = {table_of(each): each for each in files_of(_where(extract))}
        where = f"extract {extract.extract_id}"
        listed = _read_manifest(files.get(_MANIFEST), where)
        known.check(Path(files[_MANIFEST].name), _MANIFEST, files[_MANIFEST].header())
        _check_as_listed(where, set(files), set(listed), known)
        for file in files.values():
            file.check_whole()
        read = {table: files[table] for table in known.fields if table != _MANIFEST}
        headers = {table: known.check(Path(file.name), table, file.header()) for table, file in read.items()}
        is_delta = {table: listed.get(table, False) for table in read}
        for table, header in headers.items():
            if is_delta[table] and "RemovedData" not in header.columns:
                raise FileRefused(
                    f"{where}: {table} is said to hold changes only, and has no column RemovedData: what was deleted "
                    f"cannot be told. Ask the supplier for a full load, or for a version that has it."
                )
        return cls(read, headers, is_delta)


def find_extracts(practice_code: str, folder: Path) -> list[Extract]:
    """Oldest first. Raises FileRefused for a folder that is not there, is empty or holds something else."""
    if not folder.is_dir():
        raise FileRefused(
            f"{practice_code}: its folder {folder.name} is not there. Check the path, or ask the supplier to deliver."
        )
    found: dict[str, Extract] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        extract = _extract(practice_code, path)
        if extract.extract_id in found:
            raise FileRefused(
                f"{practice_code}: two deliveries of one time stamp, {extract.extract_id}. "
                "Ask the supplier which one counts, and move the other away."
            )
        found[extract.extract_id] = extract
    if not found:
        raise FileRefused(
            f"{practice_code}: no extract of TPP in its folder {folder.name}. Ask the supplier to deliver."
        )
    return [found[stamp] for stamp in sorted(found)]


def _extract(practice_code: str, path: Path) -> Extract:
    matched = _STAMP.fullmatch(path.name.removesuffix(".zip"))
    if not matched or path.is_dir() == (path.suffix == ".zip"):
        raise FileRefused(
            f"{practice_code}: something in its folder is not an extract of TPP: a folder or zip named YYYYMMDD_HHMM or "
            "YYYYMMDDHHMMSS. Move it away, or ask the supplier."
        )
    stamp = matched.group(1) + matched.group(2) + (matched.group(3) or "00")
    try:
        taken_at = datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        raise FileRefused(
            f"{practice_code}: the time stamp of an extract is no date. Ask the supplier to name it rightly."
        ) from None
    files = (path,) if path.is_file() else tuple(each for each in sorted(path.iterdir()) if each.name[0] != ".")
    return Extract(extract_id=stamp, taken_at=taken_at, files=files or (path,), kind=_kind(path))


def _where(extract: Extract) -> Path:
    first = extract.files[0]
    return first if first.suffix == ".zip" or first.is_dir() else first.parent


def _kind(path: Path) -> str:
    """All of it full loads, or not. What cannot be read is refused when the extract is."""
    try:
        files = {table_of(each): each for each in files_of(path)}
        listed = _read_manifest(files.get(_MANIFEST), path.name)
    except (FileRefused, OSError):
        return DELTA
    return DELTA if any(listed.values()) or not listed else SNAPSHOT


def _read_manifest(file: TableFile | None, where: str) -> dict[str, bool]:
    """Each table it lists, and whether its file holds changes only."""
    if file is None:
        raise FileRefused(f"{where}: {_MANIFEST}.csv is missing. {_ASK_AGAIN}")
    header, *lines = file.lines() or [[]]
    if not {*_MANIFEST_COLUMNS} <= {*header}:
        raise FileRefused(f"{file.name}, header: lacks {' or '.join(_MANIFEST_COLUMNS)}. {_ASK_AGAIN}")
    listed: dict[str, bool] = {}
    for number, line in enumerate(lines, 2):
        table, changes = (dict(zip(header, line, strict=False)).get(name, "") for name in _MANIFEST_COLUMNS)
        if len(line) != len(header) or not TABLE.fullmatch(table) or table in listed or changes not in ("Y", "N"):
            raise FileRefused(
                f"{file.name}, line {number}: not a table named once and Y or N for IsDelta. {_ASK_AGAIN}"
            )
        listed[table] = changes == "Y"
    return listed


def _check_as_listed(where: str, there: set[str], listed: set[str], known: KnownColumns) -> None:
    expected = {*listed, _MANIFEST, _LISTS[0]}
    needed = set(known.fields) - {_MANIFEST, *_LISTS}
    for table in sorted(needed - listed):
        raise FileRefused(f"{where}: {table} is not in {_MANIFEST}.csv. Ask the supplier to put it into the extract.")
    for table in sorted(expected - there):
        raise FileRefused(f"{where}: the file of {table} is missing. {_ASK_AGAIN}")
    for table in sorted(there - expected - {*_LISTS}):
        raise FileRefused(f"{where}: {table} is there, and {_MANIFEST}.csv does not list it. {_ASK_AGAIN}")
    for table in sorted(there - {_MANIFEST}):
        if not known.is_known(table):
            raise FileRefused(
                f"{where}: {table} is not a table policy knows. Ask the supplier what it is; "
                "then have it reviewed in policy/fields/tpp_csv.toml."
            )
