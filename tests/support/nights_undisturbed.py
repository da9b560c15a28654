"""The same deliveries under the same keys, and nobody touches anything: what must have left whatever was done to a run."""

import shutil
from collections import Counter
from pathlib import Path

from crossing.canonical import BRIDGE
from support.killed_world import PHASES, World, do_in, make_world, prepare_phase
from support.sealed_oracle import Opened


def undisturbed(disturbed: World, root: Path, store_url: str) -> World:
    """Three nights. Keys that were made on the way are given when they were made."""
    world = make_world(root, store_url, has_rows_in_doubt=disturbed.has_rows_in_doubt)
    given = disturbed.root / "keys"
    shutil.rmtree(root / "keys")
    shutil.copytree(given, root / "keys", ignore=shutil.ignore_patterns("token-gpdpr-v[!1]*"))
    for phase in PHASES:
        prepare_phase(world, phase)
        for later in world.source.keys.glob("token-gpdpr-v[!1]*"):
            later.unlink()
            shutil.copy(given / "source" / later.name, later)
        do_in(world, phase, f"night {phase}")
        world.note_after(phase)
    return world


def what_left(world: World) -> Counter[str]:
    """Each parcel's practice, kind and rows, but for bridges, which say the same again under another key."""
    opened = Opened(world.archive, world.central.keys_folder).read()
    rows = opened.digests()
    told = [(each.practice_code, each.extract_kind, rows[each.parcel_id]) for each in opened.manifests.values()]
    return Counter(" ".join(each) for each in told if each[1] != BRIDGE)
