"""An erasure that is killed goes on where it was and ends the same; a store that was restored learns what it forgot."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from central_zone import load_parcel, take_notices
from central_zone.erasures import journal, state
from central_zone.erasures.reapply import reapply
from central_zone.errors import ErasuresMissing, JournalBroken, JournalMissing
from central_zone.register.build_register import build
from central_zone.restored.resume import resume
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from support.erasures import a_notice, spellings, token, where_found
from support.parcels import a_night

INCLUDE = Path(__file__).parents[3] / "include"
# The process ends itself, by the one signal that nothing can catch, when it comes to this name for the nth time.
KILLED = """
import os, signal, sys
from importlib import import_module
from pathlib import Path
from central_zone import settings, take_notices
module, name, when, turn, folder = sys.argv[1:]
module, turn = import_module(module), [int(turn)]
real = getattr(module, name)
def killed(*these, **those):
    turn[0] -= 1
    if turn[0] == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*these, **those)
    if turn[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
setattr(module, name, killed)
take_notices.take_notice(Path(folder), settings.load())
"""
POINTS = {
    "after the journal": ("central_zone.erasures.journal", "append", "after", 1),
    "mid batch": ("central_zone.erasures.rows", "_delete", "after", 1),
    "after the commit": ("central_zone.erasures.erase", "strip_parcels", "before", 1),
    "new parts beside the old": ("central_zone.erasures.strip", "statement", "before", 2),
    "said but not put in place": ("central_zone.erasures.strip", "_put_in_place", "before", 4),
    "before the certificate": ("central_zone.erasures.certificate", "give", "before", 1),
}


def two_nights_and_a_notice(zone):
    first = zone.sealed(a_night())
    load_parcel.load_parcel(first.folder, zone.settings)
    zone.sealed(a_night(seed=4), sequence=2, previous=first)
    return a_notice(zone, [(token(row, 1), token(row, 2), 2) for row in range(3)])


def kill_at(zone, notice, point):
    module, name, when, turn = POINTS[point]
    ran = subprocess.run(
        [sys.executable, "-c", KILLED, module, name, when, str(turn), str(notice.folder)],
        env={**os.environ, **zone.environment(), "PYTHONPATH": str(INCLUDE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def certified(zone, notice):
    path = zone.settings.receipts_folder / f"{notice.manifest.parcel_id}.certificate.json"
    said = json.loads(path.read_bytes())["certificate"]
    return {name: said[name] for name in said if name not in ("at", "audit_head", "manifest_sha256")}


EXPECTED = {
    "people": 3,
    "registrations": 3,
    "practices": 1,
    "rows_erased": {"observation": 15, "patient": 3},
    "rows_out_of_quarantine": 0,
    "rows_out_of_release": 0,
    "marks": 3,
    "batches": 1,
    "parcels_stripped": 2,
    "rows_stripped": {"observation": 30, "patient": 6},
    "parcels_left": [],
    "collection": "gpdpr",
    "practice_code": "A12345",
}


@pytest.mark.parametrize("point", POINTS)
def test_an_erasure_killed_anywhere_is_run_again_and_ends_the_same(zone, point):
    notice = two_nights_and_a_notice(zone)
    kill_at(zone, notice, point)
    assert where_found(zone, [b"whatever: every parcel can be opened"]) == set()
    assert take_notices.notices_waiting("gpdpr", zone.settings) == [notice.manifest.parcel_id]
    (told,) = take_notices.take_notices([notice.manifest.parcel_id], zone.settings)
    assert told["state"] == "applied", told
    assert {**certified(zone, notice), "notice": None} == {**EXPECTED, "notice": None}
    assert state.verify(zone.settings) == {"journal": "holds", "lines": 1, "applied": 1}
    assert where_found(zone, spellings(zone, *(token(row, seed) for row in range(3) for seed in (1, 2)))) == set()
    assert not [*zone.root.rglob("*.new"), *notice.folder.glob("part-*")]
    assert zone.query("SELECT rows_erased FROM ledger.parcel") == [({"patient": 3, "observation": 15},)]
    assert take_notices.notices_waiting("gpdpr", zone.settings) == []


def test_a_load_does_not_go_on_while_an_erasure_is_written_down_and_not_done(zone):
    notice = two_nights_and_a_notice(zone)
    take_notices.take_notice(notice.folder, zone.settings)
    zone.execute(f"UPDATE erasure.applied_up_to SET number = 0, line_sha256 = '{journal.NOTHING_BEFORE}'")
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    (told,) = load_parcel.receive_shard("gpdpr", shard, zone.settings)
    assert "erasures reapply" in told["reason"]


def restored(zone, postgres, url):
    """The store as it was in a backup, brought to life beside the journal of today."""
    return Settings({**zone.settings.values, "GP_STORE_URL": url})


def today(settings):
    with store_of(settings.store_url) as store, transaction(store, "ask") as connection:
        return connection.scalar(text("SELECT count(*) FROM records.current_patient"))


@pytest.mark.fault(
    "F39",
    injected="a copy of the store of before an erasure takes its place",
    happened="serves nobody and loads nothing until `gp-central store restored`; then as today",
)
def test_a_store_restored_from_before_an_erasure_serves_nobody_until_it_is_erased_again(zone, postgres, tmp_path):
    notice = two_nights_and_a_notice(zone)
    backup = postgres.a_copy(zone.settings.store_url)
    assert take_notices.take_notice(notice.folder, zone.settings)["state"] == "applied"
    of_today = today(zone.settings)
    old = restored(zone, postgres, backup)
    with pytest.raises(ErasuresMissing, match="store restored"):
        today(old)
    with pytest.raises(ErasuresMissing, match="store restored"):
        state.check(old)
    with pytest.raises(ErasuresMissing, match="store restored"):
        reapply(old)  # it lacks more than erasures
    with pytest.raises(ErasuresMissing):
        build(tmp_path / "register", old)
    assert (state.status(old)["serves"], state.status(zone.settings)["serves"]) == (False, True)
    said = resume(old, by="responder", reason="a backup was restored")
    assert (said["batches_reapplied"], said["notices_restored"]) == (1, 1)
    assert reapply(old) == {"erasures": "agree", "batches_reapplied": 0, "notices_restored": 0}
    assert today(old) == of_today == 7
    marks = "SELECT * FROM erasure.mark ORDER BY registration_mark"
    with store_of(backup) as store, transaction(store, "ask") as connection:
        assert [tuple(row) for row in connection.execute(text(marks))] == zone.query(marks)
    assert take_notices.notices_waiting("gpdpr", old) == []


def test_a_restored_copy_that_lacks_nothing_serves_nobody_either_until_that_is_confirmed(zone, postgres):
    notice = two_nights_and_a_notice(zone)
    take_notices.take_notice(notice.folder, zone.settings)
    old = restored(zone, postgres, postgres.a_copy(zone.settings.store_url))
    with pytest.raises(ErasuresMissing, match="restored copy"):
        today(old)
    assert resume(old, by="responder", reason="moved to another server")["batches_reapplied"] == 0
    assert today(old) == 7


@pytest.mark.fault(
    "F39", injected="the journal of erasures is gone, altered or cut short", happened="nothing is loaded"
)
def test_without_its_journal_or_with_another_one_nothing_is_loaded(zone):
    notice = two_nights_and_a_notice(zone)
    take_notices.take_notice(notice.folder, zone.settings)
    path = zone.settings.erasure_journal_folder / journal.NAME
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"batch":0', b'"batch":1'))
    with pytest.raises(JournalBroken):
        state.check(zone.settings)
    path.write_bytes(whole[:-9])  # cut short, as by a disk that lost its last block
    with pytest.raises((JournalMissing, JournalBroken)):
        state.check(zone.settings)
    path.unlink()
    with pytest.raises(JournalMissing):
        state.check(zone.settings)
    path.write_bytes(whole)
    state.check(zone.settings)


def test_the_views_ask_once_for_each_query_and_not_for_each_row(zone):
    load_parcel.load_parcel(zone.sealed(a_night()).folder, zone.settings)
    plan = [
        row[0]
        for row in zone.query("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT * FROM records.current_observation")
    ]
    initial = [index for index, line in enumerate(plan) if line.strip().startswith("InitPlan")]
    assert len(initial) == 1, plan
    assert "loops=1" in plan[initial[0] + 1]
