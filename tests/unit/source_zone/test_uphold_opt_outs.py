"""Opting out after records have left, and opting in again: what the source asks of the centre, and what it sends anew."""

import hmac
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from central_zone import keys as central_keys
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.manifest import Manifest
from crossing.tokens import keyed_tokens
from source_zone import leave, spool
from source_zone.keys import LOCAL_ID, NHS_NUMBER
from source_zone.left_already import MemoryIsOld
from source_zone.memory import MemoryFile
from source_zone.people_sent import held, sent
from source_zone.release_practice import release_practice
from source_zone.uphold_opt_outs import uphold_practice
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, a_practice, make_source_zone

FIRST, SECOND, THIRD, FOURTH = (f"2026090{day}010000" for day in (2, 3, 4, 5))
NUMBER = "9990000018"
ANNE_AND_BERT: Rows = {
    "Admin_Patient": [a_patient("anne", NhsNumber=NUMBER), a_patient("bert")],
    "CareRecord_Observation": [an_observation("anne", "asthma"), an_observation("bert", "cough")],
}
ANNE_SAYS_NO: Rows = {"CareRecord_Observation": [an_observation("anne", "no", "2", EffectiveDate="2026-09-02")]}
ANNE_SAYS_YES: Rows = {"CareRecord_Observation": [an_observation("anne", "yes", "3", EffectiveDate="2026-09-03")]}


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def night(zone: SourceZone, rows: Rows, stamp: str) -> dict[str, object]:
    write_extract(zone.deliveries, rows, stamp)
    return release_practice(zone.release(stamp))


def opened(zone: SourceZone, parcel: str) -> tuple[Manifest, dict[str, pa.Table]]:
    """As the central zone opens it, with T1 tokens."""
    folder, central = zone.settings.outbox / parcel, zone.root / "keys" / "central"
    manifest = read_signed_manifest(folder, central)
    tables: dict[str, pa.Table] = {}
    for table, rows in opened_rows(folder, manifest, central_keys.recipient_key(central)):
        tables[table] = pa.concat_tables([tables[table], rows]) if table in tables else rows
    return manifest, tables


def token_of(zone: SourceZone, name: str) -> bytes:
    message = f"{LOCAL_ID}\0{PRACTICE}\0{guid(name).strip('{}')}".encode()
    key = zone.release().keys.token_keys[LOCAL_ID]
    return hmac.digest(key.hex().encode(), message, "sha256")[:16]


