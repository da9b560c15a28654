"""A change of key at the source: the book of ids sent, the bridge made of it, and who cannot be bridged."""

import hmac
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from central_zone import keys as central_keys
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.key_files import KeyRefused
from crossing.manifest import Manifest
from source_zone import ids_sent, spool
from source_zone.background import Background
from source_zone.bridge import CannotBridge, move_to_next_key
from source_zone.bridge_practices import NotAllBridged, bridge_practices, check_all_bridged
from source_zone.ids_sent import BookUnreadable, NotedIds
from source_zone.keys import LOCAL_ID, NHS_NUMBER, load_keys
from source_zone.release_practice import decide_practice, pull_practice, release_practice, seal_practice
from source_zone.seal_extracts import TokenKeyMoved
from source_zone.token_key_versions import destroy, make_next, newest_version, versions
from source_zone.uphold_opt_outs import uphold_practice
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, make_source_zone

FIRST, SECOND, THIRD = (f"2026090{day}010000" for day in (2, 3, 4))
ANNES, BERTS, CLARAS = "9990000018", "9990000026", "9990000034"
EVERYBODY: Rows = {
    "Admin_Patient": [
        a_patient("anne", NhsNumber=ANNES),
        a_patient("bert", NhsNumber=BERTS),
        a_patient("clara", NhsNumber=CLARAS),
    ],
    "CareRecord_Observation": [
        an_observation("anne", "asthma"),
        an_observation("bert", "cough"),
        an_observation("clara", "measles"),
        an_observation("clara", "no from the start", "2", EffectiveDate="2020-01-01"),
    ],
}
NO: Rows = {"CareRecord_Observation": [an_observation("anne", "no", "2", EffectiveDate="2026-09-02")]}


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def night(zone: SourceZone, rows: Rows, stamp: str) -> dict[str, object]:
    write_extract(zone.deliveries, rows, stamp)
    return release_practice(zone.release(stamp))


def rotate(zone: SourceZone) -> int:
    return make_next(zone.settings.keys, "gpdpr")


def bridge(zone: SourceZone) -> dict[str, object]:
    return bridge_practices("gpdpr", "bridge", zone.settings)


def parcels(zone: SourceZone) -> list[tuple[Manifest, dict[str, pa.Table]]]:
    """Everything that left, in order, with T1 tokens."""
    central = zone.root / "keys" / "central"
    found = []
    for folder in zone.settings.outbox.glob("[!.]*"):
        manifest = read_signed_manifest(folder, central)
        tables: dict[str, pa.Table] = {}
        for table, rows in opened_rows(folder, manifest, central_keys.recipient_key(central)):
            tables[table] = pa.concat_tables([tables[table], rows]) if table in tables else rows
        found.append((manifest, tables))
    return sorted(found, key=lambda each: (each[0].is_notice, each[0].sequence))


def token(zone: SourceZone, version: int, *, name: str = "", number: str = "") -> bytes:
    """T1, made here from the key alone."""
    field = NHS_NUMBER if number else LOCAL_ID
    message = f"{field}\0{number}" if number else f"{field}\0{PRACTICE}\0{guid(name).strip('{}')}"
    key = load_keys(zone.settings.keys, "gpdpr", version).token_keys[field]
    return hmac.digest(key.hex().encode(), message.encode(), "sha256")[:16]


def pairs(table: pa.Table) -> dict[bytes, tuple[bytes, str]]:
    return {row["old_token"]: (row["new_token"], row["stands_for"]) for row in table.to_pylist()}


