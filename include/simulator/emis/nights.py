"""What each file of each night holds: everything on the first, what is new, changed or deleted on the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.consents import Consent
from simulator.draws import Numbers
from simulator.emis import administration, events, observations
from simulator.emis.opt_outs import opt_outs
from simulator.emis.tombstones import tombstones
from simulator.emis.trouble import planted
from simulator.facts import TABLE, Facts, Rows
from simulator.practice import A_NIGHTS_PLACES, Practice

ROWS_AT_ONCE = 100_000
_BULK_TO_NIGHT = 400
_FEWEST = 5
_NEW, _CHANGED = 0.6, 0.3  # of a night's rows; the rest are deletions
SESSIONS_A_NIGHT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFile:
    """A file about patients: what its rows are made by, and what can happen to them."""

    kind: str
    build: Callable[..., Rows]
    can_delete: bool = True


EVENT_FILES = {
    "Appointment_Slot": EventFile(kind="slot", build=events.slots),
    "CareRecord_Consultation": EventFile(kind="consultation", build=events.consultations),
    "CareRecord_Observation": EventFile(kind="observation", build=observations.observations),
    "CareRecord_Problem": EventFile(kind="problem", build=observations.problems),
    "CareRecord_ObservationReferral": EventFile(kind="referral", build=observations.referrals, can_delete=False),
    "CareRecord_Diary": EventFile(kind="diary", build=events.diary_entries),
    "Prescribing_DrugRecord": EventFile(kind="drug", build=events.drug_records),
    "Prescribing_IssueRecord": EventFile(kind="issue", build=events.issue_records),
}


@dataclass(frozen=True, slots=True)
class Night:
    """One night of one practice. `consents` are all there are up to then."""

    source: Practice
    number: int
    consents: Sequence[Consent] = field(repr=False)

    def rows(self, file: str) -> Iterator[Rows]:
        """The rows of one file, some at a time, in the order of the file."""
        if file in EVENT_FILES:
            yield from self._events(EVENT_FILES[file])
        else:
            yield from self._about_the_practice(file)
        yield from planted(self.source, self.number, file)
        if file == "CareRecord_Observation":
            yield from opt_outs(self.source, self.consents, self.number)

    def _events(self, file: EventFile) -> Iterator[Rows]:
        joining = np.flatnonzero(self.source.roster.joined_on == self.number)
        counts = self.source.counts[file.kind][joining]
        for start, end in _chunks(counts):
            patient = np.repeat(joining[start:end], counts[start:end])
            yield file.build(
                self.source, patient, _first_place(self.source, file, patient) + _places(counts[start:end])
            )
        if self.number > 1:
            yield from self._since_yesterday(file)

    def _since_yesterday(self, file: EventFile) -> Iterator[Rows]:
        counts = self.source.counts[file.kind][: self.source.size.patients]
        wanted = max(_FEWEST, int(counts.sum()) // _BULK_TO_NIGHT)
        new = np.arange(int(np.ceil(wanted * _NEW)))
        present = np.flatnonzero(self.source.roster.deleted_on[: self.source.size.patients] > self.number)
        # The same draw for all files, so that a new problem is about a new observation of the same patient.
        patient = present[self.source.draws.below(len(present), "new row", new, self.number)]
        yield file.build(self.source, patient, self.number * A_NIGHTS_PLACES + new)
        known, places = self._earlier(file, counts, wanted - len(new))
        changed = min(
            int(np.ceil(len(known) * _CHANGED / (1 - _NEW))), max(len(known) - 1, 0)
        )  # at least one is deleted
        yield file.build(self.source, known[:changed], places[:changed], revision=self.number)
        if file.can_delete:
            yield _deletable(tombstones(file.build(self.source, known[changed:], places[changed:])))

    def _earlier(self, file: EventFile, counts: Numbers, wanted: int) -> tuple[Numbers, Numbers]:
        """Rows of the first night, no row twice, in an order of chance."""
        total, strata = int(counts.sum()), np.arange(wanted)
        share = self.source.draws.share(f"earlier {file.kind}", strata, self.number)
        row = np.unique(((strata + share) * total / max(wanted, 1)).astype(np.int64)) if total else strata[:0]
        starts = np.cumsum(counts) - counts
        patient = np.searchsorted(starts, row, side="right") - 1
        place = row - starts[patient]
        kept = self.source.roster.deleted_on[patient] > self.number
        if file.kind == "observation":  # those that problems and referrals are about stay as they are
            kept &= place >= self.source.first_free_observation(patient)
        patient, place = patient[kept], place[kept]
        order = np.argsort(self.source.draws.bits("order", patient, place, self.number), kind="stable")
        patient, place = patient[order], place[order]
        return patient, _first_place(self.source, file, patient) + place

    def _about_the_practice(self, file: str) -> Iterator[Rows]:
        source, first = self.source, self.number == 1
        if file == "Admin_Patient":
            yield from self._patients()
            return
        made: dict[str, Callable[[], Rows]] = {
            "Agreements_SharingOrganisation": lambda: administration.sharing_agreement(source, self.number),
            "Admin_Organisation": lambda: administration.organisations(source, only_own=not first),
            "Admin_UserInRole": lambda: administration.staff(source, np.arange(len(source.staff) if first else 2)),
            "Coding_ClinicalCode": lambda: administration.clinical_codes(source),
            "Coding_DrugCode": administration.drug_codes,
            "Appointment_Session": lambda: administration.sessions(source, self._sessions()),
            "Appointment_SessionUser": lambda: administration.session_users(source, self._sessions()),
        }
        yield made[file]()

    def _patients(self) -> Iterator[Rows]:
        people = self.source.roster
        joining = np.flatnonzero(people.joined_on == self.number)
        for start in range(0, len(joining), ROWS_AT_ONCE):
            yield administration.patients(self.source, joining[start : start + ROWS_AT_ONCE], self.number)
        changes = people.cast.changes(self.number) if self.source.size.trouble else None
        if changes is not None:
            changed = np.array([changes.made_confidential, changes.died, changes.left, changes.moved])
            yield administration.patients(self.source, changed, self.number)
            yield tombstones(administration.patients(self.source, np.array([changes.deleted]), self.number))

    def _sessions(self) -> Numbers:
        count = events.session_count(self.source)
        if self.number == 1:
            return np.arange(count)
        return count + (self.number - 2) * SESSIONS_A_NIGHT + np.arange(SESSIONS_A_NIGHT)


def _first_place(source: Practice, file: EventFile, patient: Numbers) -> Numbers | int:
    """Referrals are about the observations that follow those which problems are about."""
    return source.counts["problem"][patient] if file.kind == "referral" else 0


def _chunks(counts: Numbers) -> Iterator[tuple[int, int]]:
    """Ranges of patients with some ROWS_AT_ONCE rows."""
    ends = np.cumsum(counts)
    start, done = 0, 0
    while start < len(counts):
        end = max(start + 1, int(np.searchsorted(ends, done + ROWS_AT_ONCE, side="right")))
        yield start, end
        start, done = end, int(ends[end - 1])


def _places(counts: Numbers) -> Numbers:
    """0, 1, 2 ... for each patient anew."""
    return np.asarray(np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))


def _deletable(buried: Rows) -> Rows:
    """A deletion does not say what type of observation it was, so only those of plain observations are sent."""
    facts: Facts | None = buried.facts
    if buried.file != "CareRecord_Observation" or facts is None:
        return buried
    return buried.where(facts.table == TABLE["observation"])
