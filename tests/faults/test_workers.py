"""Workers that run out of memory, hang, come back from the dead, or do what another has done; and an Airflow that forgot."""

import signal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central_zone import load_parcel
from central_zone.chain.verify import verify
from central_zone.errors import NotAllLoadedYet
from faults.conftest import CentralZone
from support.little_memory import little_memory
from support.loads_disturbed import (
    LOADING,
    NOTHING,
    a_worker,
    check_loaded_once,
    in_background,
    judged,
    load,
    stopped_at,
    store_and_ledger,
    until,
)
from support.parcels import a_night

WAITING = f"SELECT pid {LOADING} AND wait_event_type = 'Lock'"
ROWS = 100_000


@pytest.mark.fault(
    "F10",
    injected="a worker may have 12 MB more than its libraries (a memory cgroup), and loads 100,000 rows",
    happened="the kernel kills it; nothing of it is in the store; with memory enough it loads once",
)
def test_a_worker_that_runs_out_of_memory_leaves_nothing(zone: CentralZone) -> None:
    parcel = zone.sealed(a_night(observation_count=ROWS))
    ids = judged(zone, parcel)
    with little_memory(12_000_000) as (before, is_killed), a_worker(zone, ids, before=before) as worker:
        out, err = worker.communicate(timeout=120)
    assert "loaded" not in out
    assert not is_killed or worker.returncode == -signal.SIGKILL, err
    until(lambda: not zone.query(f"SELECT 1 {LOADING}"))
    assert (zone.state(parcel), store_and_ledger(zone)) == ("validated", NOTHING)
    assert load(zone.settings, ids) == ["loaded"]
    assert store_and_ledger(zone) == [10, ROWS, 1, 1]


def without_memory(*_: object, **__: object) -> None:
    raise pa.lib.ArrowMemoryError("malloc of size 9990000018 failed")


@pytest.mark.fault(
    "F10",
    injected="Arrow gets no memory while it opens a part",
    happened="the parcel is not blamed: no refusal, no receipt; OutOfMemory, to be tried again; then it loads",
)
def test_a_lack_of_memory_is_not_the_parcels_fault(zone: CentralZone, monkeypatch: pytest.MonkeyPatch) -> None:
    parcel = zone.sealed(a_night())
    ids = [parcel.manifest.parcel_id]
    monkeypatch.setattr(pq, "ParquetFile", without_memory)
    (result,) = load_parcel.receive_shard("gpdpr", ids, zone.settings)
    monkeypatch.undo()
    assert (result["state"], "no memory left at receive.py" in result["reason"]) == ("received", True)
    assert zone.query("SELECT count(*) FROM ledger.refusal") == [(0,)]
    with pytest.raises(NotAllLoadedYet):
        load_parcel.account_for("gpdpr", ids, zone.settings)
    judged(zone, parcel)
    assert load(zone.settings, ids) == ["loaded"]
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F33",
    injected="a worker is frozen (SIGSTOP) in the middle of a load; Airflow takes it for dead and another begins; then it thaws",
    happened="the second waits for the practice's lock; the first ends its load, the second says loaded too: once",
)
def test_a_zombie_that_wakes_up_ends_its_load_and_the_other_finds_it_done(zone: CentralZone) -> None:
    parcel = zone.sealed(a_night())
    ids, told = judged(zone, parcel), []
    with a_worker(zone, ids) as zombie:
        with stopped_at(zone, "lineage.outbox"):
            until(lambda: zone.query(WAITING))
            zombie.send_signal(signal.SIGSTOP)
            other = in_background(told, lambda: load(zone.settings, ids))
            until(lambda: len(zone.query(WAITING)) == 2)
        assert zone.state(parcel) == "validated", "its server has the lock now, and waits for what the zombie says next"
        zombie.send_signal(signal.SIGCONT)
        out, err = zombie.communicate(timeout=300)
        other.join(300)
    assert (out.strip(), told) == ("['loaded']", [["loaded"]]), err
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F33",
    injected="as before, and the server ends the frozen worker's connection before it thaws",
    happened="the second loads; the zombie finds its line broken, asks the ledger and says loaded: once, one receipt",
)
def test_a_zombie_whose_transaction_was_ended_does_no_harm(zone: CentralZone) -> None:
    parcel = zone.sealed(a_night())
    ids, told = judged(zone, parcel), []
    with a_worker(zone, ids) as zombie:
        with stopped_at(zone, "lineage.outbox"):
            ((pid,),) = until_one(zone)
            zombie.send_signal(signal.SIGSTOP)
            other = in_background(told, lambda: load(zone.settings, ids))
            until(lambda: len(zone.query(WAITING)) == 2)
            zone.query("SELECT pg_terminate_backend(%s)", pid)
        other.join(300)
        check_loaded_once(zone, parcel)
        zombie.send_signal(signal.SIGCONT)
        out, err = zombie.communicate(timeout=300)
    assert (out.strip(), told) == ("['loaded']", [["loaded"]]), err
    check_loaded_once(zone, parcel)