def test_who_opts_out_later_is_asked_to_be_erased_by_tokens_and_nobody_else_is(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    assert uphold_practice(zone.release())["state"] == "already"
    night(zone, ANNE_SAYS_NO, SECOND)
    said = uphold_practice(zone.release())
    assert (said["state"], said["erased"], said["sent_again"]) == ("upheld", 1, 0)
    manifest, tables = opened(zone, said["parcels"][0])
    assert (manifest.extract_kind, manifest.sequence, list(tables)) == ("erasure", 1, ["erasure"])
    number = keyed_tokens(pa.array([f"{NHS_NUMBER}\0{NUMBER}"]), zone.release().keys.token_keys[NHS_NUMBER])
    expected = {
        "registration_token": token_of(zone, "anne"),
        "patient_token": number[0].as_py(),
        "up_to_sequence": 2,
    }
    assert tables["erasure"].to_pylist() == [expected]


def test_asked_once_and_never_again(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    assert uphold_practice(zone.release())["erased"] == 1
    assert uphold_practice(zone.release())["state"] == "already"
    memory = zone.release().memory_file().read()
    assert (memory.erasures, len(sent(memory)), len(held(memory))) == (1, 1, 1)


def test_who_opted_out_from_the_start_is_never_named_to_the_centre(zone: SourceZone) -> None:
    rows = {
        "Admin_Patient": ANNE_AND_BERT["Admin_Patient"],
        "CareRecord_Observation": [
            *ANNE_AND_BERT["CareRecord_Observation"],
            *ANNE_SAYS_NO["CareRecord_Observation"],
        ],
    }
    night(zone, rows, FIRST)
    assert uphold_practice(zone.release())["parcels"] == []


def test_an_objector_whose_record_was_made_confidential_too_is_still_erased(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    confidential = {"Admin_Patient": [a_patient("anne", NhsNumber=NUMBER, IsConfidential="true")]}
    night(zone, {**ANNE_SAYS_NO, **confidential}, SECOND)
    assert uphold_practice(zone.release())["erased"] == 1


def test_all_registrations_of_a_person_are_erased_whichever_they_objected_under(zone: SourceZone) -> None:
    twice = [*ANNE_AND_BERT["Admin_Patient"], a_patient("anne again", NhsNumber=NUMBER)]
    night(zone, {**ANNE_AND_BERT, "Admin_Patient": twice}, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    said = uphold_practice(zone.release())
    tokens = set(opened(zone, said["parcels"][0])[1]["erasure"]["registration_token"].to_pylist())
    assert tokens == {token_of(zone, "anne"), token_of(zone, "anne again")}


def test_who_opts_in_again_is_held_back_until_all_of_them_is_sent_as_one_parcel(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    uphold_practice(zone.release())
    outcome = night(zone, ANNE_SAYS_YES, THIRD)
    assert outcome["patients_held_back"] == {"awaits_whole_record": 1}
    assert outcome["sent"] == 0
    said = uphold_practice(zone.release())
    assert (said["erased"], said["sent_again"], said["wait_for_whole"]) == (0, 1, 0)
    manifest, tables = opened(zone, said["parcels"][0])
    assert (manifest.extract_kind, manifest.sequence) == ("re_extract", 4)
    assert {table: rows.num_rows for table, rows in tables.items()} == {"patient": 1, "observation": 3}
    assert set(tables["observation"]["registration_token"].to_pylist()) == {token_of(zone, "anne")}


def test_after_that_their_nights_leave_as_everybody_elses_do(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    uphold_practice(zone.release())
    night(zone, ANNE_SAYS_YES, THIRD)
    uphold_practice(zone.release())
    later = {"CareRecord_Observation": [an_observation("anne", "wheeze")]}
    assert night(zone, later, FOURTH)["sent"] == 1
    assert uphold_practice(zone.release())["state"] == "already"


def test_a_record_deleted_or_amended_meanwhile_comes_back_as_it_is_today(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    gone = {**an_observation("anne", "asthma"), "Deleted": "true"}
    night(zone, {"CareRecord_Observation": [*ANNE_SAYS_NO["CareRecord_Observation"], gone]}, SECOND)
    uphold_practice(zone.release())
    night(zone, ANNE_SAYS_YES, THIRD)
    said = uphold_practice(zone.release())
    observations = opened(zone, said["parcels"][0])[1]["observation"].to_pylist()
    asthma = hmac.digest(
        zone.release().keys.token_keys[LOCAL_ID].hex().encode(),
        f"{LOCAL_ID}\0{PRACTICE}\0{guid('asthma').strip('{}')}".encode(),
        "sha256",
    )[:16]
    assert [row["is_deleted"] for row in observations if row["record_token"] == asthma] == [True]


def test_where_deliveries_are_gone_they_wait_for_a_full_extract_and_it_ends_the_wait(zone: SourceZone) -> None:
    many = [a_patient(f"patient {number}") for number in range(12)]
    everybody = {**ANNE_AND_BERT, "Admin_Patient": [*ANNE_AND_BERT["Admin_Patient"], *many]}
    night(zone, everybody, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    uphold_practice(zone.release())
    night(zone, ANNE_SAYS_YES, THIRD)
    for file in zone.deliveries.glob(f"*_{FIRST}_*"):
        file.unlink()
    said = uphold_practice(zone.release())
    assert (said["state"], said["sent_again"], said["wait_for_whole"]) == ("already", 0, 1)
    whole = {
        "Admin_Patient": everybody["Admin_Patient"],
        "CareRecord_Observation": [
            *ANNE_AND_BERT["CareRecord_Observation"],
            *ANNE_SAYS_NO["CareRecord_Observation"],
            *ANNE_SAYS_YES["CareRecord_Observation"],
        ],
    }
    outcome = night(zone, whole, FOURTH)
    assert outcome["sent_again"] == [outcome["extracts"][0]]
    assert outcome["patients_held_back"] == {}
    assert held(zone.release().memory_file().read()) == frozenset()
    assert uphold_practice(zone.release())["wait_for_whole"] == 0


def test_who_opts_out_a_second_time_is_erased_a_second_time(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    uphold_practice(zone.release())
    night(zone, ANNE_SAYS_YES, THIRD)
    uphold_practice(zone.release())
    no_again = {"CareRecord_Observation": [an_observation("anne", "no again", "2", EffectiveDate="2026-09-04")]}
    night(zone, no_again, FOURTH)
    said = uphold_practice(zone.release())
    manifest, tables = opened(zone, said["parcels"][0])
    assert (manifest.sequence, tables["erasure"]["up_to_sequence"].to_pylist()) == (2, [5])
    assert manifest.previous_manifest_sha256 is not None


class Killed(BaseException):
    """As a SIGKILL: nothing catches it."""


@pytest.mark.parametrize("where", ["before it left", "after it left"])
def test_killed_around_the_moment_a_notice_leaves_it_leaves_once(
    zone: SourceZone, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    with monkeypatch.context() as patched:
        patched.setattr(*((leave, "publish_notice") if where == "before it left" else (MemoryFile, "commit")), killed)
        with pytest.raises(Killed):
            uphold_practice(zone.release())
    uphold_practice(zone.release())
    manifests = [read_signed_manifest(path.parent, zone.root / "keys" / "central") for path in parcels(zone)]
    assert [each.sequence for each in manifests if each.is_notice] == [1]
    assert zone.release().memory_file().read().erasures == 1


def parcels(zone: SourceZone) -> list[Path]:
    return sorted(zone.settings.outbox.glob("[!.]*/manifest.json"))


def test_a_memory_older_than_an_erasure_that_left_asks_for_nothing(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    file = zone.release().memory_file()
    before = file.read()
    uphold_practice(zone.release())
    file.prepare(replace(before, parcel_id=None))
    file.commit()
    bert_too = {"CareRecord_Observation": [an_observation("bert", "no", "2")]}
    night(zone, bert_too, THIRD)
    with pytest.raises(MemoryIsOld, match="1 has left already"):
        uphold_practice(zone.release())
    assert len([path for path in parcels(zone) if '"extract_kind":"erasure"' in path.read_text()]) == 1


def test_a_memory_of_before_this_was_kept_counts_everybody_as_sent(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    file = zone.release().memory_file()
    memory = file.read()
    old = {name: table for name, table in memory.tables.items() if name not in ("sent", "held")}
    file.prepare(replace(memory, tables=old))
    file.commit()
    night(zone, ANNE_SAYS_NO, SECOND)
    assert uphold_practice(zone.release())["erased"] == 1


def test_who_opted_out_from_the_start_and_opts_in_later_is_sent_whole_too(zone: SourceZone) -> None:
    rows = [*ANNE_AND_BERT["CareRecord_Observation"], *ANNE_SAYS_NO["CareRecord_Observation"]]
    night(zone, {**ANNE_AND_BERT, "CareRecord_Observation": rows}, FIRST)
    outcome = night(zone, ANNE_SAYS_YES, SECOND)
    assert (outcome["patients_held_back"], outcome["sent"]) == ({"awaits_whole_record": 1}, 0)
    said = uphold_practice(zone.release())
    assert (said["erased"], said["sent_again"]) == (0, 1)
    tables = opened(zone, said["parcels"][0])[1]
    assert {table: rows.num_rows for table, rows in tables.items()} == {"patient": 1, "observation": 3}


def test_who_opted_out_for_a_night_only_is_sent_whole_though_never_erased(zone: SourceZone) -> None:
    """What happened to them on that night was held back, and would be missing for ever."""
    night(zone, ANNE_AND_BERT, FIRST)
    meanwhile = an_observation("anne", "meanwhile")
    night(zone, {"CareRecord_Observation": [*ANNE_SAYS_NO["CareRecord_Observation"], meanwhile]}, SECOND)
    night(zone, ANNE_SAYS_YES, THIRD)
    said = uphold_practice(zone.release())
    assert (said["erased"], said["sent_again"]) == (0, 1)
    assert opened(zone, said["parcels"][0])[1]["observation"].num_rows == 4


def test_somebody_new_needs_not_wait(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    new = {"Admin_Patient": [a_patient("carol")], "CareRecord_Observation": [an_observation("carol", "measles")]}
    assert night(zone, new, SECOND)["patients_held_back"] == {}


def test_nobody_is_sent_whole_while_a_delivery_that_nobody_has_taken_may_say_no_again(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    uphold_practice(zone.release())
    night(zone, ANNE_SAYS_YES, THIRD)
    no_again = {"CareRecord_Observation": [an_observation("anne", "no again", "2", EffectiveDate="2026-09-04")]}
    write_extract(zone.deliveries, no_again, FOURTH)
    said = uphold_practice(zone.release())
    assert (said["parcels"], said["wait_for_whole"]) == ([], 1)
    release_practice(zone.release(FOURTH))
    assert uphold_practice(zone.release())["state"] == "already"


@pytest.mark.parametrize("because", ["its opt-outs are too old", "it takes part no more"])
def test_nobody_is_sent_whole_by_a_practice_of_which_a_night_would_take_nothing(zone: SourceZone, because: str) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    night(zone, ANNE_SAYS_NO, SECOND)
    night(zone, ANNE_SAYS_YES, THIRD)
    release = zone.release()
    if because == "its opt-outs are too old":
        release = replace(release, clock=lambda: datetime(2060, 1, 1, tzinfo=UTC))
    else:
        release = replace(release, practice=replace(a_practice(), participates_until=date(2026, 9, 10)))
    said = uphold_practice(release)
    assert (said["parcels"], said["wait_for_whole"]) == ([], 1)


def test_what_a_run_killed_after_the_whole_record_left_kept_of_it_is_shredded_by_the_next(zone: SourceZone) -> None:
    night(zone, ANNE_AND_BERT, FIRST)
    left_over = spool.open_new(zone.settings.spool / ".re_extract" / "gpdpr", PRACTICE, "killed").folder
    assert uphold_practice(zone.release())["state"] == "already"
    assert not left_over.exists()
