"""After a run was killed around the moment its parcel left: did it leave or not? The outbox answers, not a guess."""

import shutil

from crossing.canonical import ERASURE
from crossing.faultpoint import faultpoint
from source_zone.leave import note_place
from source_zone.memory import Memory
from source_zone.release import Release
from source_zone.seal import draft_of, drafts_of


def finish_what_was_begun(release: Release) -> Memory:
    """The practice's memory, after settling what a killed run left between sealing and remembering. The caller holds its lock.

    A parcel's draft is renamed when it leaves. So a draft that is still there never left, and is thrown away with the
    memory that would have gone with it; a draft that is gone has left, whether or not a carrier took the parcel since.
    """
    file, outbox = release.memory_file(), release.settings.outbox
    begun = file.read_next()
    if begun is not None and begun.parcel_id is not None:
        if draft_of(outbox, begun.parcel_id) is not None and not (outbox / begun.parcel_id).exists():
            file.discard_next()  # before the draft: without it, this memory would say that the parcel has left
            faultpoint("recover.memory_discarded")
        else:
            _note(release, file.read(), begun)
            file.commit()
        faultpoint("recover.settled")
    release.outcomes().finish(release.practice.practice_code)
    for draft in drafts_of(outbox, release.rules.collection.id, release.practice.practice_code):
        shutil.rmtree(draft)
    return file.read()


def _note(release: Release, before: Memory, begun: Memory) -> None:
    """The killed run may not have come to write down what left, and in which place."""
    is_erasure = begun.erasures > before.erasures
    place = begun.erasures if is_erasure else begun.sequence
    note_place(release, place, begun.parcel_id or "", ERASURE if is_erasure else None)
