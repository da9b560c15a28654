"""Loads that were killed, cut off or refused half-way: nothing is half-done, and running it again ends the same."""

import logging
import os
import threading
import time
import traceback
from contextlib import contextmanager

import psycopg
import pytest

from central_zone import load_parcel
from central_zone.errors import FolderUnusable, StoreDown, StoreRefused
from central_zone.settings import Settings
from central_zone.store.role_names import LOADER
from support.forked import ForkServer
from support.forked_commands import started
from support.parcels import a_night
from support.postgres import AS_PROMISED, psycopg_url

_LOADING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'gp-central' AND datname = current_database()"


def wait_until(condition, seconds=60):
    """Waits for a condition, not for a time; answers what made it true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        threading.Event().wait(0.02)
    raise AssertionError("the condition never came true")


@contextmanager
def blocked(zone, table):
    """Holds a lock that stops a load at this table."""
    with psycopg.connect(psycopg_url(zone.settings.store_url)) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def loaders_waiting_for_a_lock(zone):
    return zone.query(f"{_LOADING} AND wait_event_type = 'Lock'")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = ForkServer(tmp_path_factory.mktemp("server") / "log")
    yield running
    running.close()


@pytest.fixture
def start_load(server, zone, tmp_path_factory):
    def start(parcel, fault=""):
        words = ["gp-central", "load", str(parcel.folder)]
        told = tmp_path_factory.mktemp("told")
        return started(server, words, {**os.environ, **zone.environment()}, zone.root, told, fault=fault)

    return start


def store_and_ledger(zone):
    tables = ("records.patient", "records.observation", "lineage.outbox", "audit.entry")
    return [zone.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


@pytest.mark.fault(
    "F01",
    injected="SIGKILL of `gp-central load` at the second table, where a lock holds it",
    happened="no row, ledger line, lineage or audit entry of it in the store; run again, it loads once",
)
@pytest.mark.fault(
    "F02",
    injected="the same at the lineage and at the audit entry, when all rows are in",
    happened="as before: nothing; run again, it loads once",
)
@pytest.mark.parametrize("table", ["records.observation", "lineage.outbox", "audit.entry"])
def test_a_load_killed_half_way_leaves_nothing_and_running_it_again_loads_once(zone, start_load, table):
    parcel = zone.sealed(a_night())
    with blocked(zone, table):
        process = start_load(parcel)
        wait_until(lambda: loaders_waiting_for_a_lock(zone))
        process.kill()
    wait_until(lambda: not zone.query(_LOADING))
    assert store_and_ledger(zone) == [0, 0, 0, 0]
    assert zone.state(parcel) == "validated"
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"
    assert store_and_ledger(zone) == [10, 50, 1, 1]
    assert list(zone.settings.work_folder.iterdir()) == []


@pytest.mark.fault(
    "F03",
    injected="SIGKILL when the ledger says loaded and the receipt is not signed yet",
    happened="the next run says already and gives the receipt, the same bytes each time",
)
def test_a_load_killed_after_the_commit_gives_its_receipt_when_it_is_run_again(zone, start_load):
    parcel = zone.sealed(a_night())
    process = start_load(parcel, fault="load.committed:1:hang")
    wait_until(lambda: zone.state(parcel) == "loaded")
    process.kill()
    assert not zone.settings.receipts_folder.exists()
    load_parcel.account_for("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    receipt = zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.receipt.json"
    first = receipt.read_bytes()
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "already"
    assert receipt.read_bytes() == first
    assert store_and_ledger(zone) == [10, 50, 1, 1]


@pytest.mark.fault(
    "F06",
    injected="the server ends the loader's connection in the middle of a load",
    happened="StoreDown, to be tried again; then it loads once",
)
def test_a_connection_that_is_cut_mid_load_is_tried_again_and_loads_once(zone):
    zone.sealed(a_night())
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    load_parcel.validate_shard("gpdpr", shard, zone.settings)
    raised = []
    thread = threading.Thread(target=lambda: raised.append(failure_of(zone, shard)))
    with blocked(zone, "lineage.outbox"):
        thread.start()
        ((pid,),) = wait_until(lambda: loaders_waiting_for_a_lock(zone))
        zone.query(f"SELECT pg_terminate_backend({pid})")
        thread.join()
    assert [type(error) for error in raised] == [StoreDown]
    assert load_parcel.load_shard("gpdpr", shard, zone.settings)[0]["state"] == "loaded"
    assert store_and_ledger(zone) == [10, 50, 1, 1]


def failure_of(zone, shard):
    try:
        load_parcel.load_shard("gpdpr", shard, zone.settings)
    except Exception as error:
        return error
    return None


@pytest.mark.fault(
    "F13",
    injected="two processes load one parcel at the same time",
    happened="one loads, the other waits for the practice's lock and says already; both end well",
)
def test_two_loaders_of_one_parcel_load_it_once(zone, start_load):
    parcel = zone.sealed(a_night())
    with blocked(zone, "records.observation"):
        first, second = start_load(parcel), start_load(parcel)
        wait_until(lambda: len(loaders_waiting_for_a_lock(zone)) == 2)
    told = [process.ended() for process in (first, second)]
    assert [each.returncode for each in told] == [0, 0], told
    assert store_and_ledger(zone) == [10, 50, 1, 1]


@pytest.mark.fault(
    "F07",
    injected="nobody listens at the store's address",
    happened="StoreDown, to be tried again; the parcel stays, and no password is told",
)
def test_a_store_that_is_down_is_to_be_tried_again_and_its_password_is_not_told(zone):
    parcel = zone.sealed(a_night())
    passwords = zone.root / "passwords"
    passwords.mkdir()
    (passwords / LOADER).write_text("open-sesame")
    (passwords / LOADER).chmod(0o400)
    url = f"postgresql+psycopg://127.0.0.1:1/store?{AS_PROMISED}"
    down = Settings({**zone.settings.values, "GP_STORE_URL": url, "GP_STORE_PASSWORDS_DIR": str(passwords)})
    with pytest.raises(StoreDown, match="the store cannot be reached") as raised:
        load_parcel.load_parcel(parcel.folder, down)
    assert "sesame" not in everything_told(raised.value)
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"


def everything_told(error):
    return "".join(traceback.format_exception(error))


def test_what_the_database_quotes_reaches_no_message_no_log_and_no_ledger(zone, caplog):
    zone.execute("ALTER TABLE records.observation ADD CHECK (value < 1000)")
    planted = 987654321.0
    parcel = zone.sealed(a_night(value=[planted] * 50, value_unit=["kg"] * 50))
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    load_parcel.validate_shard("gpdpr", shard, zone.settings)
    with caplog.at_level(logging.DEBUG):
        (result,) = load_parcel.load_shard("gpdpr", shard, zone.settings)
    assert "SQLSTATE 23514, table observation" in result["reason"]
    with pytest.raises(StoreRefused) as raised:
        load_parcel.load_parcel(parcel.folder, zone.settings)
    ledger = str(zone.query("SELECT * FROM ledger.parcel")) + str(zone.query("SELECT * FROM ledger.refusal"))
    for told in (everything_told(raised.value), caplog.text, str(result), ledger):
        assert "987654321" not in told
    assert store_and_ledger(zone) == [0, 0, 0, 0]


def test_the_database_really_quotes_what_it_refuses(zone):
    """The control of the test above: without our wrapping the value would be told."""
    zone.execute("ALTER TABLE lineage.outbox ADD CHECK (id > 5)")
    with pytest.raises(psycopg.errors.CheckViolation, match="987654321"):
        zone.execute("INSERT INTO lineage.outbox (event) VALUES ('987654321')")


def test_a_work_folder_that_cannot_be_used_is_named_by_its_setting(zone):
    parcel = zone.sealed(a_night())
    zone.settings.work_folder.write_text("a file where a folder should be")
    with pytest.raises(FolderUnusable, match="GP_CENTRAL_WORK_DIR: "):
        load_parcel.load_parcel(parcel.folder, zone.settings)
    assert zone.state(parcel) == "received"


def test_a_parcel_without_its_receipt_does_not_count_as_loaded(zone):
    parcel = zone.sealed(a_night())
    zone.settings.receipts_folder.write_text("a file where a folder should be")
    with pytest.raises(FolderUnusable, match="GP_RECEIPTS_DIR: "):
        load_parcel.load_parcel(parcel.folder, zone.settings)
    with pytest.raises(FolderUnusable, match="GP_RECEIPTS_DIR: "):
        load_parcel.account_for("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    zone.settings.receipts_folder.unlink()
    load_parcel.account_for("gpdpr", [parcel.manifest.parcel_id], zone.settings)
