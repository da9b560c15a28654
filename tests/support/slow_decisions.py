"""The slow rule over whole nights: files read slowly, people put together slowly, night after night."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from support.slow_files import read_night
from support.slow_type_one_rule import Line, Registration, opted_out


@dataclass(slots=True)
class SlowPractice:
    """One practice, of which everything ever delivered is kept."""

    format: str
    folder: Path
    lines: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list), repr=False)  # registration -> lines
    people: dict[str, list[Registration]] = field(default_factory=lambda: defaultdict(list), repr=False)
    owners: dict[str, str] = field(default_factory=dict, repr=False)

    def opted_out_on(self, night: datetime) -> set[str]:
        """Takes in one more night. The registrations held back on it, upper case and without braces."""
        lines, registrations = read_night(self.format, self.folder, night, self.owners)
        for line in lines:
            self.lines[_spelt_once(line.registration or "")].append(line)
        for each in registrations:
            self.people[_spelt_once(each.registration)].append(each)
        day = night.date()
        out: set[str] = set()
        for together in self._same_numbers():
            theirs = [line for who in together for line in self.lines.get(who, [])]
            stated = [each for who in together for each in self.people[who]]
            out |= {_spelt_once(who) for who in opted_out(theirs, stated, effective=day, known=day)}
        return out

    def history(self, registration: str) -> tuple[list[Line], list[Registration]]:
        """Everything delivered of it, in order."""
        return self.lines[registration], self.people[registration]

    def _same_numbers(self) -> list[list[str]]:
        """Registrations put together by what is written where an NHS number belongs; the rule says whether it is one."""
        together: dict[str, list[str]] = defaultdict(list)
        for who, stated in self.people.items():
            together[(stated[-1].nhs_number or "").replace(" ", "") or who].append(who)
        return list(together.values())


def _spelt_once(registration: str) -> str:
    return registration.strip("{} ").upper()
