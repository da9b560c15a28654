"""Two changes of token key with loads in flight and processes killed, held against a store that was filled under the last key.

Simulated practices, with all the trouble the simulator plants: opt-outs that come later, deletions, people who come back.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from central_zone import load_parcel
from central_zone.chain.verify import verify
from central_zone.errors import KeyStillNeeded
from central_zone.rotation.retire import retire
from crossing.manifest import read_manifest
from journey.both_zones import COLLECTION, BothZones, make_both_zones
from journey.killed import Point, load_killed_at, pull_killed_at
from journey.rotation_lived import (
    bridge_all,
    contents,
    every_token,
    key_files,
    query,
    retire_and_destroy,
    rotate,
    with_practices,
)
from simulator.simulate import simulate
from source_zone.destroy_token_key import KeyStillNeeded as StillTheirs
from source_zone.destroy_token_key import destroy_token_key
from support.postgres import Postgres, a_server

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.timeout(900)]

PRACTICES = ("Y99001", "Y99002", "Y99003")
SIZE = {"practices": 3, "patients": 40, "entries_per_patient": 30, "seed": 7}
# Whose pull, and where it is killed. Once the bridge has left, the next run knows, and goes on.
AT_SOURCE: list[tuple[str, Point]] = [
    ("Y99001", ("source_zone.ids_sent", "IdsBook.write", "after", 1)),  # the book is written, nothing has left
    ("Y99001", ("source_zone.leave", "publish_notice", "before", 1)),  # the next memory is there, the parcel is a draft
    ("Y99001", ("source_zone.leave", "publish_notice", "after", 1)),  # the parcel has left, the memory does not know
    ("Y99002", ("source_zone.leave", "note_place", "after", 1)),
    ("Y99003", ("source_zone.ids_sent", "IdsBook.forget_before", "before", 1)),  # the memory knows; old files lie there
]
AT_THE_CENTRE: list[Point] = [
    ("central_zone.rotation.apply_bridge", "move_persons", "after", 1),
    ("central_zone.rotation.apply_bridge", "move_own", "after", 1),
    ("central_zone.rotation.apply_bridge", "_write_down", "after", 1),  # everything but the commit
    ("central_zone.commit", "settle", "before", 1),  # committed, and no receipt
]
MARKS = (
    "SELECT practice_code, registration_mark, is_because_of_person, person_mark, said_by, said_in FROM erasure.mark "
    "ORDER BY 1, 2, 3"
)
ALLOWED = "SELECT practice_code, patient_token FROM release.national_allow_list ORDER BY 1, 2"


@dataclass(slots=True)
class Rehearsed:
    """What the nights came to, and the same nights under the last key alone."""

    zones: BothZones
    fresh: BothZones
    tokens_before: set[UUID] = field(default_factory=set, repr=False)  # of keys that are gone now
    refused: list[str] = field(default_factory=list)
    nights_taken: dict[str, int] = field(default_factory=dict)
    retired: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    root = tmp_path_factory.mktemp("rotation")
    with a_server() as postgres:
        zones = with_practices(make_both_zones(folder(root / "zones"), postgres), *PRACTICES)
        lived = Rehearsed(zones, zones)
        rehearse(lived)
        lived.fresh = fresh_zones(root / "fresh", postgres, zones)
        for night in (1, 2, 3, 4):
            deliver(lived.fresh, night)
            assert lived.fresh.collect(f"night-{night}") == {}
            lived.fresh.load()
            uphold(lived.fresh)
        yield lived


def folder(root: Path) -> Path:
    root.mkdir()
    return root


def fresh_zones(root: Path, postgres: Postgres, zones: BothZones) -> BothZones:
    """With the other zones' keys as they are at the end: the last token key, and no other."""
    made = with_practices(make_both_zones(folder(root), postgres), *PRACTICES)
    shutil.rmtree(root / "keys")
    shutil.copytree(zones.root / "keys", root / "keys")
    return made


def deliver(zones: BothZones, night: int) -> None:
    simulate(zones.source.incoming, night=night, **SIZE)


def uphold(zones: BothZones) -> None:
    zones.uphold()
    zones.load()  # re-extracts
    zones.erase()


def rehearse(lived: Rehearsed) -> None:
    zones = lived.zones
    deliver(zones, 1)
    assert zones.collect("night-1") == {}
    zones.load()
    uphold(zones)
    deliver(zones, 2)
    assert zones.collect("night-2") == {}
    in_flight(zones)
    lived.tokens_before |= every_token(zones)
    rotate(zones)  # to the second key, with three parcels of the first received, staged and not loaded
    lived.refused.append(refusal(zones, 1))
    uphold_at_the_source_alone(zones)
    deliver(zones, 3)
    assert zones.collect("night-3") == {}
    zones.load()
    zones.erase()
    uphold(zones)
    lived.tokens_before |= every_token(zones)
    rotate(zones)  # to the third
    deliver(zones, 4)
    for practice, point in AT_SOURCE:
        pull_killed_at(zones, point, practice)
    assert zones.collect("night-4") == {}
    killed_at_the_centre(zones)
    zones.load()
    uphold(zones)
    bridge_all(zones)
    zones.load()
    lived.retired = [retire_and_destroy(zones, version) for version in (1, 2)]
    lived.nights_taken = dict(query(zones, NIGHTS_TAKEN))


