"""A bridge at the centre: what it moves, and every way in which it is refused with nothing changed."""

import hmac
import threading
import time
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from central_zone import load_parcel, take_notices
from central_zone.chain.verify import verify
from central_zone.errors import KeyStillNeeded, ParcelRefused
from central_zone.restored.resume import resume
from central_zone.restored.retired_keys import look_at_retired_keys
from central_zone.rotation import open_pairs
from central_zone.rotation.retire import retire
from central_zone.rotation.status import status
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.rights import apply_rights
from crossing.canonical import Kind, column_names, schema
from crossing.manifest import ManifestRefused
from key_custody.whereabouts.verdict import OK, WRONG
from support.erasures import a_notice, as_mark, as_stored, token
from support.parcels import PRACTICE, a_night, patients, tokens
from support.postgres import psycopg_url

V2 = "token-gpdpr-v2"
NEIGHBOUR = "B12345"


def newer(old: pa.Array) -> pa.Array:
    """What the newer key makes of the same: any token that is another, and the same each time."""
    flat = np.frombuffer(b"".join(each or bytes(16) for each in old.to_pylist()), np.uint8) ^ 0x5A
    mask = pa.array([each is None for each in old.to_pylist()])
    made = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(old), [None, pa.py_buffer(flat.tobytes())])
    return pc.if_else(mask, pa.nulls(len(old), pa.binary(16)), made)


def under_newer_key(tables):
    """The same tables, made with the newer key."""
    return {table: _under_newer_key(table, rows) for table, rows in tables.items()}


def _under_newer_key(table, rows):
    for name in column_names(table, Kind.TOKEN):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(name), newer(rows[name].combine_chunks()))
    return rows


def bridge_table(tables, *, leave_out=0, swap=False):
    """The pairs of everything in these tables."""
    kinds = {}
    for table, rows in tables.items():
        for name in column_names(table, Kind.TOKEN):
            kind = {"patient_token": "person", "registration_token": "registration"}.get(name, "record")
            for each in rows[name].to_pylist():
                if each and kinds.get(each) != "registration":
                    kinds[each] = kind
    old = pa.array(list(kinds)[leave_out:], pa.binary(16))
    new = newer(old)
    if swap:
        new = pa.concat_arrays([new[:1], new[:1], new[2:]])
    return {"bridge": pa.table([old, new, pa.array(list(kinds.values())[leave_out:])], schema=schema("bridge"))}


def a_bridge(zone, table, previous, **how):
    named = {"extract_kind": "bridge", "extract_id": f"bridge-{previous.manifest.sequence + 1}-v1-v2"}
    how = {"bridges_from": "token-gpdpr-v1", "token_key": V2, "erasures_before": 0, **named, **how}
    sequence = previous.manifest.sequence + 1
    return zone.sealed(table, sequence=sequence, previous=previous, **how)


def load(zone, parcel):
    return load_parcel.load_parcel(parcel.folder, zone.settings)


def everything(zone):
    tables = ("records.patient", "records.observation", "quarantine.row", "erasure.mark", "rotation.pair")
    return {table: sorted(map(str, zone.query(f"SELECT * FROM {table}"))) for table in tables}


def key_of(zone, practice=PRACTICE):
    return zone.query("SELECT token_key FROM rotation.practice_key WHERE practice_code = %s", practice)


def test_a_bridge_moves_rows_and_pairs_are_kept_of_people_alone(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    assert load(zone, bridge)["state"] == "loaded"
    assert key_of(zone) == [(V2,)]
    wanted = {bytes(each) for each in newer(tokens(10, 1)).to_pylist()}
    (stored,) = zip(*zone.query("SELECT DISTINCT registration_token FROM records.observation"), strict=True)
    assert {each.bytes for each in stored} == {as_stored(zone, each) for each in wanted}
    assert zone.query("SELECT stands_for, count(*) FROM rotation.pair GROUP BY 1 ORDER BY 1") == [
        ("person", 10),
        ("registration", 10),
    ]
    assert load(zone, bridge)["state"] == "already"
    later = zone.sealed(under_newer_key(a_night(seed=9)), sequence=3, previous=bridge, token_key=V2)
    assert load(zone, later)["state"] == "loaded"
    receipts = sorted(zone.settings.receipts_folder.glob("*.receipt.json"))
    assert len(receipts) == 3


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"leave_out": 1}, "rows of the store have a token that it does not name"),
        ({"swap": True}, "tokens are named twice"),
    ],
)
def test_a_bridge_that_does_not_name_everything_once_changes_nothing(zone, how, why):
    first = zone.sealed(a_night())
    load(zone, first)
    before = everything(zone)
    bridge = a_bridge(zone, bridge_table(a_night(), **how), first)
    with pytest.raises(ParcelRefused, match=why):
        load(zone, bridge)
    assert everything(zone) == before
    assert key_of(zone) == [("token-gpdpr-v1",)]
    mended = a_bridge(zone, bridge_table(a_night()), first)
    assert load(zone, mended)["state"] == "loaded"


