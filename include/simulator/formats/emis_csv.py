"""EMIS's bulk CSV, version 5.4: one file a table. The simulator's rows already have its shape."""

from dataclasses import dataclass
from pathlib import Path

from simulator import calendar
from simulator.emis import write
from simulator.emis.layout import FILES, OBSERVATION, file_name
from simulator.facts import Rows
from simulator.formats import CHANGED_HEADER, CUT_FILE, RowsOf, Written
from simulator.practice import Practice


@dataclass(frozen=True, slots=True)
class EmisCsv:
    """Everything is carried."""

    name: str = "emis_csv"
    files: tuple[str, ...] = FILES

    def extract_id(self, night: int) -> str:
        return calendar.extract_id(night)

    def carried(self, rows: Rows) -> Rows:
        return rows

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        """Trouble is always with the observations."""
        size = 0
        for file in self.files:
            path = _path(folder, source, night, file)
            changed = trouble == CHANGED_HEADER and file == OBSERVATION
            size += write.write(path, file, rows_of(file), night, changed_header=changed)
        if trouble == CUT_FILE:
            write.cut_off(_path(folder, source, night, OBSERVATION))
        return Written(files=len(self.files), bytes=size)

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        write.write(_path(folder, source, night, OBSERVATION), OBSERVATION, rows_of(OBSERVATION), night)


def _path(folder: Path, source: Practice, night: int, file: str) -> Path:
    return folder / file_name(file, night, source.guid("sharing agreement"))


WRITER = EmisCsv()
