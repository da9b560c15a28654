"""A restored store goes on only by a person's word, which explains what was lost then and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from central_zone import audit, keys, load_parcel, take_notices
from central_zone.chain import checkpoints
from central_zone.chain.entry import NOTHING_BEFORE
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.chain.note import Checkpoint, signed_note
from central_zone.chain.verify import verify
from central_zone.command_line import main
from central_zone.errors import AuditBroken, DecisionRefused, ErasuresMissing, NotARestore, StoreIsOlder
from central_zone.national_allow_list import latest_checks
from central_zone.restored.resume import resume
from central_zone.settings import Settings
from central_zone.store.connection import store_of
from crossing.canonical import NATIONAL_ALLOW_LIST
from support.parcels import a_night, rows, tokens

SAID = {"by": "responder", "reason": "the disk was lost"}
CONFIRMED = "UPDATE erasure.serving SET identity = erasure.identity()"


def load(settings, *parcels):
    return [load_parcel.load_parcel(each.folder, settings)["state"] for each in parcels]


@pytest.fixture
def lost(zone, postgres):
    """A backup of the first night, two more nights that it lacks, and another that nobody loaded yet."""
    first = zone.sealed(a_night())
    assert load(zone.settings, first) == ["loaded"]
    backup = Settings({**zone.settings.values, "GP_STORE_URL": postgres.a_copy(zone.settings.store_url)})
    nights = [first]
    for number in (2, 3, 4):
        nights.append(zone.sealed(a_night(seed=number * 5), sequence=number, previous=nights[-1]))
    assert load(zone.settings, *nights[1:3]) == ["loaded", "loaded"]
    return backup, nights[1:]


def by_force(settings, statement):
    with store_of(settings.store_url) as store, store.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL session_replication_role = replica; {statement}")


def lines(settings):
    return (settings.checkpoints_folder / checkpoints.NAME).read_bytes().splitlines(keepends=True)


def test_a_store_restored_into_its_own_database_is_known_by_its_checkpoints(lost):
    backup, nights = lost
    by_force(backup, CONFIRMED)  # what pg_restore --clean leaves there: the identity is that of before
    before = lines(backup)
    with pytest.raises(
        StoreIsOlder, match=r"has 1 entries, .* of 3: the store was restored .* Run: gp-central store restored"
    ):
        load(backup, nights[0])
    with store_of(backup.store_url) as store:
        assert give_checkpoint(backup, store) is None  # nothing is signed that would contradict what is published
    assert lines(backup) == before
    assert resume(backup, **SAID)["to_load"] == sorted(each.manifest.parcel_id for each in nights[:2])
    assert load(backup, *nights) == ["loaded"] * 3
    assert verify(backup)["explained"] == 2  # the receipts were given anew


def test_what_a_killed_run_wrote_down_explains_nothing_until_the_store_says_so_too(lost):
    backup, nights = lost
    key = keys.receipt_signing_key(backup.keys_folder)
    heads = [json.loads(line) for line in lines(backup)]
    assert len(heads) == 3
    statement = {**SAID, "restored_from": 1, "head": NOTHING_BEFORE, "at": "now", "lost": []}
    journal = checkpoints.read_journal(backup.checkpoints_folder, key.public_key())
    statement["lost"] = [each.head for each in journal.checkpoints]
    with checkpoints.only_writer(backup.checkpoints_folder) as file:
        checkpoints.append_statement(file, backup.checkpoints_folder, statement, key)
    with pytest.raises(StoreIsOlder):
        verify(backup)
    with pytest.raises(ErasuresMissing, match="store restored"):
        load(backup, nights[0])
    assert resume(backup, **SAID)["store"] == "goes on"
    # Killed before it was given a checkpoint of its own: the newest there is, is of what was lost.
    (backup.checkpoints_folder / checkpoints.NAME).write_bytes(b"".join(lines(backup)[:-1]))
    assert load(backup, *nights) == ["loaded"] * 3
    assert verify(backup)["restores"] == 1


def test_only_what_was_lost_then_is_explained(lost):
    backup, nights = lost
    assert resume(backup, **SAID)["witnesses_to_what_was_lost"] == 4  # two checkpoints and two receipts
    assert load(backup, *nights) == ["loaded"] * 3
    assert verify(backup)["explained"] == 2
    key = keys.receipt_signing_key(backup.keys_folder)
    folder, other = backup.checkpoints_folder, Checkpoint("gp-collect.example/audit", 3, "ab" * 32)
    with checkpoints.only_writer(folder) as file:
        checkpoints.append_checkpoint(file, folder, signed_note(other, key))
    with pytest.raises(AuditBroken, match=f"entry 3 is not the one to which {checkpoints.NAME} bears witness"):
        verify(backup)


def test_the_store_that_was_lost_does_not_come_back_once_its_copy_went_on(zone, lost):
    backup, nights = lost
    resume(backup, **SAID)
    load(backup, nights[0])
    with pytest.raises(StoreIsOlder, match="Audit entry 3 is not the one of which a checkpoint was published"):
        load(zone.settings, nights[2])
    with pytest.raises(NotARestore, match="Another copy of the store went on in its place"):
        resume(zone.settings, **SAID)


def test_a_copy_that_lacks_nothing_goes_on_and_says_so_too(zone, postgres):
    load(zone.settings, zone.sealed(a_night()))
    moved = Settings({**zone.settings.values, "GP_STORE_URL": postgres.a_copy(zone.settings.store_url)})
    said = resume(moved, **SAID)
    assert (said["store"], said["witnesses_to_what_was_lost"], said["to_load"]) == ("goes on", 0, [])
    assert resume(moved, **SAID)["store"] == "already"
    assert verify(moved)["entries"] == 2


def test_who_objected_since_the_backup_is_in_no_release_by_the_list_of_before(zone, postgres):
    """The newer list, without them, was applied and is in no file any more; the one in the backup still names them."""
    lists = NATIONAL_ALLOW_LIST

    def say(sequence: int, people: int, taken_at: datetime) -> None:
        sent = zone.sealed(
            {lists: rows(lists, people, patient_token=tokens(people, 2))},
            sequence=sequence,
            extract_kind=lists,
            extract_id=f"list-{sequence}",
            extract_taken_at=taken_at.isoformat(timespec="seconds"),
            not_after=(taken_at + timedelta(days=20)).isoformat(timespec="seconds"),
        )
        assert take_notices.take_notice(sent.folder, zone.settings)["state"] == "applied"

    now = datetime.now(UTC)
    say(1, 5, now - timedelta(days=1))
    backup = Settings({**zone.settings.values, "GP_STORE_URL": postgres.a_copy(zone.settings.store_url)})
    say(2, 4, now)
    assert resume(backup, **SAID)["lists_to_ask_for"] == ["A12345"]
    with store_of(backup.store_url) as store, store.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM release.national_allow_list").scalar() == 0
        (check,) = latest_checks(connection, "gpdpr")
        assert check.expires_at < datetime.now(UTC), "its people count as not checked, and not as objecting"


def test_a_store_that_was_never_lost_has_nothing_to_go_on_from(zone):
    load(zone.settings, zone.sealed(a_night()))
    assert resume(zone.settings, **SAID)["store"] == "already"
    assert verify(zone.settings)["restores"] == 0


def test_a_store_whose_chain_does_not_hold_is_not_gone_on_with(lost):
    backup, _ = lost
    by_force(backup, "UPDATE audit.entry SET actor = 'nobody'")
    with pytest.raises(AuditBroken, match="entry 1 was changed"):
        resume(backup, **SAID)


def test_the_word_has_a_name_and_a_reason_that_may_be_published(lost):
    with pytest.raises(DecisionRefused):
        resume(lost[0], by="responder", reason="of 999 000 0018")
    with pytest.raises(DecisionRefused):
        resume(lost[0], by="", reason="a disk")


def test_the_commands_say_what_to_do_and_what_was_done(lost, monkeypatch, capsys):
    backup, nights = lost
    for name, value in backup.values.items():
        monkeypatch.setenv(name, value)
    assert main(["load", str(nights[0].folder)]) == 4
    assert "Run: gp-central store restored" in capsys.readouterr().err
    assert main(["audit", "verify"]) == 4
    assert main(["store", "restored", "--by", "responder", "--reason", "the disk was lost"]) == 0
    assert json.loads(capsys.readouterr().out)["store"] == "goes on"
    assert main(["load", *(str(each.folder) for each in nights)]) == 0
    capsys.readouterr()
    assert main(["audit", "verify", "--only-new"]) == 0
    assert json.loads(capsys.readouterr().out)["restores"] == 1
    assert main(["audit", "checkpoint"]) == 0
    assert capsys.readouterr().out.startswith("gp-collect.example/audit/restored-1\n5\n")


def test_a_chain_without_an_entry_is_given_no_checkpoint(zone):
    with store_of(zone.settings.store_url) as store:
        assert give_checkpoint(zone.settings, store) is None
        assert not zone.settings.receipts_folder.exists() or not lines(zone.settings)
        assert audit.NOTHING_BEFORE == NOTHING_BEFORE