@pytest.mark.parametrize(
    "names", [{"bridges_from": V2, "token_key": "token-gpdpr-v1"}, {"bridges_from": "token-gpdpr-v7"}]
)
def test_a_bridge_that_leads_from_elsewhere_or_backwards_is_refused(zone, names):
    first = zone.sealed(a_night())
    load(zone, first)
    before = everything(zone)
    with pytest.raises(ParcelRefused, match="leads from"):
        load(zone, a_bridge(zone, bridge_table(a_night()), first, **names))
    assert everything(zone) == before


@pytest.mark.parametrize(
    "names",
    [
        {"bridges_from": None},
        {"bridges_from": V2},
        {"extract_kind": "delta"},
        {"erasures_before": None},
        {"extract_kind": "delta", "bridges_from": None},
    ],
)
def test_a_manifest_that_is_half_a_bridge_is_refused(zone, names):
    first = zone.sealed(a_night())
    load(zone, first)
    with pytest.raises(ManifestRefused):
        load(zone, a_bridge(zone, bridge_table(a_night()), first, **names))


@pytest.mark.fault("F24", injected="a parcel under another key than the practice's records", happened="refused")
def test_records_under_another_key_are_never_joined_to_the_practices(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    ahead = zone.sealed(under_newer_key(a_night(seed=9)), sequence=2, previous=first, token_key=V2)
    with pytest.raises(ParcelRefused, match="Tokens of two keys are never joined"):
        load(zone, ahead)
    assert zone.query("SELECT count(*) FROM records.patient") == [(10,)]


def test_a_parcel_under_the_old_key_after_the_bridge_is_refused(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    load(zone, bridge)
    with pytest.raises(ParcelRefused, match="Tokens of two keys"):
        load(zone, zone.sealed(a_night(seed=9), sequence=3, previous=bridge))


def test_what_follows_the_bridge_waits_for_it(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    later = zone.sealed(under_newer_key(a_night(seed=9)), sequence=3, previous=bridge, token_key=V2)
    shards = load_parcel.parcels_waiting("gpdpr", zone.settings)
    assert shards == [[bridge.manifest.parcel_id, later.manifest.parcel_id]]
    for step in (load_parcel.receive_shard, load_parcel.validate_shard, load_parcel.load_shard):
        told = step("gpdpr", shards[0], zone.settings)
    assert [each["state"] for each in told] == ["loaded", "loaded"]


def test_the_same_person_at_another_practice_moves_with_the_first_bridge_and_old_parcels_are_mapped(zone):
    here, there = zone.sealed(a_night()), zone.sealed(a_night(), practice_code=NEIGHBOUR)
    for parcel in (here, there):
        load(zone, parcel)
    load(zone, a_bridge(zone, bridge_table(a_night()), here))
    people = "SELECT count(DISTINCT patient_token) FROM records.patient"
    assert zone.query(people) == [(10,)]
    late = zone.sealed({"patient": patients()}, practice_code=NEIGHBOUR, sequence=2, previous=there)
    load(zone, late)
    assert zone.query(people) == [(10,)]
    load(zone, a_bridge(zone, bridge_table(a_night()), late, practice_code=NEIGHBOUR))
    assert zone.query(people) == [(10,)]
    assert status("gpdpr", zone.settings) == {
        "practices": {V2: [PRACTICE, NEIGHBOUR]},
        "open": {"token-gpdpr-v1": 20},
        "retired": [],
    }


def test_rows_staged_before_the_rotation_are_mapped_when_they_are_loaded(zone):
    here, there = zone.sealed(a_night()), zone.sealed(a_night(), practice_code=NEIGHBOUR)
    load(zone, here)
    waiting = [there.manifest.parcel_id]
    load_parcel.receive_shard("gpdpr", waiting, zone.settings)
    load_parcel.validate_shard("gpdpr", waiting, zone.settings)
    load(zone, a_bridge(zone, bridge_table(a_night()), here))
    assert load_parcel.load_shard("gpdpr", waiting, zone.settings)[0]["state"] == "loaded"
    assert zone.query("SELECT count(DISTINCT patient_token) FROM records.patient") == [(10,)]


def test_marks_of_erased_people_move_and_still_hold(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 2)])
    take_notices.take_notice(notice.folder, zone.settings)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    load(zone, bridge)
    again = under_newer_key(a_night(seed=9))
    mark = bytes(newer(tokens(10, 1))[0].as_py())
    assert zone.query("SELECT registration_mark FROM erasure.mark") == [(UUID(bytes=as_mark(zone, mark)),)]
    load(zone, zone.sealed(again, sequence=3, previous=bridge, token_key=V2))
    # The word named place 2, and place 3 brings living rows: it ended, as it does under one key.
    assert zone.query("SELECT count(*) FROM erasure.mark") == [(0,)]


def test_a_bridge_without_an_erased_person_is_refused(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    take_notices.take_notice(a_notice(zone, [(token(0, 1), token(0, 2), 1)]).folder, zone.settings)
    gone = {bytes(token(0, 1)), bytes(token(0, 2))}
    pairs = bridge_table(a_night())["bridge"]
    without = {"bridge": pairs.filter(pa.array([each not in gone for each in pairs["old_token"].to_pylist()]))}
    before = everything(zone)
    with pytest.raises(ParcelRefused, match="1 erased people of the practice are not named"):
        load(zone, a_bridge(zone, without, first))
    assert everything(zone) == before


def test_a_notice_under_the_old_key_reaches_its_people_after_the_bridge_and_parcels_that_are_kept(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    notice = a_notice(zone, [(token(row, 1), token(row, 2), 1) for row in range(2)])
    load(zone, a_bridge(zone, bridge_table(a_night()), first))
    told = take_notices.take_notice(notice.folder, zone.settings)
    assert (told["state"], told["people"], told["rows"]) == ("applied", 2, 12)
    assert zone.query("SELECT count(*) FROM records.patient") == [(8,)]
    assert (first.folder / "stripped.json").exists()


def test_a_notice_under_the_new_key_waits_for_the_bridge(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    people = [(bytes(newer(tokens(1, 1))[0].as_py()), bytes(newer(tokens(1, 2))[0].as_py()), 2)]
    notice = a_notice(zone, people, token_key=V2)
    (told,) = take_notices.take_notices([notice.manifest.parcel_id], zone.settings)
    assert (told["state"], told["a_person_must_act"]) == ("failed", False)
    assert "waits for the bridge" in told["reason"]
    load(zone, a_bridge(zone, bridge_table(a_night()), first))
    (told,) = take_notices.take_notices([notice.manifest.parcel_id], zone.settings)
    assert (told["state"], told["rows"]) == ("applied", 6)


def test_a_notice_of_somebody_the_bridge_did_not_name_is_refused_rather_than_reach_nobody(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    stranger = a_notice(zone, [(token(99, 1), None, 1)])
    load(zone, a_bridge(zone, bridge_table(a_night()), first))
    (told,) = take_notices.take_notices([stranger.manifest.parcel_id], zone.settings)
    assert (told["state"], told["a_person_must_act"]) == ("failed", True)
    assert "the bridge to token-gpdpr-v2 says nothing" in told["reason"]


def test_a_key_retires_only_when_nothing_is_under_it_and_then_nothing_may_come(zone):
    here, there = zone.sealed(a_night()), zone.sealed(a_night(), practice_code=NEIGHBOUR)
    for parcel in (here, there):
        load(zone, parcel)
    load(zone, a_bridge(zone, bridge_table(a_night()), here))
    with pytest.raises(KeyStillNeeded, match=f"the records of {NEIGHBOUR} are under it"):
        retire("gpdpr", 1, zone.settings)
    late = zone.sealed({"patient": patients()}, practice_code="C12345")
    load(zone, a_bridge(zone, bridge_table(a_night()), there, practice_code=NEIGHBOUR))
    with pytest.raises(KeyStillNeeded, match="of C12345 under it wait"):
        retire("gpdpr", 1, zone.settings)
    load(zone, late)
    load(zone, a_bridge(zone, bridge_table({"patient": patients()}), late, practice_code="C12345"))
    waiting = a_notice(zone, [(token(0, 1), token(0, 2), 1)])
    with pytest.raises(KeyStillNeeded, match=f"of {PRACTICE} under it wait"):
        retire("gpdpr", 1, zone.settings)
    take_notices.take_notice(waiting.folder, zone.settings)
    assert retire("gpdpr", 1, zone.settings)["pairs"] == 20  # the synthetic practices have the same people
    assert not list(zone.settings.inbox_folder.glob("*/part-*"))
    (told,) = take_notices.take_notices(
        [a_notice(zone, [(token(1, 1), token(1, 2), 1)], sequence=2).manifest.parcel_id], zone.settings
    )
    assert "is retired" in told["reason"]
    with pytest.raises(ParcelRefused, match="is retired"):
        load(zone, zone.sealed(a_night(), practice_code="D12345"))


def names_people(tables):
    """A bridge of the people in these tables alone, as goes ahead of a parcel under the newer key."""
    pairs = bridge_table(tables)["bridge"]
    return {"bridge": pairs.filter(pc.equal(pairs["stands_for"], "person"))}


def test_a_key_does_not_retire_while_a_bridge_of_people_from_it_waits_and_its_parts_are_kept(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    load(zone, bridge)
    earlier = zone.sealed(under_newer_key(a_night(seed=9)), sequence=3, previous=bridge, token_key=V2)
    named = a_bridge(zone, names_people(a_night()), earlier)
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    with pytest.raises(KeyStillNeeded, match=f"of {PRACTICE} under it wait"):
        retire("gpdpr", 1, zone.settings)
    assert load(zone, earlier)["state"] == load(zone, named)["state"] == "loaded"
    retire("gpdpr", 1, zone.settings)


def test_a_key_does_not_retire_while_an_erasure_that_left_before_the_bridge_is_still_on_its_way(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    load(zone, a_bridge(zone, bridge_table(a_night()), first, erasures_before=1))
    with pytest.raises(KeyStillNeeded, match=f"erasures of {PRACTICE} left before its bridge"):
        retire("gpdpr", 1, zone.settings)
    late = a_notice(zone, [(token(0, 1), token(0, 2), 1)])
    assert take_notices.take_notice(late.folder, zone.settings)["state"] == "applied"
    assert retire("gpdpr", 1, zone.settings)["state"] == "retired"


def test_a_bridge_of_people_that_comes_after_its_key_retired_leaves_no_pairs(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    load(zone, bridge)
    retire("gpdpr", 1, zone.settings)
    late = a_bridge(zone, names_people(a_night()), bridge)
    assert load(zone, late)["state"] == "loaded"
    assert zone.query("SELECT count(*) FROM rotation.pair") == [(0,)]
    assert retire("gpdpr", 1, zone.settings)["parcels_destroyed"] == 1


def test_a_store_restored_from_before_a_bridge_forgets_nobody_who_was_erased_after_it(zone, postgres):
    first = zone.sealed(a_night())
    load(zone, first)
    backup = postgres.a_copy(zone.settings.store_url)
    bridge = a_bridge(zone, bridge_table(a_night()), first)
    load(zone, bridge)
    people = [(bytes(newer(tokens(1, 1))[0].as_py()), bytes(newer(tokens(1, 2))[0].as_py()), 2)]
    take_notices.take_notice(a_notice(zone, people, token_key=V2).folder, zone.settings)
    old = Settings({**zone.settings.values, "GP_STORE_URL": backup})
    resume(old, by="responder", reason="a backup was restored")
    load_parcel.load_parcel(bridge.folder, old)
    with store_of(backup) as store, transaction(store, "ask") as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM records.patient").scalar_one()
    assert rows == zone.query("SELECT count(*) FROM records.patient")[0][0] == 9


def restored_of(zone, backup):
    """What `store restored` and the doctor say, the doctor's before and after."""
    old = Settings({**zone.settings.values, "GP_STORE_URL": backup})
    before = [each.said for each in look_at_retired_keys(old)]
    said = resume(old, by="responder", reason="a backup was restored")
    with store_of(backup) as store, transaction(store, "ask") as connection:
        pairs = connection.exec_driver_sql("SELECT count(*) FROM rotation.pair").scalar_one()
    return before, said, pairs, [each.said for each in look_at_retired_keys(old)]


def test_a_store_restored_from_before_a_retirement_has_no_pair_of_the_key_once_it_goes_on(zone, postgres):
    first = zone.sealed(a_night())
    load(zone, first)
    load(zone, a_bridge(zone, bridge_table(a_night()), first))
    backup = postgres.a_copy(zone.settings.store_url)
    retire("gpdpr", 1, zone.settings)
    before, said, pairs, after = restored_of(zone, backup)
    assert (before, after) == ([WRONG], [OK])
    assert (said["keys_to_retire"], pairs) == ({"token-gpdpr-v1": "retired again"}, 0)
    again = Settings({**zone.settings.values, "GP_STORE_URL": backup})
    assert resume(again, by="responder", reason="once more")["keys_to_retire"] == {}
    assert verify(again)["restores"] == 1


def test_a_store_restored_from_before_a_bridge_whose_key_is_retired_says_whose_records_are_under_it(zone, postgres):
    first = zone.sealed(a_night())
    load(zone, first)
    backup = postgres.a_copy(zone.settings.store_url)
    load(zone, a_bridge(zone, bridge_table(a_night()), first))
    retire("gpdpr", 1, zone.settings)
    before, said, _, after = restored_of(zone, backup)
    assert (before, after) == ([WRONG], [WRONG])
    assert f"the records of {PRACTICE} are under it" in said["keys_to_retire"]["token-gpdpr-v1"]


def test_without_a_rotation_nothing_is_looked_up(zone):
    some = tokens(3, 1)
    with store_of(zone.settings.store_url) as store, transaction(store, "ask") as connection:
        assert open_pairs.present(connection, "gpdpr", some) is some


def test_staged_rows_under_the_old_token_go_when_their_person_is_erased_under_the_new_one(zone):
    here, there = zone.sealed(a_night()), zone.sealed({"patient": patients()}, practice_code=NEIGHBOUR)
    load(zone, here)
    load(zone, a_bridge(zone, bridge_table(a_night()), here))
    elsewhere = [there.manifest.parcel_id]
    load_parcel.receive_shard("gpdpr", elsewhere, zone.settings)
    staged = zone.settings.work_folder / elsewhere[0]
    assert staged.is_dir()
    people = [(bytes(newer(tokens(1, 1))[0].as_py()), bytes(newer(tokens(1, 2))[0].as_py()), 2)]
    take_notices.take_notice(a_notice(zone, people, token_key=V2).folder, zone.settings)
    assert not staged.exists()
    load(zone, there)
    assert zone.query("SELECT practice_code, count(*) FROM records.patient GROUP BY 1 ORDER BY 1") == [
        (PRACTICE, 9),
        (NEIGHBOUR, 9),
    ]


def test_a_bridge_waits_for_loads_that_are_under_way_and_they_do_not_miss_each_other(zone):
    here, there = zone.sealed(a_night()), zone.sealed(a_night(), practice_code=NEIGHBOUR)
    load(zone, here)
    bridge = a_bridge(zone, bridge_table(a_night()), here)
    raised = []
    waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'gp-central' AND wait_event_type = 'Lock'"
    with psycopg.connect(psycopg_url(zone.settings.store_url)) as lock:
        lock.execute("LOCK TABLE records.patient IN SHARE MODE")
        loaders = [
            threading.Thread(target=lambda each=each: raised.append(failure(zone, each))) for each in (there, bridge)
        ]
        for number, loader in enumerate(loaders, 1):
            loader.start()
            wait_until(lambda number=number: len(zone.query(waiting)) == number)
    for loader in loaders:
        loader.join()
    assert raised == [None, None]
    assert zone.query("SELECT count(DISTINCT patient_token), count(*) FROM records.patient") == [(10, 20)]


def failure(zone, parcel):
    try:
        load(zone, parcel)
    except Exception as error:
        return error
    return None


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("the condition never came true")


_DISCLOSURE = """
INSERT INTO release.disclosure (use_id, collection, released_at, decision, legal_gateway, practices, practices_without_check,
  persons_checked, excluded_opted_out, excluded_no_valid_number, excluded_no_current_check, persons_released, rows_released,
  project_key, policy_sha256, audit_hash)
VALUES ('a_use', 'gpdpr', now(), 'applies', 'none', 1, '[]', 10, 0, 0, 0, 10, '{}', 'k', '{}', 'h') RETURNING disclosure_id
"""


def as_released(zone, t1):
    """The project's token (T3), made without the code under test."""
    key = (zone.keys.folder / "store-v1.key").read_bytes()
    info = b"gp-collect|project|a_use|v1"
    subkey = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
    return UUID(bytes=hmac.digest(subkey.hex().encode(), as_stored(zone, t1).hex().encode(), "sha256")[:16])


def test_what_was_released_and_who_is_allowed_keep_their_people_under_the_new_tokens(zone):
    first = zone.sealed(a_night())
    load(zone, first)
    persons, records = ([bytes(each) for each in tokens(10, seed).to_pylist()] for seed in (2, 3))
    zone.execute(
        "CREATE TABLE release.a_use__observation (patient_token UUID NOT NULL, record_token UUID, value INTEGER)"
    )
    with store_of(zone.settings.store_url) as store, store.begin() as connection:
        apply_rights(connection)  # as a release does
    ((number,),) = zone.query(_DISCLOSURE)
    zone.execute(f"INSERT INTO release.released_table VALUES ('a_use', 'observation', {number}, 1)")
    # Somebody on the list who was never in a parcel: nobody can say who they are under the new key.
    for who in (*persons, bytes(token(99, 2))):
        allowed = UUID(bytes=as_stored(zone, who))
        zone.execute(
            f"INSERT INTO release.national_allow_list VALUES ('gpdpr', '{PRACTICE}', '{allowed}', now(), now() + interval '9 days')"
        )
    for who, record in zip(persons, records, strict=True):
        values = f"'{as_released(zone, who)}', '{as_released(zone, record)}', 7"
        zone.execute(f"INSERT INTO release.a_use__observation VALUES ({values})")
    load(zone, a_bridge(zone, bridge_table(a_night()), first))
    new_persons, new_records = ([bytes(each) for each in newer(tokens(10, seed)).to_pylist()] for seed in (2, 3))
    released = zone.query("SELECT patient_token, record_token FROM release.a_use__observation")
    assert set(released) == {
        (as_released(zone, who), as_released(zone, record))
        for who, record in zip(new_persons, new_records, strict=True)
    }
    allowed = {row[0].bytes for row in zone.query("SELECT patient_token FROM release.national_allow_list")}
    assert allowed == {as_stored(zone, who) for who in new_persons}


def test_a_change_of_key_over_another_that_is_still_open_leads_everybody_to_the_last(zone):
    """One practice is two keys ahead of the other; the one behind goes over in one step."""
    here, there = zone.sealed(a_night()), zone.sealed(a_night(), practice_code=NEIGHBOUR)
    for parcel in (here, there):
        load(zone, parcel)
    second = a_bridge(zone, bridge_table(a_night()), here)
    load(zone, second)
    older = bridge_table(a_night())["bridge"]
    third = pa.table([older["new_token"], newest(older["old_token"]), older["stands_for"]], schema=schema("bridge"))
    how = {"bridges_from": V2, "token_key": "token-gpdpr-v3"}
    load(zone, a_bridge(zone, {"bridge": third}, second, **how))
    people = "SELECT count(DISTINCT patient_token) FROM records.patient"
    assert zone.query(people) == [(10,)]
    late = zone.sealed({"patient": patients()}, practice_code=NEIGHBOUR, sequence=2, previous=there)
    load(zone, late)
    assert zone.query(people) == [(10,)]
    load(zone, a_bridge(zone, bridge_table(a_night()), late, practice_code=NEIGHBOUR))
    assert zone.query(people) == [(10,)]
    wanted = {as_stored(zone, bytes(each)) for each in newest(tokens(10, 2)).to_pylist()}
    assert {row[0].bytes for row in zone.query("SELECT patient_token FROM records.patient")} == wanted
    assert status("gpdpr", zone.settings)["practices"] == {V2: [NEIGHBOUR], "token-gpdpr-v3": [PRACTICE]}


def newest(old):
    """What the key after the newer one makes of the same."""
    return pa.array([bytes(255 - byte for byte in each) for each in old.to_pylist()], pa.binary(16))
