"""Putting a practice's delivery of a night into its folder, whole or broken, while counting what it holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from simulator.consents import Consent, consents
from simulator.emis.nights import Night
from simulator.facts import Rows
from simulator.formats import MakesOwnRows, ReadsOtherwise, RowsOf, Writer
from simulator.practice import Practice
from simulator.truth import Tally


@dataclass(slots=True, kw_only=True)
class Delivery:
    """The deliveries of one practice: which nights are broken, and how much was written."""

    out: Path
    source: Practice
    writer: Writer
    troubles: dict[int, str]
    files: int = 0
    rows: int = 0
    bytes: int = 0
    extract_ids: dict[int, str] = field(default_factory=dict)  # those known only from what was written
    sheet: pa.Table | None = field(default=None, repr=False)  # of histories, on the night delivered last

    def released_on(self, night: int) -> int:
        """A broken delivery can be released once it has come again, whole, the next night."""
        return night + 1 if night in self.troubles else night

    def extract_id(self, night: int) -> str:
        return self.extract_ids.get(night) or self.writer.extract_id(night)

    def as_read(self, night: int) -> tuple[Practice, list[Consent]]:
        """The practice, and its opt-outs up to a night, as far as the format can tell them."""
        entries = consents(self.source, night)
        if isinstance(self.writer, ReadsOtherwise):
            return self.writer.as_read(self.source, entries)
        return self.source, entries

    def count(self, night: int, *, only: str | None = None) -> Tally:
        """Makes the rows of a night, or of one of its files, again without writing them."""
        tally = Tally(source=self.as_read(night)[0], night=night)
        for file in self.writer.files:
            for rows in self._carried(night, file) if only in (None, file) else ():
                tally.add(rows)
        return tally

    def deliver(self, night: int) -> Tally:
        """Writes the delivery of a night, in the state it arrives in."""
        tally, asked = Tally(source=self.as_read(night)[0], night=night), set[str]()
        rows_of = self._rows_of(night, tally, asked)
        written = self.writer.write(self._folder(), self.source, night, rows_of, self.troubles.get(night))
        if asked != {*self.writer.files}:
            raise ValueError(f"{self.writer.name} says it is made from other files than it asked for.")
        self.files += written.files
        self.bytes += written.bytes
        if written.extract_id:
            self.extract_ids[night] = written.extract_id
        return tally

    def repair(self, night: int) -> None:
        """Writes again, whole, what was broken on a night."""
        rows_of = self._rows_of(night, Tally(source=self.as_read(night)[0], night=night), set())
        self.writer.repair(self._folder(), self.source, night, rows_of)

    def _folder(self) -> Path:
        folder = self.out / self.source.code
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _rows_of(self, night: int, tally: Tally, asked: set[str]) -> RowsOf:
        def rows_of(file: str) -> Iterator[Rows]:
            first_time = file not in asked
            asked.add(file)
            for rows in self._carried(night, file):
                if first_time:
                    self.rows += len(rows)
                    tally.add(rows)
                yield rows

        return rows_of

    def _carried(self, night: int, file: str) -> Iterator[Rows]:
        for rows in self._made(night, file):
            carried = self.writer.carried(rows)
            if carried is not None and len(carried):
                yield carried

    def _made(self, night: int, file: str) -> Iterator[Rows]:
        if isinstance(self.writer, MakesOwnRows):
            return self.writer.rows(self.source, night, file)
        return Night(self.source, night, consents(self.source, night)).rows(file)
