"""Apply what the journal holds and the store lacks: after a restore from a backup, or a run that was killed in between.

The journal holds marks, so a mark is made of every registration in question and compared: nobody need be named again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, text

from central_zone import audit, inbox, keys, ledger, notice, receive
from central_zone.admit import PARCELS_OWN_FAULT
from central_zone.erasures import agree, batch, journal
from central_zone.erasures.journal import Line
from central_zone.erasures.marks import marks_of, tokens_of
from central_zone.erasures.people import OF_PATIENTS, PEOPLE, Word
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import ERASER
from central_zone.zone import Zone, opened
from crossing.canonical import ERASURE
from crossing.policy import PERSON

_AT_ONCE = 100_000  # tokens, while all of a table are looked at
_REGISTRATIONS = " UNION ".join(
    f"SELECT registration_token FROM {table} WHERE practice_code = :practice AND registration_token IS NOT NULL"  # noqa: S608 (tables of ours)
    for table in (*(f"records.{table}" for table in OF_PATIENTS), "quarantine.row")
)
_EVERYBODY = "SELECT DISTINCT patient_token FROM records.patient WHERE patient_token IS NOT NULL"
ByMark = dict[bytes, bytes]  # mark -> token


@dataclass(slots=True)
class _Known:
    """Tokens by their marks: of the people sought, and of one practice at a time."""

    persons: ByMark = field(repr=False)
    practice_code: str = ""
    registrations: ByMark = field(default_factory=dict, repr=False)


def reapply(settings: Settings) -> dict[str, Any]:
    """Applies what is missing after a run that was killed. Safe to repeat. Raises JournalMissing or JournalBroken.

    Raises ErasuresMissing for a restored copy, which lacks more than erasures: see central_zone.restored.resume.
    """
    with opened(settings, role=ERASER) as zone:
        with transaction(zone.store, "look at the store") as connection:
            agree.check_is_confirmed(connection)
        applied, restored = make_agree(zone)
        if applied or restored:
            with transaction(zone.store, "note what was applied") as connection:
                audit.append(connection, actor=audit.LOADER, event={"erasures_reapplied": applied})
    return {"erasures": "agree", "batches_reapplied": applied, "notices_restored": restored}


def make_agree(zone: Zone) -> tuple[int, int]:
    """Applies what the journal has and the store lacks; answers how many batches, and how many notices were restored."""
    journal.tail(zone.settings.erasure_journal_folder)  # without one nobody can say what is missing
    return catch_up(zone), _restore_notices(zone)


def catch_up(zone: Zone) -> int:
    """Applies the lines of the journal that the store has not; answers how many."""
    with transaction(zone.store, "look at the erasure journal") as connection:
        agree.lock_shared(connection)
        here = agree.position(connection)
    never_erased = not here[0]
    if never_erased and not (zone.settings.has_erasure_journal and journal.tail(zone.settings.erasure_journal_folder)):
        return 0
    missing = list(journal.lines(zone.settings.erasure_journal_folder, after=here))
    if not missing:
        return 0
    known = _Known(persons=_persons(zone, {person for line, _ in missing for _, person, _ in line.marks if person}))
    return sum(_apply(zone, line, line_sha256, known) for line, line_sha256 in missing)


def _apply(zone: Zone, line: Line, line_sha256: str, known: _Known) -> bool:
    subkey = keys.erasure_subkey(zone.settings.keys_folder)
    with transaction(zone.store, f"apply line {line.number} of the erasure journal") as connection:
        agree.lock_alone(connection)
        if agree.position(connection)[0] >= line.number:
            return False
        if known.practice_code != line.practice_code:
            known.registrations = registrations_by_mark(connection, line.practice_code, subkey)
            known.practice_code = line.practice_code
        word = Word(
            collection=line.collection,
            practice_code=line.practice_code,
            notice_id=line.notice,
            said_in=line.said_in,
            reaches_the_person=line.reach == PERSON,
            people=_people(line, known),
        )
        batch.carry_out(zone, connection, word, line, line_sha256, subkey)
        return True


def _people(line: Line, known: _Known) -> pa.Table:
    marks = [(bytes.fromhex(mark), person and bytes.fromhex(person), up_to) for mark, person, up_to in line.marks]
    columns = [
        [known.registrations.get(mark) for mark, _, _ in marks],
        [known.persons.get(person) if person else None for _, person, _ in marks],
        [mark for mark, _, _ in marks],
        [person for _, person, _ in marks],
        [up_to for _, _, up_to in marks],
    ]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, PEOPLE, strict=True)], schema=PEOPLE
    )


def registrations_by_mark(connection: Connection, practice_code: str, subkey: bytes) -> ByMark:
    """The tokens of one practice's registrations: as many as it has patients, which is bounded."""
    found = tokens_of(connection.scalars(text(_REGISTRATIONS), {"practice": practice_code}))
    return dict(zip(marks_of(found, subkey).to_pylist(), found.to_pylist(), strict=True))


def _persons(zone: Zone, wanted: set[str]) -> ByMark:
    """Everybody in the store is looked at, some at a time; those sought are kept."""
    if not wanted:
        return {}
    subkey = keys.erasure_subkey(zone.settings.keys_folder)
    found: ByMark = {}
    with transaction(zone.store, "look for people who were erased") as connection:
        rows = connection.execution_options(yield_per=_AT_ONCE).execute(text(_EVERYBODY))
        for some in rows.scalars().partitions():
            tokens = tokens_of(some)
            marks = marks_of(tokens, subkey).to_pylist()
            found |= {
                mark: token for mark, token in zip(marks, tokens.to_pylist(), strict=True) if mark.hex() in wanted
            }
    return found


def _restore_notices(zone: Zone) -> int:
    """A restored ledger forgot notices that were carried out. Their people are in no file any more: they stay carried out."""
    restored = 0
    for folder in _notices_without_parts(zone):
        try:
            manifest = receive.read_signed_manifest(folder, zone.settings.keys_folder, now=zone.now())
        except PARCELS_OWN_FAULT:
            continue
        with transaction(zone.store, "restore a notice") as connection:
            ledger.lock_practice(connection, manifest.collection, manifest.practice_code)
            if manifest.extract_kind == ERASURE and not notice.enter(connection, manifest):
                head = audit.append(connection, actor=audit.LOADER, event={"notice_restored": manifest.parcel_id})
                notice.mark_applied(connection, manifest, outcome={"restored": 1}, audit_hash=head)
                restored += 1
    return restored


def _notices_without_parts(zone: Zone) -> Iterator[Any]:
    for _, folder in sorted(inbox.parcel_folders(zone.inbox).items()):
        claim = inbox.claim(folder)
        if claim and claim.kind == ERASURE and not any(folder.glob("part-*")):
            yield folder
