"""The store goes away: restarted, stopped, its disk full, its line cut during COMMIT. Nothing is half there, or there twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from central_zone import load_parcel
from central_zone.chain.verify import verify
from central_zone.errors import StoreDown
from central_zone.settings import Settings
from faults.conftest import CentralZone
from support.cut_line import AFTER, BEFORE, MEANWHILE, CutLine, a_line_cut_at_commit
from support.loads_disturbed import (
    LOADING,
    NOTHING,
    check_loaded_once,
    in_background,
    judged,
    load,
    stopped_at,
    store_and_ledger,
    until,
)
from support.parcels import a_night
from support.pg_control import a_small_disk, leave_room_for, make_room, pg_ctl
from support.postgres import Postgres, psycopg_url


@pytest.mark.fault(
    "F06",
    injected="PostgreSQL's immediate restart (`pg_ctl -m immediate`) in the middle of a load",
    happened="rolled back; StoreDown, to be tried again; the next try loads once, nobody need act",
)
def test_a_server_restarted_at_once_in_the_middle_of_a_load(zone: CentralZone, postgres: Postgres) -> None:
    parcel = zone.sealed(a_night())
    ids, told = judged(zone, parcel), []
    with stopped_at(zone, "lineage.outbox"):
        thread = in_background(told, lambda: load(zone.settings, ids))
        until(lambda: zone.query(f"SELECT 1 {LOADING} AND wait_event_type = 'Lock'"))
        pg_ctl(postgres, "restart", "-m", "immediate")
        thread.join(60)
    assert [type(each) for each in told] == [StoreDown]
    assert (zone.state(parcel), store_and_ledger(zone)) == ("validated", NOTHING)
    assert load(zone.settings, ids) == ["loaded"]
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F07",
    injected="the server is stopped before each of the steps of a load",
    happened="each step says StoreDown, to be tried again; the parcel stays in the inbox; started again, it loads",
)
def test_a_server_that_is_stopped_before_each_step(zone: CentralZone, postgres: Postgres) -> None:
    parcel = zone.sealed(a_night())
    ids = [parcel.manifest.parcel_id]
    steps = (load_parcel.receive_shard, load_parcel.validate_shard, load_parcel.load_shard)
    pg_ctl(postgres, "stop", "-m", "fast")
    try:
        for step in steps:
            with pytest.raises(StoreDown):
                step("gpdpr", ids, zone.settings)
        with pytest.raises(StoreDown):
            load_parcel.parcels_waiting("gpdpr", zone.settings)
    finally:
        pg_ctl(postgres, "start")
    assert parcel.folder.exists()
    for step in steps:
        step("gpdpr", ids, zone.settings)
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F08",
    injected="one practice's partition lies on a disk of 16 MB (tmpfs) that fills in the middle of its COPY",
    happened="SQLSTATE 53100; nothing of it is kept; a person is told to make room, no blind retry; other practices load",
)
def test_a_full_disk_stops_the_practice_whose_rows_it_is_for(zone: CentralZone, postgres: Postgres) -> None:
    first = zone.sealed(a_night())
    load_parcel.load_parcel(first.folder, zone.settings)
    second = zone.sealed(a_night(observation_count=40_000, seed=4), sequence=2, previous=first)
    other = zone.sealed(a_night(), practice_code=practice_elsewhere(zone))
    ids = judged(zone, second, other)
    with (
        a_small_disk(postgres.folder.parent / "disk", 16, of_server=True) as disk,
        on_the_disk(zone, partition_of(zone), disk),
    ):
        leave_room_for(disk, 800)
        failed, loaded = load_parcel.load_shard("gpdpr", ids, zone.settings)
        assert "disk is full (SQLSTATE 53100). Make room" in failed["reason"]
        assert (failed["state"], loaded["state"]) == ("validated", "loaded")
        assert zone.query("SELECT count(*) FROM records.observation WHERE practice_code = 'A12345'") == [(50,)]
        with pytest.raises(load_parcel.NotAllLoaded, match="A12345 parcel 2 validated"):
            load_parcel.account_for("gpdpr", ids, zone.settings)
        make_room(disk, 64)
        assert load(zone.settings, ids) == ["loaded", "loaded"]
    assert zone.query("SELECT count(*) FROM records.observation WHERE practice_code = 'A12345'") == [(40_050,)]
    assert verify(zone.settings)["entries"] == 3


def partition_of(zone: CentralZone, practice_code: str = "A12345") -> str:
    """Where the practice's observations go, as the server decides."""
    return next(
        name
        for (name,) in zone.query(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid "
            "WHERE i.inhparent = 'records.observation'::regclass ORDER BY c.oid"
        )
        if goes_to(zone, name, practice_code)
    )