NIGHTS_TAKEN = (
    "SELECT practice_code, count(DISTINCT extract_id) FROM ledger.parcel WHERE extract_kind = 'delta' AND state = 'loaded' "
    "GROUP BY 1"
)


def in_flight(zones: BothZones) -> None:
    """Night 2 is received and validated; a loader is killed in the middle of it."""
    waiting = [parcel for shard in load_parcel.parcels_waiting(COLLECTION, zones.central) for parcel in shard]
    load_parcel.receive_shard(COLLECTION, waiting, zones.central)
    load_parcel.validate_shard(COLLECTION, waiting, zones.central)
    load_killed_at(zones, ("central_zone.commit", "_write", "after", 1), waiting[:1])
    assert query(zones, "SELECT count(*) FROM ledger.parcel WHERE state = 'validated'") == [(3,)]


def uphold_at_the_source_alone(zones: BothZones) -> None:
    """Notices under the first key leave, and are acted on when their practices are under the second."""
    zones.uphold()


def killed_at_the_centre(zones: BothZones) -> None:
    bridges = [
        manifest.parcel_id
        for manifest in zones.manifests().values()
        if manifest.is_bridge and manifest.bridges_from == "token-gpdpr-v2" and manifest.practice_code == PRACTICES[0]
    ]
    before = every_token(zones)
    for point in AT_THE_CENTRE:
        load_killed_at(zones, point, bridges)
        assert (every_token(zones) == before) == (point[1] != "settle"), point


def refusal(zones: BothZones, version: int) -> str:
    with pytest.raises(KeyStillNeeded) as raised:
        retire(COLLECTION, version, zones.central)
    return str(raised.value)


def test_the_store_is_as_if_it_had_been_filled_under_the_last_key(rehearsed: Rehearsed) -> None:
    found, wanted = contents(rehearsed.zones), contents(rehearsed.fresh)
    differing = {table: (found[table] - wanted[table], wanted[table] - found[table]) for table in wanted}
    assert {table: each for table, each in differing.items() if any(each)} == {}
    assert sum(found["records.observation"].values()) > 1_000


def test_every_erasure_still_holds_under_its_new_mark(rehearsed: Rehearsed) -> None:
    marks = query(rehearsed.zones, MARKS)
    assert marks == query(rehearsed.fresh, MARKS)
    assert len(marks) > 3


def test_no_row_has_a_token_of_an_old_key(rehearsed: Rehearsed) -> None:
    assert len(rehearsed.tokens_before) > 2_000
    assert not every_token(rehearsed.zones) & rehearsed.tokens_before
    text = "\n".join(rehearsed.zones.text_of_store())
    assert not [token for token in rehearsed.tokens_before if str(token) in text]


def test_no_night_was_missed(rehearsed: Rehearsed) -> None:
    assert rehearsed.nights_taken == dict.fromkeys(PRACTICES, 4)


def test_old_keys_are_gone_and_what_was_sealed_under_them_too(rehearsed: Rehearsed) -> None:
    assert [each["state"] for each in rehearsed.retired] == ["destroyed", "destroyed"]
    assert key_files(rehearsed.zones) == ["token-gpdpr-v3.key"]
    for folder in rehearsed.zones.source.outbox.glob("[!.]*"):
        manifest = read_manifest((folder / "manifest.json").read_bytes())
        kept = list(folder.glob("part-*"))
        gone = manifest.is_notice or manifest.is_bridge or manifest.token_key != "token-gpdpr-v3"
        assert bool(kept) != gone, (manifest.extract_kind, manifest.token_key)


def test_a_key_does_not_retire_while_somebody_is_under_it(rehearsed: Rehearsed) -> None:
    (told,) = rehearsed.refused
    assert "the records of Y99001, Y99002, Y99003 are under it" in told


def test_each_bridge_is_in_the_audit_chain_once(rehearsed: Rehearsed) -> None:
    verify(rehearsed.zones.central)
    bridged = query(rehearsed.zones, "SELECT event->>'bridged' FROM audit.entry WHERE event ? 'bridged'")
    whole = query(
        rehearsed.zones,
        "SELECT count(*) FROM ledger.parcel WHERE extract_kind = 'bridge' AND state = 'loaded'",
    )
    assert len(bridged) == len(set(bridged)) == whole[0][0]
    assert len(bridged) >= 6


def test_a_key_is_not_destroyed_on_anything_but_the_centres_word(rehearsed: Rehearsed) -> None:
    zones = rehearsed.zones
    statement = (zones.root / "receipts" / "token-gpdpr-v1.retired.json").read_bytes()
    assert destroy_token_key(COLLECTION, 1, statement, zones.source)["state"] == "already"
    forged = json.loads(statement)
    forged["retirement"]["token_key"] = "token-gpdpr-v3"
    with pytest.raises(StillTheirs, match="signature"):
        destroy_token_key(
            COLLECTION, 3, json.dumps(forged, sort_keys=True, separators=(",", ":")).encode(), zones.source
        )
    with pytest.raises(StillTheirs, match="another key"):
        destroy_token_key(COLLECTION, 3, statement, zones.source)
    assert key_files(zones) == ["token-gpdpr-v3.key"]
    assert retire(COLLECTION, 1, zones.central)["parcels_destroyed"] == 0
    assert (zones.root / "receipts" / "token-gpdpr-v1.retired.json").read_bytes() == statement
