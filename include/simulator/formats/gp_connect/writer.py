"""GP Connect Access Record Structured: every night the whole record of every patient, one Bundle each, in a folder.

What is read again of it is only what changed, so the answer sheet counts the records that differ from the night before,
the deletions of what they no longer hold, and what is counted beside rows.
"""

import shutil
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulator import calendar
from simulator.emis.tombstones import tombstones
from simulator.facts import Rows
from simulator.formats import CHANGED_HEADER, CUT_FILE, RowsOf, Written
from simulator.formats.gp_connect.bundle import as_text, bundle
from simulator.formats.gp_connect.elements import Resource, plain
from simulator.formats.gp_connect.record import OF_PATIENTS, ORGANISATION, STAFF, Standing, ids, standing
from simulator.practice import Practice

_SHARED_KINDS = ("Organization", "Practitioner", "PractitionerRole")
_NOT_ENTRIES = (*_SHARED_KINDS, "List", "Medication", "Patient")
_KEPT = 3


@dataclass(frozen=True, slots=True)
class Night:
    """The bundles of a night by patient, and the records they were made from."""

    standing: Standing = field(repr=False)
    bundles: dict[int, list[Resource]] = field(repr=False)

    def kinds(self) -> Counter[str]:
        return Counter(each["resourceType"] for resources in self.bundles.values() for each in resources)

    def shared(self) -> dict[str, Resource]:
        every = (each for resources in self.bundles.values() for each in resources)
        return {f"{each['resourceType']}/{each['id']}": each for each in every if each["resourceType"] in _SHARED_KINDS}


@dataclass(slots=True)
class GPConnect:
    """Appointments are not part of a record; nor is that a patient is deleted: nobody asks for their record any more."""

    name: str = "gp_connect"
    files: tuple[str, ...] = (ORGANISATION, STAFF, *OF_PATIENTS)
    _nights: OrderedDict[tuple[int, int], tuple[Practice, Night]] = field(default_factory=OrderedDict, repr=False)

    def extract_id(self, night: int) -> str:
        return calendar.extract_id(night)

    def carried(self, rows: Rows) -> Rows:
        return rows

    def rows(self, source: Practice, night: int, file: str) -> Iterator[Rows]:
        """What is read of a file: rows of records that changed, and deletions; beside them what is only counted."""
        now, before = self._night(source, night), self._night(source, night - 1) if night > 1 else None
        again = _read_again(now, before)
        if file in (ORGANISATION, STAFF):
            yield from _shared_rows(now, before, file)
            yield from _counted(now, before, again) if file == ORGANISATION else ()
            return
        rows = now.standing.rows[file]
        patient = rows.facts.patient if rows.facts is not None else np.zeros(0)
        yield rows.where(np.isin(patient, [*again]))
        if before is not None and file != "Admin_Patient":
            yield from _deletions(rows, before, file, again)

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        for file in self.files:
            for _ in rows_of(file):
                pass  # counted
        texts = {
            plain(source.guids("patient", np.array([who]))[0].as_py()): as_text(resources)
            for who, resources in self._night(source, night).bundles.items()
        }
        last = max(texts)
        if trouble == CUT_FILE:
            texts[last] = texts[last][: len(texts[last]) // 2]
        if trouble == CHANGED_HEADER:
            texts[last] = texts[last].replace(
                '"resourceType": "Bundle"', '"resourceType": "Bundle", "sender": "Dr Who"'
            )
        _put(folder / self.extract_id(night), texts)
        return Written(files=len(texts), bytes=sum(len(text.encode()) for text in texts.values()))

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        self.write(folder, source, night, rows_of, None)

    def _night(self, source: Practice, night: int) -> Night:
        """Made once for all files of a night, and for the next night."""
        key = id(source), night
        if key not in self._nights:
            made = standing(source, night)
            self._nights[key] = source, Night(made, {who: bundle(made, who) for who in sorted(made.resources)})
            if len(self._nights) > _KEPT:
                self._nights.popitem(last=False)
        return self._nights[key][1]


def _read_again(now: Night, before: Night | None) -> set[int]:
    """Whose record differs from the night before; and, as time can change what it means, who ever objected."""
    if before is None:
        return set(now.bundles)
    changed = {who for who, resources in now.bundles.items() if before.bundles.get(who) != resources}
    return changed | (before.standing.with_consents & now.bundles.keys())


def _shared_rows(now: Night, before: Night | None, file: str) -> Iterator[Rows]:
    """Organisations or staff that some record names, new or otherwise than before."""
    here, once = now.shared(), before.shared() if before is not None else {}
    rows = now.standing.rows[file]
    new = [_as_named(plain(guid), file, here) not in (None, _as_named(plain(guid), file, once)) for guid in ids(rows)]
    yield rows.where(np.array(new, bool))


def _as_named(guid: str, file: str, named: dict[str, Resource]) -> list[Resource] | None:
    names = (
        [f"Organization/{guid}"] if file == ORGANISATION else [f"Practitioner/{guid}", f"PractitionerRole/{guid}-role"]
    )
    return [named[name] for name in names] if names[0] in named else None


def _counted(now: Night, before: Night | None, again: set[int]) -> Iterator[Rows]:
    kinds, shared = now.kinds(), now.shared()
    distinct = Counter(name.split("/")[0] for name in shared)
    once = before.shared() if before is not None else {}
    same = Counter(name.split("/")[0] for name, each in shared.items() if once.get(name) == each)
    unchanged = [resources for who, resources in now.bundles.items() if who not in again]
    yield _reference_rows("Medication", kinds["Medication"])
    yield _reference_rows("PractitionerRole", distinct["PractitionerRole"])
    for kind in _SHARED_KINDS:
        yield _reference_rows(f"repeated_{kind}", kinds[kind] - distinct[kind])
    yield _reference_rows("unchanged_organisation", same["Organization"])
    yield _reference_rows("unchanged_staff_role", same["Practitioner"])
    yield _reference_rows("unchanged_entries", sum(1 + _entries(resources) for resources in unchanged))


def _entries(resources: Iterable[Resource]) -> int:
    return sum(each["resourceType"] not in _NOT_ENTRIES for each in resources)


def _reference_rows(name: str, count: int) -> Rows:
    return Rows(file=name, columns={"counted": pa.nulls(count, pa.string())})


def _deletions(rows: Rows, before: Night, file: str, again: set[int]) -> Iterator[Rows]:
    """Of what was in those records, could be read and was no objection, all that is there no longer."""
    old, here = before.standing.rows[file], set(ids(rows))
    facts = old.facts
    if facts is None:
        raise ValueError(f"{file} holds reference rows.")
    gone = np.array([guid not in here for guid in ids(old)], bool) & np.isin(facts.patient, [*again])
    left = ~facts.deleted & ~facts.confidential & ~facts.unreadable_date & ~facts.unreadable_number
    yield tombstones(old.where(gone & left))


def _put(folder: Path, texts: dict[str, str]) -> None:
    """All at once: nobody sees half a snapshot."""
    draft = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, text in texts.items():
        (draft / f"{name}.json").write_text(text)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


WRITER = GPConnect()
