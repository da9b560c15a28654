"""After a run was killed around the moment its parcel left: did it leave or not? The outbox answers, not a guess."""

import shutil

from crossing.faultpoint import faultpoint
from source_zone.memory import Memory
from source_zone.release import Release
from source_zone.seal import draft_folder


def finish_what_was_begun(release: Release) -> Memory:
    """The practice's memory, after settling what a killed run left between sealing and remembering.

    A parcel's draft is renamed when it leaves. So a draft that is still there never left, and is thrown away with the
    memory that would have gone with it; a draft that is gone has left, whether or not a carrier took the parcel since.
    """
    file = release.memory_file()
    begun = file.read_next()
    if begun is not None and begun.parcel_id is not None:
        draft = draft_folder(release.settings.outbox, begun.parcel_id)
        if draft.exists() and not (release.settings.outbox / begun.parcel_id).exists():
            shutil.rmtree(draft)
            faultpoint("recover.draft_removed")
            file.discard_next()
        else:
            file.commit()
        faultpoint("recover.settled")
    return file.read()
