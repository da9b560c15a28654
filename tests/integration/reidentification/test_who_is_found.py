"""Whom the centre finds, whom the source tells, and of whom neither says anything any more."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from central_zone.reidentification import run_case as run_case_module
from crossing.case_request import CaseRefused
from support.cases import ELSEWHERE, HERE, NUMBER_OF, THERE, Cases, a_registration, local_id
from support.emis_files import an_observation


def test_a_token_that_is_in_no_release_is_nobody(cases: Cases) -> None:
    said = cases.run(cases.approved("NOBODY", tokens=[bytes(range(16)), cases.t2(cases.patient_t1("h0"))]))
    assert (said["people_found"], said["not_released"], said["files"]) == (0, 2, [])


def test_whoever_moved_is_told_of_where_they_are_treated_today(cases: Cases) -> None:
    said = cases.run(cases.approved("MOVER", "mover"))
    assert (said["people_found"], said["practices"]) == (1, 2)
    before, now = (cases.answer(f"MOVER.{code}.case.json") for code in (HERE, THERE))
    assert (before["told"], before["not_told"]) == (0, {"left_the_practice": 1})
    assert (now["told"], now["not_told"]) == (1, {})
    assert cases.told(HERE, "MOVER") is None
    assert NUMBER_OF["mover"] in (cases.told(THERE, "MOVER") or "")


def test_whoever_left_for_a_practice_we_do_not_know_is_told_of_to_nobody(cases: Cases) -> None:
    cases.run(cases.approved("GONE", "gone"))
    assert cases.answer(f"GONE.{HERE}.case.json")["not_told"] == {"left_the_practice": 1}
    assert not list((cases.root / "answers").rglob("GONE.csv"))


def test_whoever_was_loaded_without_escrow_is_counted(cases: Cases) -> None:
    h5 = cases.t2(cases.registration_t1(HERE, "h5")).hex()
    cases.query("DELETE FROM custody.escrow WHERE registration_token = %s::uuid", h5)
    said = cases.run(cases.approved("NO-ESCROW", "h5", "h6"))
    assert (said["people_found"], said["without_escrow"]) == (1, 1)
    assert '"2"' in told_after(cases, HERE, "NO-ESCROW")


def told_after(cases: Cases, code: str, case_id: str) -> str:
    cases.answer(f"{case_id}.{code}.case.json")
    return cases.told(code, case_id) or ""


def test_later_words_on_a_patient_count(cases_of_its_own: Cases) -> None:
    """Corrected, died, withdrawn, objecting, opted out and erased: after the release, and after the case was decided."""
    cases = cases_of_its_own
    before = cases.approved("BEFORE", "h0", "h1", "h2", "h3", "h4", "e0")
    cases.run(before)
    rows = {
        HERE: [
            a_registration(HERE, "h0", NhsNumber=NUMBER_OF["e3"]),  # was never h0's number
            a_registration(HERE, "h1", DateOfDeath="2026-09-01"),
            a_registration(HERE, "h3", DateOfDeactivation="2026-08-15"),
        ]
    }
    said_no = an_observation("h2 at " + HERE, "no", "2", EffectiveDate="2026-09-02")
    cases.night(rows, {HERE: [said_no]})
    answered = cases.answer(f"BEFORE.{HERE}.case.json")
    assert answered["not_told"] == {
        "another_person_by_now": 1,
        "died": 1,
        "left_the_practice": 1,
        "type_one_opt_out": 1,
    }
    assert f'"5","{local_id(HERE, "h4").strip("{}")}","{NUMBER_OF["h4"]}"' in (cases.told(HERE, "BEFORE") or "")
    assert answered["told"] == 1
    assert cases.answer(f"BEFORE.{ELSEWHERE}.case.json")["told"] == 1

    cases.zones.uphold()
    cases.zones.erase()
    erased = cases.t2(cases.registration_t1(HERE, "h2")).hex()
    assert cases.query("SELECT count(*) FROM custody.escrow WHERE registration_token = %s::uuid", erased) == [(0,)]
    assert cases.query("SELECT count(*) FROM records.patient WHERE registration_token = %s::uuid", erased) == [(0,)]
    said = cases.run(cases.approved("AFTER", "h2", "h5"))
    assert (said["people_found"], said["not_released"]) == (1, 1)
    assert [path.name for path in cases.zones.central.receipts_folder.glob("AFTER.*")] == [f"AFTER.{HERE}.case.json"]

    said = cases.run(cases.approved("CORRECTED", "h0"))  # still in the release; the number is somebody else's by now
    assert (said["people_found"], said["not_in_store"]) == (0, 1)


def test_a_release_and_the_store_may_differ_by_an_erasure_that_was_killed(cases: Cases) -> None:
    """Released still, and out of the store already: nobody is found."""
    path = cases.approved("HALF-GONE", "e1")
    e1 = cases.t2(cases.registration_t1(ELSEWHERE, "e1")).hex()
    kept = cases.query(
        "UPDATE records.patient SET is_deleted = true WHERE registration_token = %s::uuid RETURNING 1", e1
    )
    assert len(kept) == 1
    said = cases.run(path)
    assert (said["people_found"], said["not_in_store"]) == (0, 1)


def test_a_run_that_is_killed_before_it_wrote_its_files_writes_the_same_ones(
    cases: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cases.approved("KILLED", "h7", "t3")
    with monkeypatch.context() as broken:
        broken.setattr(run_case_module, "_write_files", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cases.run(path)
    stored = dict(cases.query("SELECT practice_code, data FROM custody.case_file WHERE case_id = 'KILLED'"))
    assert set(stored) == {HERE, THERE}
    assert not list(cases.zones.central.receipts_folder.glob("KILLED.*"))
    assert len(cases.run(path)["files"]) == 2
    for code, data in stored.items():
        assert (cases.zones.central.receipts_folder / f"KILLED.{code}.case.json").read_bytes() == bytes(data)
    assert cases.query("SELECT count(*) FROM custody.case WHERE case_id = 'KILLED'") == [(1,)]
    assert cases.query("SELECT count(*) FROM audit.entry WHERE event ->> 'reidentified' = 'KILLED'") == [(1,)]


_KILLS_ITSELF = """
import os, signal, sys
from pathlib import Path
from central_zone import audit
from central_zone.settings import Settings
from central_zone.zone import opened
from central_zone.reidentification import book, run_case
append = audit.append
def killed(*args, **how):
    append(*args, **how)
    os.kill(os.getpid(), signal.SIGKILL)
