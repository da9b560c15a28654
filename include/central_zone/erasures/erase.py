"""Erase: a practice's notice names people who opted out. They leave the store, what is staged, and the parcels kept.

Killed anywhere and run again it ends the same: a batch of people is erased once, a parcel stripped once, and the same
certificate given.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Connection, func, select, update

from central_zone import audit, keys, ledger, notice
from central_zone.erasures import agree, batch, certificate, journal
from central_zone.erasures.people import PEOPLE, Word, each_once, known
from central_zone.erasures.reapply import catch_up
from central_zone.erasures.strip import left_in_words, strip_parcels
from central_zone.errors import ParcelRefused
from central_zone.notice import Notice
from central_zone.store import tables
from central_zone.store.connection import transaction
from central_zone.store.erasure_tables import batch as batch_table
from central_zone.zone import Zone
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest
from crossing.policy import PERSON

# One transaction holds back every load for as long as it takes: a few seconds, for the some 200,000 rows of so many.
PEOPLE_AT_ONCE = 2_000
# A notice may overtake the parcels it speaks of, by some nights; a word about parcels that are years away would hold
# people back for ever.
_FURTHEST_AHEAD = 1_000


def erase(zone: Zone, said: Notice) -> dict[str, Any]:
    """Carries out one notice. Answers counts. Raises ParcelRefused for one that cannot be meant, StoreDown, JournalBroken."""
    manifest = said.manifest
    outcome, audit_hash = _outcome(zone, manifest)
    if outcome is None:
        people = _checked(zone, said)
        catch_up(zone)
        for number, some in enumerate(_some_at_once(people)):
            _erase_some(zone, manifest, number, some)
        stripped = strip_parcels(zone, manifest, _practices(zone, manifest))
        faultpoint("erase.stripped")
        outcome, audit_hash = _complete(zone, manifest, stripped)
        faultpoint("erase.completed")
    certificate.give(zone, manifest, outcome, audit_hash)
    faultpoint("erase.certified")
    with transaction(zone.store, "apply an erasure") as connection:
        notice.mark_applied(connection, manifest, outcome=outcome, audit_hash=audit_hash)
    return {"people": outcome["people"], "rows": sum(outcome["rows_erased"].values()), "left": left_in_words(outcome)}


def _checked(zone: Zone, said: Notice) -> pa.Table:
    """Raises ParcelRefused for places of a sequence that do not exist and are not about to."""
    manifest, people = said.manifest, each_once(said.people)
    with transaction(zone.store, "look at an erasure") as connection:
        last = _last_place(connection, manifest)
    places = people["up_to_sequence"].to_pylist()
    wrong = sum(not 0 <= place <= last + _FURTHEST_AHEAD for place in places)
    if wrong:
        raise ParcelRefused(
            f"{said.whose}: {wrong} people are to be erased up to a place that {manifest.practice_code} has not reached "
            f"(it is at {last}). Report the source's software."
        )
    return people


def _last_place(connection: Connection, manifest: Manifest) -> int:
    same = (
        tables.parcel.c.collection == manifest.collection,
        tables.parcel.c.practice_code == manifest.practice_code,
    )
    return int(connection.scalar(select(func.max(tables.parcel.c.sequence)).where(*same)) or 0)


def _some_at_once(people: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, people.num_rows, PEOPLE_AT_ONCE):
        yield people.slice(start, PEOPLE_AT_ONCE)


def _erase_some(zone: Zone, manifest: Manifest, number: int, some: pa.Table) -> None:
    subkey = keys.erasure_subkey(zone.settings.keys_folder)
    with transaction(zone.store, f"{manifest.practice_code}, erasure {manifest.sequence}") as connection:
        agree.lock_alone(connection)
        if batch.is_done(connection, manifest.parcel_id, number):
            return
        agree.check_position(connection, zone.settings)
        word = word_of(zone, manifest)
        people = known(connection, word, some, subkey)
        line, line_sha256 = _write_down(zone, connection, word, number, people)
        faultpoint("erase.journal_written")
        word = word_of(zone, manifest, people)
        batch.carry_out(zone, connection, word, line, line_sha256, subkey)
    faultpoint("erase.batch_committed")


def word_of(zone: Zone, manifest: Manifest, people: pa.Table | None = None) -> Word:
    return Word(
        collection=manifest.collection,
        practice_code=manifest.practice_code,
        notice_id=manifest.parcel_id,
        said_in=manifest.sequence,
        reaches_the_person=zone.policy.collection(manifest.collection).dissent_reaches == PERSON,
        people=PEOPLE.empty_table() if people is None else people,
    )


def _write_down(zone: Zone, connection: Connection, word: Word, number: int, people: pa.Table) -> tuple[Any, str]:
    """Into the journal, before the store commits: what is killed in between is found there."""
    before, previous = agree.position(connection)
    columns = (people[name].to_pylist() for name in ("registration_mark", "person_mark", "up_to_sequence"))
    line = journal.Line(
        number=before + 1,
        previous=previous,
        collection=word.collection,
        practice_code=word.practice_code,
        notice=word.notice_id,
        said_in=word.said_in,
        batch=number,
        reach=PERSON if word.reaches_the_person else "registration",
        marks=[(mark.hex(), person and person.hex(), up_to) for mark, person, up_to in zip(*columns, strict=True)],
    )
    return line, journal.append(zone.settings.erasure_journal_folder, line)


def _practices(zone: Zone, manifest: Manifest) -> set[str]:
    """Whose records were touched."""
    with transaction(zone.store, "look at an erasure") as connection:
        wanted = select(batch_table.c.practices).where(batch_table.c.notice_id == UUID(manifest.parcel_id))
        return {code for codes in connection.scalars(wanted) for code in codes}


def _complete(zone: Zone, manifest: Manifest, stripped: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What the certificate says is written down before it is given, so that it is the same if it is given again."""
    with transaction(zone.store, "complete an erasure") as connection:
        ledger.lock_practice(connection, manifest.collection, manifest.practice_code)
        done, audit_hash = _said(connection, manifest)
        if done is not None:  # by another worker, while this one was thought to be dead
            return done, audit_hash
        counts = certificate.counts(connection, manifest)
        outcome = {**counts, **stripped, "at": zone.now().isoformat(timespec="seconds")}
        event = {"erasure_completed": manifest.parcel_id, "practice_code": manifest.practice_code, **outcome}
        head = audit.append(connection, actor=audit.LOADER, event=event)
        same = tables.notice.c.parcel_id == UUID(manifest.parcel_id)
        connection.execute(update(tables.notice).where(same).values(outcome=outcome, audit_hash=head))
    return outcome, head


def _outcome(zone: Zone, manifest: Manifest) -> tuple[dict[str, Any] | None, str]:
    with transaction(zone.store, "look at an erasure") as connection:
        return _said(connection, manifest)


def _said(connection: Connection, manifest: Manifest) -> tuple[dict[str, Any] | None, str]:
    """What was written down when it was completed."""
    columns = (tables.notice.c.outcome, tables.notice.c.audit_hash)
    row = connection.execute(select(*columns).where(tables.notice.c.parcel_id == UUID(manifest.parcel_id))).one()
    return (row.outcome, row.audit_hash) if row.audit_hash else (None, "")