def goes_to(zone: CentralZone, partition: str, practice_code: str) -> bool:
    ((rule,),) = zone.query("SELECT pg_get_partition_constraintdef(%s::regclass)", partition)
    return bool(zone.query(f"SELECT 1 FROM (SELECT %s::text AS practice_code) AS it WHERE {rule}", practice_code))


def practice_elsewhere(zone: CentralZone) -> str:
    here = partition_of(zone)
    return next(code for code in (f"A{number}" for number in range(90000, 99999)) if not goes_to(zone, here, code))


@contextmanager
def on_the_disk(zone: CentralZone, partition: str, disk: Path) -> Iterator[None]:
    zone.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
    zone.execute(f"ALTER TABLE {partition} SET TABLESPACE small")
    try:
        yield
    finally:
        (disk / "ballast").unlink(missing_ok=True)
        zone.execute(f"ALTER TABLE {partition} SET TABLESPACE pg_default")
        zone.execute("DROP TABLESPACE small")


@pytest.fixture
def line(zone: CentralZone, postgres: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CutLine]:
    server = Path(postgres.uri.partition("host=")[2])
    folder = Path(f"/tmp/gp-cut-{tmp_path.stat().st_ino}")  # noqa: S108 (a socket's path may not be long)
    folder.mkdir(mode=0o700)
    with a_line_cut_at_commit(folder, server, getattr(request, "param", AFTER)) as cut:
        yield cut
    (folder / ".s.PGSQL.5432").unlink()
    folder.rmdir()


def over(line: CutLine, zone: CentralZone) -> Settings:
    url = zone.settings.store_url
    before, _, _ = url.partition("host=")
    return Settings({**zone.settings.values, "GP_STORE_URL": f"{before}host={line.folder}"})


@pytest.mark.fault(
    "F37",
    injected="the line is cut when COMMIT was done and before its answer is there",
    happened="the ledger is asked on a new connection: loaded. The receipt is given; nothing is loaded twice",
)
def test_a_line_cut_after_commit_and_the_ledger_says_loaded(zone: CentralZone, line: CutLine) -> None:
    parcel = zone.sealed(a_night())
    ids = judged(zone, parcel)
    assert load(over(line, zone), ids) == ["loaded"]
    assert line.cuts == 1
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F37",
    injected="the line is cut before COMMIT gets to the server",
    happened="the ledger is asked: not loaded. StoreDown, to be tried again; then it loads once",
)
@pytest.mark.parametrize("line", [BEFORE], indirect=True)
def test_a_line_cut_before_commit_and_the_ledger_says_not_loaded(zone: CentralZone, line: CutLine) -> None:
    parcel = zone.sealed(a_night())
    ids = judged(zone, parcel)
    with pytest.raises(StoreDown):
        load(over(line, zone), ids)
    assert (line.cuts, zone.state(parcel), store_and_ledger(zone)) == (1, "validated", NOTHING)
    assert load(over(line, zone), ids) == ["loaded"]
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F37",
    injected="as before, and the store cannot be reached at all afterwards",
    happened="StoreDown, to be tried again; the next run reads loaded in the ledger and gives the receipt",
)
def test_a_line_cut_after_commit_and_nobody_can_be_asked(zone: CentralZone, line: CutLine) -> None:
    parcel = zone.sealed(a_night())
    ids = judged(zone, parcel)
    line.stays_cut = True
    with pytest.raises(StoreDown):
        load(over(line, zone), ids)
    assert not zone.settings.receipts_folder.exists()
    assert load(zone.settings, ids) == ["loaded"]
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F37",
    injected="the line is cut while the server is still at the COMMIT, which a deferred trigger holds up",
    happened="whoever asks waits for the practice's lock until the COMMIT has ended, and so reads loaded",
)
@pytest.mark.parametrize("line", [MEANWHILE], indirect=True)
def test_a_line_cut_while_the_server_is_at_its_commit(zone: CentralZone, line: CutLine) -> None:
    parcel = zone.sealed(a_night())
    ids, told = judged(zone, parcel), []
    zone.execute(
        "CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$"
    )
    zone.execute(
        "CREATE CONSTRAINT TRIGGER hold_up AFTER INSERT ON lineage.outbox DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION hold_up()"
    )
    with psycopg.connect(psycopg_url(zone.settings.store_url)) as holding:
        holding.execute("SELECT pg_advisory_xact_lock(4711)")
        thread = in_background(told, lambda: load(over(line, zone), ids))
        until(lambda: len(zone.query(f"SELECT 1 {LOADING} AND wait_event_type = 'Lock'")) == 2)
        assert (line.cuts, zone.state(parcel)) == (1, "validated")
    thread.join(60)
    assert told == [["loaded"]]
    check_loaded_once(zone, parcel)