def until_one(zone: CentralZone) -> list[tuple[int]]:
    until(lambda: zone.query(WAITING))
    return [(zone.query(WAITING)[0][0],)]


@pytest.mark.fault(
    "F33",
    injected="two runs of the same DAG take the same parcels, each step of one after the same step of the other",
    happened="one line in ledger and audit chain, one receipt; both runs end well",
)
def test_a_run_that_is_there_twice_loads_once(zone: CentralZone) -> None:
    parcel = zone.sealed(a_night())
    (one,), (two,) = (load_parcel.parcels_waiting("gpdpr", zone.settings) for _ in range(2))
    for step in (load_parcel.receive_shard, load_parcel.validate_shard, load_parcel.load_shard):
        for ids in (one, two):
            step("gpdpr", ids, zone.settings)
    for ids in (one, two):
        load_parcel.account_for("gpdpr", ids, zone.settings)
    check_loaded_once(zone, parcel)


@pytest.mark.fault(
    "F40",
    injected="all that Airflow knew is forgotten, with parcels at every step: arrived, received, judged, loaded without a receipt",
    happened="inbox and ledger say what waits; the next run takes exactly that, and each parcel is loaded once",
)
def test_what_airflow_forgets_the_ledger_knows(zone: CentralZone) -> None:
    at = {code: zone.sealed(a_night(), practice_code=code) for code in ("A00001", "A00002", "A00003", "A00004")}
    ids = {code: parcel.manifest.parcel_id for code, parcel in at.items()}
    load_parcel.receive_shard("gpdpr", [ids["A00002"]], zone.settings)
    judged(zone, at["A00003"], at["A00004"])
    load(zone.settings, [ids["A00004"]])
    for receipt in zone.settings.receipts_folder.glob("*.receipt.json"):
        receipt.unlink()

    waiting = [each for shard in load_parcel.parcels_waiting("gpdpr", zone.settings) for each in shard]
    assert sorted(waiting) == sorted(ids[code] for code in ("A00001", "A00002", "A00003"))
    for step in (load_parcel.receive_shard, load_parcel.validate_shard, load_parcel.load_shard):
        step("gpdpr", waiting, zone.settings)
    load_parcel.account_for("gpdpr", ids.values(), zone.settings)
    assert store_and_ledger(zone) == [40, 200, 4, 4]
    assert len([*zone.settings.receipts_folder.glob("*.receipt.json")]) == 4
    assert verify(zone.settings)["entries"] == 4


@pytest.mark.fault(
    "F13",
    injected="two workers load two parcels of one practice at the same time",
    happened="the second waits for the practice's lock; both load, in their order",
)
def test_two_workers_on_two_parcels_of_one_practice(zone: CentralZone) -> None:
    first = zone.sealed(a_night())
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first)
    ids, told = judged(zone, first, second), []
    with stopped_at(zone, "lineage.outbox"):
        threads = [in_background(told, lambda: load(zone.settings, ids[:1]))]
        until(lambda: zone.query(WAITING))
        threads.append(in_background(told, lambda: load(zone.settings, ids[1:])))
        until(lambda: len(zone.query(WAITING)) == 2)
    for thread in threads:
        thread.join(60)
    assert told == [["loaded"], ["loaded"]]
    loads = "SELECT event->>'sequence' FROM audit.entry ORDER BY seq"
    assert zone.query(loads) == [("1",), ("2",)]
