"""Rows between the steps: all of them, or none."""

import numpy as np
import pytest

from central_zone.erasures.batch import discard_staged
from central_zone.staged import KeptVerdict, discard, keep_verdict, kept_verdict, stage, staged_tables
from support.parcels import observations, patients, tokens

_ID = "7e65c34c-788c-5829-860d-7f8169d7ec3b"


def test_what_was_staged_comes_back_table_by_table(tmp_path):
    rows = [("patient", patients()), ("observation", observations(20)), ("observation", observations(30, seed=5))]
    stage(tmp_path, _ID, "hash", rows)
    tables = staged_tables(tmp_path, _ID, "hash")
    assert {name: table.num_rows for name, table in tables.items()} == {"patient": 10, "observation": 50}
    assert tables["patient"].equals(patients())


def test_rows_of_another_sealing_are_not_taken_for_these(tmp_path):
    stage(tmp_path, _ID, "hash", [("patient", patients())])
    assert staged_tables(tmp_path, _ID, "another") is None
    stage(tmp_path, _ID, "another", [("patient", patients(3))])
    assert staged_tables(tmp_path, _ID, "another")["patient"].num_rows == 3


def test_a_staging_that_fails_leaves_nothing(tmp_path):
    def rows():
        yield "patient", patients()
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (raised by the line above)
        stage(tmp_path, _ID, "hash", rows())
    assert list(tmp_path.iterdir()) == []
    assert staged_tables(tmp_path, _ID, "hash") is None


def test_a_verdict_comes_back_and_goes_when_the_parcel_is_staged_again(tmp_path):
    stage(tmp_path, _ID, "hash", [("patient", patients())])
    failed = {"patient": {"a_rule": np.array([1, 5])}}
    keep_verdict(tmp_path, _ID, KeptVerdict(failed_rows=failed, held_because=("why",), facts={"expectations_run": 9}))
    kept = kept_verdict(tmp_path, _ID)
    assert kept.failed_rows["patient"]["a_rule"].tolist() == [1, 5]
    assert (kept.held_because, kept.facts) == (("why",), {"expectations_run": 9})
    stage(tmp_path, _ID, "hash", [("patient", patients())])
    assert kept_verdict(tmp_path, _ID) is None


def test_discarding_removes_the_drafts_of_stopped_runs_and_no_other_parcel(tmp_path):
    another = "00000000-0000-0000-0000-000000000000"
    stage(tmp_path, _ID, "hash", [("patient", patients())])
    stage(tmp_path, another, "hash", [("patient", patients())])
    (tmp_path / f"{_ID}.stopped").mkdir()
    discard(tmp_path, _ID)
    assert [path.name for path in tmp_path.iterdir()] == [another]


def test_what_a_killed_run_left_of_its_draft_goes_with_the_people_in_it_and_of_other_people_stays(tmp_path):
    erased = patients(1)["registration_token"].combine_chunks()
    for name, there in (("killed", patients()), ("of others", patients(3, registration_token=tokens(3, seed=9)))):
        stage(tmp_path, _ID, "hash", [("patient", there)])
        (tmp_path / _ID).rename(tmp_path / f"{_ID}.{name}")
    (tmp_path / f"{_ID}.killed while writing").mkdir()
    (tmp_path / f"{_ID}.killed while writing" / "patient.arrow").write_bytes(b"ARROW1")
    discard_staged(tmp_path, erased)
    assert [path.name for path in tmp_path.iterdir()] == [f"{_ID}.of others"]


def test_a_draft_that_an_erasure_takes_away_meanwhile_leaves_nothing_staged_and_is_no_error(tmp_path):
    def rows():
        yield "patient", patients()
        discard_staged(tmp_path, patients(1)["registration_token"].combine_chunks())
        yield "observation", observations()

    stage(tmp_path, _ID, "hash", rows())
    assert staged_tables(tmp_path, _ID, "hash") is None
    assert list(tmp_path.iterdir()) == []
