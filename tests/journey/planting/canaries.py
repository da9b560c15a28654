"""Values that belong to one run and one field each, so that a find says where it came from."""

import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from leak_search.needles import SHORTEST_TEXT, Needle, needles_for, needles_for_date
from simulator.check_digits import nhs_number_is_valid

_LETTERS = string.ascii_lowercase
_MOST_FIELDS = len(_LETTERS) ** 3


@dataclass(slots=True)
class Canaries:
    """`planted` tells of each field of a format what was put there; `known` what else identifies somebody, by label."""

    run: str = field(default_factory=lambda: "".join(secrets.choice(_LETTERS) for _ in range(6)))
    planted: dict[str, set[str]] = field(default_factory=dict)  # format -> fields
    known: dict[str, str] = field(default_factory=dict, repr=False)  # value -> label
    days: dict[date, str] = field(default_factory=dict, repr=False)
    _words: int = 0
    _numbers: dict[str, str] = field(default_factory=dict, repr=False)  # table -> its number

    def word(self, format: str, place: str) -> str:
        """Eleven letters that nobody else writes. They can stand for a name, a code or a word."""
        self._words += 1
        number = self._words
        if number >= _MOST_FIELDS:
            raise ValueError("Three letters no longer tell all the fields apart.")
        ending = "".join(_LETTERS[number // 26**power % 26] for power in (2, 1, 0))
        return self._noted(format, place, f"{self._beginning}{ending}")

    def number(self, format: str, place: str) -> str:
        """A valid NHS number of those set aside for tests; one for all fields of a table, whose words tell them apart."""
        table = f"{format}: {place.rpartition('.')[0] or place}"
        if table not in self._numbers:
            self._numbers[table] = self.person(format, place)
        self.planted.setdefault(format, set()).add(place)
        return self._numbers[table]

    def person(self, format: str, place: str) -> str:
        """An NHS number of somebody's own, of 999 000 0000 to 999 999 9999: never issued to anybody."""
        while True:
            number = f"999{secrets.randbelow(10**7):07d}"
            if nhs_number_is_valid(number) and number not in self.known:
                return self._noted(format, place, number)

    def note(self, format: str, place: str, value: str) -> None:
        """Something identifying that the simulator gave out: searched for where it is long enough to be unmistakable."""
        if len(value) >= SHORTEST_TEXT + 2:
            self.known.setdefault(value, f"{format}: {place}")

    def needles(self) -> Iterator[Needle]:
        """Of words each by itself as it is and hashed; what they have in common stands for them in all other encodings."""
        yield from needles_for("a word of this run", self._beginning)
        for value, label in self.known.items():
            found = needles_for(label, value)
            yield from filter(_of_a_word, found) if value.startswith(self._beginning) else found
        for day, label in self.days.items():
            yield from needles_for_date(label, day)

    @property
    def _beginning(self) -> str:
        return f"Zq{self.run}"

    def _noted(self, format: str, place: str, value: str) -> str:
        self.planted.setdefault(format, set()).add(place)
        self.known[value] = f"{format}: {place}"
        return value


def _of_a_word(needle: Needle) -> bool:
    hashes = ("md5", "sha", "blake")
    return needle.encoding.endswith(("plain", "backwards")) or any(name in needle.encoding for name in hashes)
