"""Putting a practice's files of a night into its folder, whole or broken, while counting what they hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from simulator.consents import consents
from simulator.emis import write
from simulator.emis.layout import FILES, OBSERVATION, file_name
from simulator.emis.nights import Night
from simulator.facts import Rows
from simulator.practice import Practice
from simulator.truth import Tally

CUT_FILE, CHANGED_HEADER = "cut_file", "changed_header"


@dataclass(slots=True, kw_only=True)
class Delivery:
    """The deliveries of one practice: which nights are broken, and how much was written."""

    out: Path
    source: Practice
    troubles: dict[int, str]
    files: int = 0
    rows: int = 0
    bytes: int = 0

    def released_on(self, night: int) -> int:
        """A broken delivery can be released once it has come again, whole, the next night."""
        return night + 1 if night in self.troubles else night

    def count(self, night: int, *, files: tuple[str, ...] = FILES) -> Tally:
        """Makes the rows of a night again without writing them."""
        tally = Tally(source=self.source, night=night)
        for file in files:
            for rows in self._night(night).rows(file):
                tally.add(rows)
        return tally

    def deliver(self, night: int) -> Tally:
        """Writes every file of a night, in the state it arrives in."""
        return self._write(night, FILES, self.troubles.get(night))

    def repair(self, night: int) -> None:
        """Writes again the file that was broken on a night."""
        self._write(night, (OBSERVATION,), None)

    def _write(self, night: int, files: tuple[str, ...], trouble: str | None) -> Tally:
        tally = Tally(source=self.source, night=night)
        folder = self.out / self.source.code
        folder.mkdir(parents=True, exist_ok=True)
        agreement = self.source.guid("sharing agreement")
        for file in files:
            path = folder / file_name(file, night, agreement)
            changed = trouble == CHANGED_HEADER and file == OBSERVATION
            rows = self._counted(night, file, tally)
            self.bytes += write.write(path, file, rows, night, changed_header=changed)
            self.files += 1
            if trouble == CUT_FILE and file == OBSERVATION:
                write.cut_off(path)
        return tally

    def _counted(self, night: int, file: str, tally: Tally) -> Iterator[Rows]:
        for rows in self._night(night).rows(file):
            self.rows += len(rows)
            tally.add(rows)
            yield rows

    def _night(self, night: int) -> Night:
        return Night(self.source, night, consents(self.source, night))
