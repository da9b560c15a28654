"""The command gp-central, as an engineer or a steward types it."""

import json

import pytest

from central_zone.command_line import main
from central_zone.settings import Settings
from support.parcels import a_night, observations, patients
from support.postgres import NOBODY_THERE


@pytest.fixture
def central(zone, monkeypatch, capsys):
    """Runs the command in this zone's environment; answers exit code, stdout and stderr."""
    for name, value in zone.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_init_says_when_there_is_nothing_to_do(central, postgres, monkeypatch):
    """The settings of the tests' server are left alone: others use it too, and do not wait for the disk."""
    monkeypatch.setenv("GP_STORE_ADMIN_URL", postgres.an_empty_database())
    for said in ("migrated", "already at this version"):
        code, out, err = central("store", "init", "--leave-settings")
        assert (code, err) == (0, "")
        assert json.loads(out) == {"passwords_made": [], "settings": [], "store": said}


def test_load_prints_one_line_for_each_parcel_whether_a_folder_or_an_id(zone, central):
    first, second = zone.sealed(a_night()), zone.sealed(a_night(), practice_code="A99999")
    code, out, err = central("load", first.folder, second.manifest.parcel_id)
    told = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["state"] for line in told]) == (0, ["loaded", "loaded"])
    assert err == ""  # progress is for somebody who watches
    assert json.loads(central("load", first.folder)[1])["state"] == "already"


def test_load_goes_on_past_a_parcel_it_refuses_and_ends_with_4(zone, central):
    bad, good = zone.sealed(a_night()), zone.sealed(a_night(), practice_code="A99999")
    (bad.folder / "manifest.sig").write_bytes(bytes(64))
    code, out, err = central("load", bad.folder, good.folder)
    assert code == 4
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["not loaded", "loaded"]
    assert "ParcelRefused (a person must act): The signature does not fit" in err


def test_load_ends_with_3_while_the_store_is_down(zone, central, monkeypatch):
    parcel = zone.sealed(a_night())
    monkeypatch.setenv("GP_STORE_URL", NOBODY_THERE)
    code, _, err = central("load", parcel.folder)
    assert code == 3
    assert "StoreDown (try again)" in err


def test_load_ends_with_3_where_an_earlier_parcel_is_missing(zone, central):
    first = zone.sealed(a_night())
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first)
    code, _, err = central("load", second.folder)
    assert code == 3
    assert "parcel 2 waits for 1" in err


def test_a_missing_setting_is_named(central, monkeypatch):
    monkeypatch.delenv("GP_STORE_URL")
    code, _, err = central("ledger")
    assert code == 4
    assert "GP_STORE_URL is not set" in err


def test_a_steward_reads_the_ledger_and_decides(zone, central):
    tables = {"patient": patients(), "observation": observations(snomed_concept_id=["12345"] * 50)}
    parcel = zone.sealed(tables)
    code, out, err = central("load", parcel.folder)
    assert (code, json.loads(out)["state"]) == (4, "held")
    assert "HeldForSteward" in err
    assert "held" in central("ledger")[1]
    steward = ("--by", "steward", "--reason", "seen with the practice")
    assert central("decide", parcel.manifest.parcel_id, "--approve", *steward)[0] == 0
    assert json.loads(central("load", parcel.folder)[1])["state"] == "loaded"
    (entry,) = json.loads(central("ledger", "--json")[1])
    assert (entry["state"], entry["decided_by"]) == ("loaded", "steward")


def test_the_ledger_of_an_empty_store_is_an_empty_list(central):
    assert json.loads(central("ledger", "--json")[1]) == []


def test_audit_verify_tells_the_head_and_ends_with_4_where_the_chain_breaks(zone, central):
    zone_parcel = zone.sealed(a_night())
    central("load", zone_parcel.folder)
    code, out, _ = central("audit", "verify")
    assert (code, json.loads(out)["entries"]) == (0, 1)
    zone.execute("SET session_replication_role = replica; UPDATE audit.entry SET actor = 'nobody'")
    assert central("audit", "verify")[0] == 4


def test_the_store_url_may_stand_in_a_file(zone, tmp_path):
    file = tmp_path / "store_url"
    file.write_text(zone.settings.store_url + "\n")
    assert Settings({"GP_STORE_URL_FILE": str(file)}).store_url == zone.settings.store_url
