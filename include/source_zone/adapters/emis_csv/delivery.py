"""What EMIS delivers: files of one time stamp are one extract. Looked at whole before a row of any is believed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from crossing.errors import PersonMustAct
from source_zone.adapters.known_columns import Header, KnownColumns
from source_zone.adapters.reading import FileRefused, check_whole, flag, read_header, same_ids, stream_csv
from source_zone.identified import Extract

AGREEMENTS = "Agreements_SharingOrganisation"
OWN_ORGANISATION = "own_organisation"  # remembered: the practice's id at EMIS, which never changes
_FILE_NAME = re.compile(r"^\d{1,9}_([A-Za-z]+_[A-Za-z]+)_(\d{14})_[0-9A-Fa-f-]{36}\.csv$")


class PracticeSwitchedOff(PersonMustAct):
    """The sharing agreement is off. What follows such a flag is often a mass delete, so nothing is taken."""


@dataclass(frozen=True, slots=True)
class EmisFile:
    """One file of an extract, its header recognised."""

    path: Path
    header: Header

    def stream(self) -> Iterator[pl.DataFrame]:
        """The rows, only what policy reads, under today's names of the columns and with ids in one spelling."""
        columns = list(self.header.to_read or self.header.columns[:1])
        ids = [name for name in columns if name.endswith("Guid")]
        for batch in stream_csv(self.path, columns):
            yield self.header.complete(pl.DataFrame(pl.from_arrow(same_ids(batch, ids))))


def find_extracts(practice_code: str, folder: Path) -> list[Extract]:
    """Oldest first. Raises FileRefused for an empty folder, or one with files that are not EMIS's."""
    if not folder.is_dir():
        raise FileRefused(
            f"{practice_code}: its folder {folder.name} is not there. Check the path, or ask the supplier to deliver."
        )
    by_stamp: dict[str, list[Path]] = {}
    for number, path in enumerate(sorted(folder.glob("*.csv")), 1):
        matched = _FILE_NAME.match(path.name)
        if not matched:  # a stranger's file may be called after a patient
            raise FileRefused(
                f"{practice_code}: file {number} by name of its folder is not named as EMIS names its files. Move it away, "
                "or ask the supplier."
            )
        by_stamp.setdefault(matched.group(2), []).append(path)
    if not by_stamp:
        raise FileRefused(f"{practice_code}: no EMIS file in its folder {folder.name}. Ask the supplier to deliver.")
    return [_extract(stamp, files) for stamp, files in sorted(by_stamp.items())]


def check_files(practice_code: str, extract: Extract, known: KnownColumns) -> dict[str, EmisFile]:
    """Table -> its file. A table without changes still has its file; those of which nothing is read may be absent."""
    whose = f"{practice_code}, extract {extract.extract_id}"
    paths = {_table_of(path): path for path in extract.files}
    if len(paths) < len(extract.files):
        raise FileRefused(
            f"{whose}: two files of one table under one time stamp. "
            "Ask the supplier which one counts, and move the other away."
        )
    needed = {table for table in known.fields if known.to_read(table)}
    for table in sorted(needed - paths.keys()):
        raise FileRefused(f"{whose}: the file of {table} is missing. Ask the supplier to send it.")
    for table in sorted(table for table in paths if not known.is_known(table)):
        raise FileRefused(
            f"{whose}: {table} is not a table policy knows. "
            "Ask the supplier what it is; then have it reviewed in policy/fields/emis_csv.toml."
        )
    for path in paths.values():
        check_whole(path)
    return {table: EmisFile(path, known.check(path, table, read_header(path))) for table, path in paths.items()}


def check_agreement(practice_code: str, files: Mapping[str, EmisFile], remembered: pa.Table | None) -> pa.Table:
    """The practice's own id at EMIS, to be remembered.

    Raises PracticeSwitchedOff unless one agreement, of this practice, is there and is on; FileRefused where the files
    are another practice's.
    """
    name = files[AGREEMENTS].path.name
    rows = pl.concat([pl.DataFrame(schema=dict.fromkeys(_DECIDING, pl.String)), *_deciding(files[AGREEMENTS])])
    off = ~flag("IsActivated").fill_null(False) | flag("Disabled").fill_null(True) | flag("Deleted").fill_null(True)
    if not rows.height or rows.filter(off).height:
        raise PracticeSwitchedOff(
            f"{practice_code}: {name} says sharing is disabled, deleted or not activated, or says nothing. "
            "Ask the practice whether it still takes part; nothing is taken and nothing deleted meanwhile."
        )
    organisations = rows["OrganisationGuid"].unique()
    if organisations.len() > 1 or organisations.null_count():
        raise FileRefused(
            f"{practice_code}: {name} has agreements of {organisations.len()} organisations, or of one not named. "
            "A practice's folder holds its own extract only; ask the supplier to send it by itself."
        )
    _check_it_is_ours(practice_code, organisations, files, remembered)
    return pa.table({"organisation": pa.array(organisations.to_list(), pa.string())})


_DECIDING = ("OrganisationGuid", "IsActivated", "Disabled", "Deleted")


def _deciding(file: EmisFile) -> list[pl.DataFrame]:
    return [rows.select(_DECIDING) for rows in file.stream()]


def _check_it_is_ours(
    practice_code: str, own: pl.Series, files: Mapping[str, EmisFile], remembered: pa.Table | None
) -> None:
    """By what earlier nights said, by the practice code, and by whose the patients are."""
    before = remembered is not None and own[0] not in remembered.column(0).to_pylist()
    organisation = pl.col("OrganisationGuid")
    other_code = (organisation == own[0]) & (pl.col("ODSCode").str.strip_chars() != practice_code)
    named = sum(rows.filter(other_code).height for rows in files["Admin_Organisation"].stream())
    strangers = sum(rows.filter(organisation != own[0]).height for rows in files["Admin_Patient"].stream())
    if before or named or strangers:
        raise FileRefused(
            f"{practice_code}: these files are another organisation's, or {strangers} of the patients in them are. "
            "Nothing is taken. Ask the supplier to send the practice's own extract."
        )


def _extract(stamp: str, files: list[Path]) -> Extract:
    try:
        taken_at = datetime.strptime(stamp + "+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        raise FileRefused(f"{files[0].name}: its time stamp is no date. Ask the supplier to name it rightly.") from None
    return Extract(extract_id=stamp, taken_at=taken_at, files=tuple(files))


def _table_of(path: Path) -> str:
    matched = _FILE_NAME.match(path.name)
    return matched.group(1) if matched else path.name