audit.append = killed
values = dict(line.split("=", 1) for line in sys.stdin.read().splitlines())
with opened(Settings(values), Path(values["GP_INBOX_DIR"]), role="gp_custodian") as zone:
    run_case.run_case(zone, Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_run_that_is_killed_while_it_is_written_down_leaves_nothing(cases: Cases) -> None:
    path = cases.approved("KILLED-SOONER", "h8")
    settings = "\n".join(f"{name}={value}" for name, value in cases.zones.central.values.items())
    ran = subprocess.run(
        [sys.executable, "-c", _KILLS_ITSELF, str(path), str(cases.custodian)],
        input=settings,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(run_case_module.__file__).parents[2])},
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert cases.query("SELECT count(*) FROM custody.case WHERE case_id = 'KILLED-SOONER'") == [(0,)]
    assert cases.run(path)["people_found"] == 1


def test_a_registration_that_a_parcel_named_twice_is_found_by_the_row_that_fits(cases: Cases) -> None:
    """Two rows of the escrow, as two patients of one registration would bring: neither makes the other look altered."""
    e2 = cases.t2(cases.registration_t1(ELSEWHERE, "e2")).hex()
    cases.query(
        "INSERT INTO custody.escrow SELECT practice_code, %s::uuid, parcel_number, sealed_in, sealed FROM custody.escrow "
        "WHERE registration_token = %s::uuid",
        e2,
        e2,
    )
    said = cases.run(cases.approved("TWICE", "e2"))
    assert (said["people_found"], said["practices"]) == (1, 1)
    assert cases.answer(f"TWICE.{ELSEWHERE}.case.json")["told"] == 1
    key = cases.query("DELETE FROM custody.parcel_key RETURNING parcel_number, custodian_key, sealed_key")
    try:
        with pytest.raises(CaseRefused) as refused:
            cases.run(cases.approved("NO-KEY", "e3"))
        assert refused.value.reason == "escrow_altered"
    finally:
        for row in key:
            cases.query("INSERT INTO custody.parcel_key VALUES (%s, %s, %s)", *row)
