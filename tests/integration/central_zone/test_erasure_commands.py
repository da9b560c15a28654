"""What an engineer does by hand about people who were erased."""

import json

import pytest

from central_zone.command_line import main
from support.erasures import a_notice, token
from support.parcels import a_night


@pytest.fixture
def central(zone, monkeypatch, capsys):
    for name, value in zone.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return code, [json.loads(line) for line in told.out.splitlines()], told.err

    return run


def test_load_takes_notices_beside_parcels_and_says_how_it_stands(zone, central):
    parcel = zone.sealed(a_night())
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 1)])
    code, told, _ = central("load", parcel.folder, notice.manifest.parcel_id)
    assert (code, [each["state"] for each in told]) == (0, ["loaded", "applied"])
    assert (told[1]["people"], told[1]["rows"]) == (1, 6)
    assert central("load", notice.folder)[1][0]["state"] == "already"
    stands = {"journal": 1, "applied": 1, "people": 1, "marks": 1, "serves": True}
    assert central("erasures", "status")[:2] == (0, [stands])
    assert central("erasures", "verify")[:2] == (0, [{"journal": "holds", "lines": 1, "applied": 1}])
    again = {"erasures": "agree", "batches_reapplied": 0, "notices_restored": 0}
    assert central("erasures", "reapply")[:2] == (0, [again])


def test_without_a_folder_for_the_journal_nobody_is_erased_and_records_go_on_loading(zone, central, monkeypatch):
    monkeypatch.delenv("GP_ERASURE_JOURNAL_DIR")
    parcel, notice = zone.sealed(a_night()), a_notice(zone, [(token(0, 1), token(0, 2), 1)])
    code, told, err = central("load", parcel.folder, notice.folder)
    assert (code, [each["state"] for each in told]) == (4, ["loaded", "not loaded"])
    assert "GP_ERASURE_JOURNAL_DIR is not set" in err
    assert central("erasures", "reapply")[0] == 4


def test_a_store_that_does_not_serve_says_so_and_the_status_ends_with_4(zone, central):
    zone.execute("UPDATE erasure.serving SET identity = 'another'")
    code, told, err = central("erasures", "status")
    assert (code, told[0]["serves"]) == (4, False)
    assert "ErasuresMissing (a person must act)" in err
