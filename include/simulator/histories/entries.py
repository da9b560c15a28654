"""Versions of consent entries, and of entries that once were or will be consents, in columns."""

from dataclasses import dataclass, field, fields

import numpy as np

from simulator.draws import Numbers
from simulator.practice import A_NIGHTS_PLACES, CONSENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """One element a version of an entry, the older versions of an entry before the newer."""

    patient: Numbers = field(repr=False)
    entry: Numbers = field(repr=False)  # which of the patient's
    night: Numbers = field(repr=False)  # that brought this version
    role: Numbers = field(repr=False)
    code: Numbers = field(repr=False)
    day: Numbers = field(repr=False)  # or UNDATED, or UNREADABLE; of a partial date the first it may mean
    precision: Numbers = field(repr=False)
    entered_day: Numbers = field(repr=False)
    entered_second: Numbers = field(repr=False)  # negative: neither day nor time of entry is known
    deleted: Numbers = field(repr=False)
    in_full: Numbers = field(repr=False)  # the tombstone repeats all that the entry said

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def place(self) -> Numbers:
        """Among the patient's rows, whatever the version."""
        return CONSENTS * A_NIGHTS_PLACES + self.entry

    def where(self, rows: Numbers) -> "Entries":
        """Those whose flag is true, or those at some places."""
        return Entries(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def joined(parts: list[Entries]) -> Entries:
    """All of them, night after night."""
    columns = {each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Entries)}
    return Entries(**columns).where(np.argsort(columns["night"], kind="stable"))
