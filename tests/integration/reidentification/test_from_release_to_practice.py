"""From a token of a real release to the right patient of the right practice, and to nobody else anywhere."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from central_zone.register.read_ledger import read_ledger
from central_zone.store.connection import store_of
from support.cases import ELSEWHERE, HERE, NUMBER_OF, THERE, USE, Cases, local_id

_GIVEN = ("incoming", "keys", "source_policy")  # what the practices deliver; nothing is written there


@pytest.fixture(scope="module")
def told(cases: Cases) -> Cases:
    released = cases.query(f"SELECT uuid_send(patient_token) FROM release.{USE}__patient")
    assert {(cases.t3("h3"),), (cases.t3("t2"),)} <= set(released)
    said = cases.run(cases.approved("CASE-1", "h3", "t2"))
    assert (said["state"], said["people"], said["people_found"], said["practices"]) == ("carried out", 2, 2, 2)
    assert said["files"] == [f"CASE-1.{HERE}.case.json", f"CASE-1.{THERE}.case.json"]
    for name in said["files"]:
        answered = cases.answer(name)
        assert (answered["people"], answered["told"], answered["not_told"]) == (1, 1, {})
    return cases


def everything(cases: Cases) -> Iterator[tuple[str, bytes]]:
    for path in sorted(cases.root.rglob("*")):
        where = path.relative_to(cases.root)
        if path.is_file() and where.parts[0] not in _GIVEN:
            yield str(where), path.read_bytes()
    yield "the store", "\n".join(cases.zones.text_of_store()).encode()


def test_the_treating_practice_is_told_who_it_is(told: Cases) -> None:
    heading = '"reference","local_id","nhs_number"\n'
    here, there = local_id(HERE, "h3").strip("{}"), local_id(THERE, "t2").strip("{}")
    assert told.told(HERE, "CASE-1") == f'{heading}"1","{here}","{NUMBER_OF["h3"]}"\n'
    assert told.told(THERE, "CASE-1") == f'{heading}"2","{there}","{NUMBER_OF["t2"]}"\n'
    assert told.told(ELSEWHERE, "CASE-1") is None


@pytest.mark.parametrize(("code", "name"), [(HERE, "h3"), (THERE, "t2")])
def test_and_nobody_else_is(told: Cases, code: str, name: str) -> None:
    needles = NUMBER_OF[name].encode(), local_id(code, name).strip("{}").encode()
    where = {where for where, data in everything(told) if any(each in data for each in needles)}
    assert where == {f"answers/{code}/CASE-1.csv"}


def test_no_token_of_the_source_stands_anywhere_in_clear(told: Cases) -> None:
    tokens = [told.patient_t1("h3"), told.registration_t1(HERE, "h3")]
    needles = [spelt for token in tokens for spelt in (token, token.hex().encode())]
    assert {where for where, data in everything(told) if any(each in data.lower() for each in needles)} == set()


def test_the_source_is_not_shown_the_projects_tokens(told: Cases) -> None:
    file = told.zones.central.receipts_folder / f"CASE-1.{HERE}.case.json"
    assert told.t3("h3").hex() not in file.read_text()
    assert told.t3("h3").hex() in (told.root / "cases" / "CASE-1" / "case.request.json").read_text()


def test_the_answer_can_be_read_by_its_owner_alone(told: Cases) -> None:
    folder = told.root / "answers" / HERE
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "CASE-1.csv").stat().st_mode) == 0o600


def test_one_person_or_many_the_case_file_has_one_size(told: Cases) -> None:
    told.run(told.approved("CASE-2", *(f"h{number}" for number in range(12)), "t0"))
    sizes = {path.name: path.stat().st_size for path in told.zones.central.receipts_folder.glob("CASE-2.*")}
    assert len(sizes) == 2
    assert len(set(sizes.values())) == 1


def test_what_is_audited_and_booked_are_counts_and_ids(told: Cases) -> None:
    [[event]] = told.query("SELECT event FROM audit.entry WHERE event ->> 'reidentified' = 'CASE-1'")
    assert event["approved_by"] == ["approver-one-v1", "approver-two-v1"]
    assert (event["people"], event["people_found"], event["practices"], event["not_released"]) == (2, 2, 2, 0)
    lines = [line for line in told.book() if line["case"] == "CASE-1"]
    assert [(line["what"], line["practice_code"]) for line in lines] == [
        ("begun", HERE),
        ("answered", HERE),
        ("begun", THERE),
        ("answered", THERE),
    ]
    assert told.query("SELECT data FROM custody.case_file WHERE case_id = 'CASE-1'") == [(None,), (None,)]


def test_the_store_cannot_open_its_own_escrow(told: Cases) -> None:
    assert told.query("SELECT count(*) FROM custody.escrow") == [(24,)]
    central = {path.name for path in Path(told.zones.central.keys_folder).iterdir()}
    source = {path.name for path in told.zones.source.keys.iterdir()}
    assert "custodian-v1.pub" in central
    assert "custodian-v1.key" not in central | source
    assert "case-recipient-v1.key" not in central


def test_the_register_reads_the_cases_of_the_real_store(told: Cases) -> None:
    with store_of(told.zones.central.store_url) as store:
        ledger = read_ledger(store)
    found = {(each.purpose, each.people, frozenset(each.practice_codes)) for each in ledger.cases}
    assert ("finding_that_needs_care", 2, frozenset({HERE, THERE})) in found
