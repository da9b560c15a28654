"""The answer sheet: what each practice's extract must come to, counted from what was planted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.calendar import START_DAY, extract_day
from simulator.draws import Numbers
from simulator.facts import QUARANTINED, TABLE, TABLES, WHOEVER_IT_IS, Fate, Rows, fates
from simulator.practice import Practice
from simulator.roster import died_by, left_by
from simulator.texts import UNDATED

MAY_LEAVE = "may_leave"
REASONS = (
    MAY_LEAVE,
    *("test_patient", "confidential_patient", "type_one_opt_out"),
    *("left_before_start", "died_before_start", "registration_out_of_scope"),
    "awaits_whole_record",
)
AWAITS_WHOLE_RECORD = len(REASONS) - 1

_LEAVING = (Fate.SENT, Fate.DATED_IN_FUTURE)


def reasons(source: Practice, opted_out: set[int], night: int) -> Numbers:
    """For each patient the place in REASONS of the first that applies, as known on a night."""
    people = source.roster
    left, died = left_by(people, night), died_by(people, night)
    out = np.zeros(len(people), bool)
    out[list(opted_out)] = True
    rules = [
        people.dummy,
        (people.confidential_from <= night) | people.spine_sensitive,
        out,
        (left != UNDATED) & (left < START_DAY),
        (died != UNDATED) & (died < START_DAY),
        people.type != 0,
    ]
    return np.select(rules, range(1, len(rules) + 1), 0)


@dataclass(slots=True)
class Tally:
    """The rows of one extract, counted by table, patient and fate: who may leave is decided later."""

    source: Practice
    night: int
    of_patients: dict[int, Numbers] = field(default_factory=dict)
    of_anybody: Counter[tuple[int, int]] = field(default_factory=Counter)
    reference_rows: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Rows) -> None:
        if rows.facts is None:
            self.reference_rows[rows.file] += len(rows)
            return
        facts, people = rows.facts, len(self.source.roster)
        fate = fates(facts, self.source.roster.birth, extract_day(self.night)).astype(np.int64)
        about = (facts.patient >= 0) & (fate < WHOEVER_IT_IS)
        for table in np.unique(facts.table).tolist():
            here = facts.table == table
            cells = facts.patient[here & about] * len(Fate) + fate[here & about]
            counted = np.bincount(cells, minlength=people * len(Fate)).reshape(people, len(Fate))
            self.of_patients[table] = self.of_patients.get(table, 0) + counted
            for other, count in zip(*np.unique(fate[here & ~about], return_counts=True), strict=True):
                self.of_anybody[table, int(other)] += int(count)

    def patients_sent(self, reason: Numbers) -> set[int]:
        """Whose row of the patient table left."""
        counted = self.of_patients.get(TABLE["patient"])
        if counted is None:
            return set()
        return set(np.flatnonzero((counted[:, Fate.SENT] > 0) & (reason == 0)).tolist())

    def leaving(self) -> Numbers:
        """The rows of each patient that leave if the patient may."""
        every = np.zeros(len(self.source.roster), np.int64)
        for counted in self.of_patients.values():
            every += counted[:, _LEAVING].sum(axis=1)
        return every

    def tables(self, reason: Numbers) -> dict[str, Any]:
        """The counts of each table, given why patients may not leave."""
        return {name: self._table(number, reason) for name, number in TABLE.items()}

    def _table(self, table: int, reason: Numbers) -> dict[str, Any]:
        by_fate: Counter[Fate] = Counter()
        stay: Counter[str] = Counter()
        counted = self.of_patients.get(table)
        if counted is not None:
            for fate in Fate:
                by_fate[fate] += int(counted[reason == 0, fate].sum())
            of_reason = np.bincount(reason, weights=counted.sum(axis=1), minlength=len(REASONS))
            stay.update({name: int(of_reason[place]) for place, name in enumerate(REASONS) if place})
        for fate in Fate:
            by_fate[fate] += self.of_anybody[table, fate]
        return _as_counts(by_fate, stay)


def _as_counts(by_fate: Counter[Fate], stay: Counter[str]) -> dict[str, Any]:
    held_back = {fate.name.lower(): by_fate[fate] for fate in Fate if fate not in (*_LEAVING, *QUARANTINED)}
    return {
        "read": by_fate.total() + stay.total(),
        "sent": sum(by_fate[fate] for fate in _LEAVING),
        "held_back": _without_zeros(held_back | stay),
        "quarantined": _without_zeros({fate.name.lower(): by_fate[fate] for fate in QUARANTINED}),
        "central_quarantined": _without_zeros({"dated_in_future": by_fate[Fate.DATED_IN_FUTURE]}),
        "loaded": by_fate[Fate.SENT],
    }


def patient_counts(source: Practice, reason: Numbers, night: int) -> tuple[int, dict[str, int]]:
    """How many of the patients known by a night may leave, and how many may not and why."""
    counted = np.bincount(reason[source.roster.known(night)], minlength=len(REASONS)).tolist()
    return counted[0], _without_zeros(dict(zip(REASONS[1:], counted[1:], strict=True)))


def _without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}


def add_up(nights: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Rows loaded in each table over some nights."""
    total = dict.fromkeys(TABLES, 0)
    for night in nights:
        for table, counts in night["tables"].items():
            total[table] += counts["loaded"]
    return total