def test_a_bridge_names_everything_that_left_under_both_keys_and_nobody_who_never_did(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    rotate(zone)
    assert len(bridge(zone)["parcels"]) == 1
    (_, before), (manifest, tables) = parcels(zone)
    assert (manifest.extract_kind, manifest.bridges_from, manifest.token_key) == (
        "bridge",
        "token-gpdpr-v1",
        "token-gpdpr-v2",
    )
    assert (manifest.sequence, manifest.counts["tables"]["bridge"]["sent"]) == (2, tables["bridge"].num_rows)
    named = pairs(tables["bridge"])
    assert named[token(zone, 1, name="anne")] == (token(zone, 2, name="anne"), "registration")
    assert named[token(zone, 1, name="asthma")] == (token(zone, 2, name="asthma"), "record")
    assert named[token(zone, 1, number=BERTS)] == (token(zone, 2, number=BERTS), "person")
    for never in (token(zone, 1, name="clara"), token(zone, 1, number=CLARAS), token(zone, 1, name="measles")):
        assert never not in named
    sent = {
        each
        for rows in before.values()
        for name in rows.column_names
        if name.endswith("_token")
        for each in rows[name].to_pylist()
    }
    assert sent - {None} == set(named)
    new = tables["bridge"]["new_token"].to_pylist()
    assert new == sorted(new)


def test_whoever_was_erased_is_named_too_since_their_mark_must_move(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    night(zone, NO, SECOND)
    uphold_practice(zone.release("uphold"))
    rotate(zone)
    bridge(zone)
    named = pairs(next(tables for manifest, tables in parcels(zone) if manifest.is_bridge)["bridge"])
    assert {token(zone, 1, name="anne"), token(zone, 1, number=ANNES)} <= set(named)


def test_the_next_night_goes_over_and_brings_its_records_under_the_new_key(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    rotate(zone)
    night(zone, {"CareRecord_Observation": [an_observation("bert", "cold")]}, SECOND)
    kinds = [(manifest.extract_kind, manifest.token_key[-2:]) for manifest, _ in parcels(zone)]
    assert kinds == [("delta", "v1"), ("bridge", "v2"), ("delta", "v2")]
    assert parcels(zone)[2][1]["observation"]["record_token"].to_pylist() == [token(zone, 2, name="cold")]
    rotate(zone)
    bridge(zone)
    named = pairs(parcels(zone)[3][1]["bridge"])
    assert token(zone, 2, name="asthma") in named  # of two keys ago, and of last night
    assert token(zone, 2, name="cold") in named


def test_whoever_a_parcel_names_under_the_new_key_is_named_under_older_ones_first(zone: SourceZone) -> None:
    """As long as these are not destroyed: another practice may be under one."""
    night(zone, EVERYBODY, FIRST)
    rotate(zone)
    dora: Rows = {"Admin_Patient": [a_patient("dora", NhsNumber="9990000042")]}
    night(zone, dora, SECOND)
    kinds = [manifest.extract_kind for manifest, _ in parcels(zone)]
    assert kinds == ["delta", "bridge", "bridge", "delta"]
    person = pairs(parcels(zone)[2][1]["bridge"])
    assert person == {token(zone, 1, number="9990000042"): (token(zone, 2, number="9990000042"), "person")}
    destroy(zone.settings.keys, "gpdpr", 1)
    night(zone, {"Admin_Patient": [a_patient("emil", NhsNumber="9990000050")]}, THIRD)
    assert [manifest.extract_kind for manifest, _ in parcels(zone)][4:] == ["delta"]


def test_a_person_of_whom_there_are_several_versions_is_named_once_when_they_come_back(zone: SourceZone) -> None:
    """Named twice, the bridge is refused at the centre, and the practice's parcels wait for it for ever."""
    night(zone, EVERYBODY, FIRST)
    moved = {"Admin_Patient": [a_patient("anne", NhsNumber=ANNES, Postcode="QQ1 1AB")]}
    night(zone, {"CareRecord_Observation": NO["CareRecord_Observation"], **moved}, SECOND)
    uphold_practice(zone.release("uphold"))
    rotate(zone)
    yes = [an_observation("anne", "yes", "3", EffectiveDate="2026-09-03")]
    night(zone, {"CareRecord_Observation": yes}, THIRD)
    assert uphold_practice(zone.release("uphold again"))["sent_again"] == 1
    named = [tables["bridge"]["old_token"].to_pylist() for manifest, tables in parcels(zone) if manifest.is_bridge]
    assert len(named) >= 2
    assert [len(each) for each in named] == [len(set(each)) for each in named]


@pytest.mark.fault(
    "F24",
    injected="a new version of the key is made between pull and seal",
    happened="the parcel is wholly under the version that the run began with",
)
def test_a_run_keeps_the_key_it_began_with(zone: SourceZone) -> None:
    write_extract(zone.deliveries, EVERYBODY, FIRST)
    pull_practice(zone.release("run"))
    rotate(zone)
    decide_practice(zone.release("run"))
    seal_practice(zone.release("run"))
    assert [manifest.token_key for manifest, _ in parcels(zone)] == ["token-gpdpr-v1"]
    assert zone.release().memory_file().read().token_key_version == 1


@pytest.mark.fault(
    "F24",
    injected="the practice goes over to a new key while its run is under way",
    happened="the run begins again from `pull`; nothing left under two keys",
)
def test_a_run_whose_practice_went_over_meanwhile_begins_again(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    write_extract(zone.deliveries, NO, SECOND)
    pull_practice(zone.release("run"))
    decide_practice(zone.release("run"))
    rotate(zone)
    bridge(zone)
    with pytest.raises(TokenKeyMoved, match="again from `pull`"):
        seal_practice(zone.release("run"))
    assert release_practice(zone.release("again"))["state"] == "released"


def book_of(zone: SourceZone) -> Path:
    return zone.settings.memory / "gpdpr" / PRACTICE / "ids"


def test_the_book_shows_no_id_and_is_one_file_after_a_bridge(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    night(zone, NO, SECOND)
    content = b"".join(path.read_bytes() for path in book_of(zone).iterdir())
    assert ANNES.encode() not in content
    assert guid("anne").strip("{}").encode() not in content
    assert len(list(book_of(zone).iterdir())) == 2
    rotate(zone)
    bridge(zone)
    assert [path.name for path in book_of(zone).iterdir()] == ["000003.sealed"]


@pytest.mark.parametrize("harm", ["lost", "altered", "cut", "another's place"])
def test_a_book_that_is_not_whole_stops_the_bridge_and_nothing_leaves(zone: SourceZone, harm: str) -> None:
    night(zone, EVERYBODY, FIRST)
    night(zone, NO, SECOND)
    rotate(zone)
    first, second = sorted(book_of(zone).iterdir())
    data = bytearray(first.read_bytes())
    if harm == "lost":
        first.unlink()
    elif harm == "another's place":
        first.write_bytes(second.read_bytes())
    else:
        data[-1] ^= 1
        first.write_bytes(data if harm == "altered" else data[:-9])
    release = zone.release()
    with pytest.raises(BookUnreadable, match="file 1 of its book of ids"):
        move_to_next_key(release, release.memory_file().read())
    assert not any(manifest.is_bridge for manifest, _ in parcels(zone))


def test_a_practice_that_slept_through_a_key_goes_over_one_key_at_a_time(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    rotate(zone)
    rotate(zone)
    assert len(bridge(zone)["parcels"]) == 2
    left = [manifest for manifest, _ in parcels(zone) if manifest.is_bridge]
    steps = [(f"token-gpdpr-v{number}", f"token-gpdpr-v{number + 1}") for number in (1, 2)]
    assert [(each.bridges_from, each.token_key) for each in left] == steps


def test_a_bridge_says_how_many_erasures_left_before_it_and_may_wait_a_year(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    night(zone, NO, SECOND)
    uphold_practice(zone.release("uphold"))
    rotate(zone)
    bridge(zone)
    (manifest,) = [manifest for manifest, _ in parcels(zone) if manifest.is_bridge]
    assert manifest.erasures_before == 1
    made, last = (datetime.fromisoformat(each) for each in (manifest.created_at, manifest.not_after))
    assert last - made == timedelta(days=365)


def test_a_run_that_was_prepared_before_a_key_was_made_takes_nobody_back_to_an_older_one(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    rotate(zone)
    write_extract(zone.deliveries, NO, SECOND)
    prepared = zone.release(SECOND)
    rotate(zone)
    bridge(zone)
    release_practice(prepared)
    left = [(manifest.bridges_from, manifest.token_key) for manifest, _ in parcels(zone) if not manifest.is_notice]
    assert left[-1] == (None, "token-gpdpr-v3")
    assert ("token-gpdpr-v3", "token-gpdpr-v2") not in left


def forget_the_book(zone: SourceZone) -> None:
    """The memory of a practice that was collected before there was a book."""
    file = zone.release().memory_file()
    file.prepare(replace(file.read(), ids_complete=False))
    file.commit()


def test_a_practice_that_cannot_be_bridged_is_told_and_its_nights_go_on_under_the_old_key(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    forget_the_book(zone)
    rotate(zone)
    said = bridge(zone)
    assert (said["parcels"], said["a_person_must_act"]) == ([], True)
    with pytest.raises(NotAllBridged, match=f"{PRACTICE}: CannotBridge: {PRACTICE} stays under token key v1"):
        check_all_bridged(said)
    night(zone, NO, SECOND)
    assert [manifest.token_key for manifest, _ in parcels(zone)] == ["token-gpdpr-v1"] * 2
    release = zone.release()
    with pytest.raises(CannotBridge):
        move_to_next_key(release, release.memory_file().read())


def test_an_older_memory_is_read_as_under_the_first_key_and_without_a_book(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    from source_zone import memory as module

    head = {"sequence": 3, "previous_manifest_sha256": None, "taken_extracts": {}, "tables": {}}
    data = json.dumps(head).encode()
    old = module._unpack(len(data).to_bytes(4, "big") + data)
    assert (old.token_key_version, old.ids_complete, old.ids_to) == (1, False, 0)


def test_tokens_that_a_supplier_made_make_the_book_incomplete(tmp_path: Path) -> None:
    with Background() as background:
        noted = NotedIds(spool.open_new(tmp_path, PRACTICE, "run"), "extract", background)
        row = {"record_id": "r", "registration_id": "r", "is_deleted": False, "nhs_number": None}
        noted.note("patient", pl.DataFrame([{**row, "ready_patient_token": bytes(16)}], infer_schema_length=None))
        noted.end()
    assert noted.has_ready_tokens
    (content,) = noted.contents()
    assert ids_sent.as_frame(content).to_dicts() == [
        {"stands_for": "record", "id": "r"},
        {"stands_for": "registration", "id": "r"},
    ]


def test_versions_of_a_key_are_made_one_after_another_and_none_because_one_is_missing(zone: SourceZone) -> None:
    keys = zone.settings.keys
    assert (rotate(zone), rotate(zone), versions(keys, "gpdpr"), newest_version(keys, "gpdpr")) == (2, 3, [1, 2, 3], 3)
    assert oct((keys / "token-gpdpr-v3.key").stat().st_mode & 0o777) == "0o400"
    with pytest.raises(KeyRefused, match="no token key of elsewhere"):
        make_next(keys, "elsewhere")
    assert destroy(keys, "gpdpr", 2)
    assert not destroy(keys, "gpdpr", 2)
    assert versions(keys, "gpdpr") == [1, 3]


def test_the_commands(zone: SourceZone) -> None:
    night(zone, EVERYBODY, FIRST)
    environment = {
        **os.environ,
        "GP_SOURCE_KEYS_DIR": str(zone.settings.keys),
        "GP_SOURCE_WORK_DIR": str(zone.settings.spool),
        "GP_SOURCE_STATE_DIR": str(zone.settings.memory),
        "GP_LANDING_DIR": str(zone.settings.landing),
        "GP_INCOMING_DIR": str(zone.settings.incoming),
        "GP_OUTBOX_DIR": str(zone.settings.outbox),
        "PYTHONPATH": str(Path(__file__).parents[3] / "include"),
    }

    def gp_source(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from source_zone.command_line import main; sys.exit(main())"
        command = [sys.executable, "-c", code, "keys", *arguments, "--collection", "gpdpr"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    made = json.loads(gp_source("rotate").stdout)
    assert (made["key"], made["state"]) == ("token-gpdpr-v2", "made")
    assert len(json.loads(gp_source("bridge").stdout)["parcels"]) == 1
    refused = gp_source("destroy", "--version", "1", "--statement", str(zone.root / "none.json"))
    assert (refused.returncode, "--statement" in refused.stderr) == (4, True)
    assert versions(zone.settings.keys, "gpdpr") == [1, 2]
