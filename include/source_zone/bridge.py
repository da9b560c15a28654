"""The bridge: when a practice goes over to a newer token key, a parcel that says which new token stands for which old one.

It takes a place in the practice's own sequence, so what was made under the old key is loaded before it and what is made under
the new one after it. The memory moves to the new key with it, by the same order in which anything leaves. So no night is
missed, and the store never joins tokens of two keys.
"""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from crossing.canonical import PERSON
from crossing.errors import PersonMustAct
from crossing.faultpoint import faultpoint
from source_zone import identified
from source_zone.canonical_forms import canonical_local_ids, spelling
from source_zone.ids_sent import (
    IDS_A_CHUNK,
    BookUnreadable,
    NotedIds,
    as_bytes,
    as_frame,
    ids,
    registrations_and_persons,
    with_contents,
)
from source_zone.leave import leave
from source_zone.memory import Memory
from source_zone.people_sent import held, sent, with_people
from source_zone.release import Release
from source_zone.seal_bridge import seal_bridge
from source_zone.token_key_versions import versions

_SPELT_ONCE = spelling("registration_id")


class CannotBridge(PersonMustAct):
    """Tokens left this practice of ids that the source does not know, so they cannot be replaced."""


def needs_bridge(release: Release, memory: Memory) -> bool:
    """Whether tokens of an older key than the newest have left. `release` is as it was prepared.

    Another run may have made a key and moved the practice to it since: nobody goes back to an older one.
    """
    return bool(memory.sequence) and (memory.token_key_version or 0) < release.keys.token_key_version


def moved_to_newest_key(release: Release, memory: Memory) -> Memory:
    """The memory at the newest key there is; where it cannot be, as it was: the night goes on under the key it has.

    The caller holds the practice's lock. `gp-source keys bridge` says of whom that is so, and the centre will not let the old
    key be retired.
    """
    try:
        while needs_bridge(release, memory):
            memory = move_to_next_key(release, memory)
    except (CannotBridge, BookUnreadable) as error:
        release.progress(str(error))
    return memory


def move_to_next_key(release: Release, memory: Memory) -> Memory:
    """Seals the bridge of everything that ever left, and lets it leave. Raises CannotBridge, BookUnreadable, MemoryIsOld.

    One key at a time, though the practice slept through several: another may be at one between, and know the same people.
    The centre could not tell that the two tokens it has of them then are one person's.
    """
    _check_can_be_bridged(release, memory)
    book = release.ids_book()
    known = _everything_sent(release, memory)
    old = release.under(memory).keys
    release = release.at(next(each for each in _versions(release) if each > old.token_key_version))
    manifest = seal_bridge(release, memory, old, known)
    faultpoint("bridge.sealed")
    moved_on = replace(
        memory,
        sequence=manifest.sequence,
        previous_manifest_sha256=manifest.sha256(),
        parcel_id=manifest.parcel_id,
        token_key_version=release.keys.token_key_version,
    )
    # The same ids in one file, each once: a book does not grow with the nights for ever.
    moved_on = with_contents(book, moved_on, map(as_bytes, known.iter_slices(IDS_A_CHUNK)))
    faultpoint("bridge.ids_written")
    moved_on = leave(release, replace(moved_on, ids_from=moved_on.ids_to), manifest.sequence)
    book.forget_before(moved_on.ids_from)
    return moved_on


def _versions(release: Release) -> list[int]:
    return versions(release.settings.keys, release.rules.collection.id)


def _check_can_be_bridged(release: Release, memory: Memory) -> None:
    if not memory.ids_complete:
        raise CannotBridge(
            f"{release.practice.practice_code} stays under token key v{memory.token_key_version}: its supplier makes tokens "
            "itself, or it was collected before ids were kept, so what its tokens were made of is not known here. Have its "
            "records erased at the centre and the practice collected anew; see the runbook, `Rotate the token key`."
        )


def _everything_sent(release: Release, memory: Memory) -> pl.DataFrame:
    """Every id of which a token left, each once: the book, and of whoever may have left what is known of them as people."""
    stated = memory.tables.get("patients", identified.schema("patient").empty_table())
    patients = pl.DataFrame(pl.from_arrow(stated)).with_columns(_SPELT_ONCE.alias("spelt"))
    theirs = patients.filter(pl.col("spelt").is_in(list(sent(memory))))
    people = registrations_and_persons(theirs.select("registration_id", "nhs_number").to_arrow())
    every = pl.concat([people, *release.ids_book().read(memory)])
    spelt = canonical_local_ids(every["id"])  # numbers of persons are as they are
    # A patient's record may have the id of the registration: the token is one, and it is known as the registration's.
    by_kind = every.with_columns(spelt).drop_nulls("id").unique().sort("stands_for", descending=True)
    return by_kind.unique(["id", pl.col("stands_for") == PERSON], keep="first", maintain_order=True)


def persons_in(noted: NotedIds) -> pl.Series:
    """The NHS numbers of one parcel."""
    found = [persons(as_frame(each)) for each in noted.contents()]
    return pl.concat(found).unique() if found else pl.Series("id", [], pl.String)


def persons(known: pl.DataFrame) -> pl.Series:
    return known.filter(pl.col("stands_for") == PERSON)["id"]


def name_persons(release: Release, memory: Memory, numbers_in: Callable[[], pl.Series]) -> Memory:
    """Ahead of a parcel under a newer key: who the people in it are under older keys, as long as those are not destroyed.

    Another practice may still be under one of them, and know the same person. Without this they would be two people at the
    centre until that practice's bridge comes, and an erasure would reach only one.
    """
    here = release.keys.token_key_version
    # The newest first: so every step between two keys is known before one that leaps over it.
    older = [each for each in reversed(_versions(release)) if each < here]
    # Each once: of a person there may be several versions, and a bridge that names a token twice is refused.
    numbers = numbers_in().unique(maintain_order=True) if older else pl.Series("id", [], pl.String)
    for version in older:
        if len(numbers):
            manifest = seal_bridge(release, memory, release.at(version).keys, ids(PERSON, numbers))
            moved_on = replace(
                memory,
                sequence=manifest.sequence,
                previous_manifest_sha256=manifest.sha256(),
                parcel_id=manifest.parcel_id,
                token_key_version=here,
            )
            # Said now, because a memory with a sequence and without these is taken for one of before they were kept.
            moved_on = with_people(moved_on, sent=sent(memory), held=held(memory))
            memory = leave(release, moved_on, manifest.sequence)
    return memory
