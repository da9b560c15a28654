"""Opting out later: whoever objects after their records have left is asked to be erased, in a signed notice of tokens alone.

Opting in again: all there is of them is read once more and leaves as one parcel; until then they are held back.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from crossing.canonical import ERASURE, schema
from crossing.faultpoint import faultpoint
from source_zone import identified
from source_zone.canonical_forms import spelling, spelt_once
from source_zone.ids_sent import as_bytes, registrations_and_persons, with_contents
from source_zone.leave import check_place_is_free, leave
from source_zone.lineage import with_lineage
from source_zone.memory import Memory
from source_zone.objections import CONSENTS
from source_zone.people_sent import held, may_leave, sent, with_people
from source_zone.pseudonymise import tokens_of_people
from source_zone.re_extract import re_extract
from source_zone.recover import finish_what_was_begun
from source_zone.release import Release
from source_zone.roster import decide_without, objecting, objections_known, people
from source_zone.seal_notice import Notice, draft_notice, notice_id
from source_zone.spool import shred_finished

Counts = dict[str, Any]
_VALID_FOR = timedelta(days=365)  # an erasure is not to lapse; a year is the longest that the centre takes
_PEOPLE_A_NOTICE = 50_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How everybody of a practice stands today."""

    roster: pa.Table = field(repr=False)
    opted_out: frozenset[str] = field(repr=False)  # registrations, whatever other reason holds them back too


@with_lineage("uphold_opt_outs")
def uphold_practice(release: Release) -> Counts:
    """Seals what is to be erased and what is to be sent again. Safe to repeat; counts and ids come out.

    Raises PracticeBusy, MemoryUnreadable, MemoryIsOld.
    """
    with release.memory_file().lock():
        memory = finish_what_was_begun(release)
        shred_finished(release.settings.spool, release.practice.practice_code, memory.taken_extracts)
        release = release.under(memory)
        said: Counts = {"practice_code": release.practice.practice_code, "state": "already", "parcels": []}
        if not memory.sequence:
            return said
        faultpoint("uphold.begun")
        stand = standing(release, memory)
        asked = 0
        while to_erase := sorted(sent(memory) & stand.opted_out)[:_PEOPLE_A_NOTICE]:
            memory = _ask_to_erase(release, memory, to_erase)
            said["parcels"].append(memory.parcel_id)
            asked += len(to_erase)
        back = held(memory) & may_leave(stand.roster)
        memory, restored = re_extract(release, memory, stand.roster, back)
        said["parcels"] += [memory.parcel_id] if restored else []
    state = "upheld" if said["parcels"] else "already"
    return {**said, "state": state, "erased": asked, "sent_again": restored, "wait_for_whole": len(back) - restored}


def standing(release: Release, memory: Memory) -> Standing:
    """By all that is remembered, as of the newest extract taken."""
    as_of = (memory.taken_until_instant() or datetime.now(UTC)).date()
    versions = memory.tables.get("patients", identified.schema("patient").empty_table())
    consents = objections_known(memory.tables.get("consents", CONSENTS.empty_table()))
    known = people(versions)
    # Whether or not they are also a test patient, say: what was sent of them before is still theirs to object to.
    opted_out = frozenset(spelt_once(each) for each in objecting(release.rules, known, consents, as_of=as_of))
    return Standing(decide_without(release.rules, known, opted_out), opted_out)


def _ask_to_erase(release: Release, memory: Memory, registrations: list[str]) -> Memory:
    sequence = memory.erasures + 1
    now = datetime.now(UTC).replace(microsecond=0)
    theirs = _people(memory, registrations)
    notice = Notice(
        kind=ERASURE,
        sequence=sequence,
        rows=_rows(release, memory, theirs),
        taken_at=memory.taken_until_instant() or now,
        not_after=now + _VALID_FOR,
        previous_manifest_sha256=memory.previous_erasure_sha256,
    )
    check_place_is_free(release, sequence, notice_id(release, notice), ERASURE)
    manifest = draft_notice(release, notice)
    faultpoint("uphold.notice_drafted")
    moved_on = with_people(
        replace(memory, erasures=sequence, previous_erasure_sha256=manifest.sha256(), parcel_id=manifest.parcel_id),
        sent=sent(memory) - set(registrations),
        held=held(memory) | set(registrations),
    )
    named = as_bytes(registrations_and_persons(theirs.to_arrow()))
    moved_on = with_contents(release.ids_book(), moved_on, [named])
    return leave(release, moved_on, sequence, ERASURE)


def _people(memory: Memory, registrations: list[str]) -> pl.DataFrame:
    """Identified patient rows, one each."""
    known = pl.DataFrame(pl.from_arrow(people(memory.tables["patients"])))
    spelt = spelling("registration_id")
    return known.filter(spelt.is_in(registrations)).unique(spelt, keep="last", maintain_order=True)


def _rows(release: Release, memory: Memory, theirs: pl.DataFrame) -> pa.Table:
    """One each, in the order of their tokens, so that the order tells nothing of when somebody joined the practice."""
    tokens = tokens_of_people(theirs, release.practice.practice_code, release.keys)
    up_to = pa.repeat(pa.scalar(memory.sequence, pa.int32()), tokens.num_rows)
    return tokens.append_column("up_to_sequence", up_to).cast(schema(ERASURE)).sort_by("registration_token")
