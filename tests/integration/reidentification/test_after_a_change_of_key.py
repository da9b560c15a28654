"""The token key changes, and a case is still answered, to the right practice: the escrow follows the bridge."""

import pytest

from journey.rotation_lived import bridge_all, retire_and_destroy, rotate
from source_zone.keys import NHS_NUMBER, load_keys
from support.cases import ELSEWHERE, HERE, NUMBER_OF, THERE, Cases, digest, local_id
from support.emis_files import an_observation

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow]


def t1(cases: Cases, name: str, version: int) -> bytes:
    """The source's token of a person under this version of the key."""
    keys = load_keys(cases.zones.source.keys, "gpdpr", version)
    return digest(keys.token_keys[NHS_NUMBER], f"{NHS_NUMBER}\0{NUMBER_OF[name]}")


def approved(cases: Cases, case_id: str, *names: str) -> dict[str, object]:
    """A case about people by the tokens that the release has of them after they went over, carried out."""
    tokens = [cases.t3_of(t1(cases, name, 2)) for name in names]
    return cases.run(cases.approved(case_id, tokens=tokens))


def escrow_of(cases: Cases, code: str) -> list[tuple[object, ...]]:
    """By which parcel's key the escrow of a practice is sealed, how many rows."""
    return cases.query(
        "SELECT p.extract_kind, p.manifest ->> 'token_key', count(*) FROM custody.escrow AS e JOIN ledger.parcel AS p "
        "ON p.parcel_number = e.sealed_in WHERE e.practice_code = %s GROUP BY 1, 2",
        code,
    )


def test_a_case_is_answered_after_the_key_that_the_records_came_under_is_destroyed(cases_of_its_own: Cases) -> None:
    cases = cases_of_its_own
    cases.night({HERE: []}, {HERE: [an_observation(f"h1 at {HERE}", "no", "2", EffectiveDate="2026-09-02")]})
    cases.zones.uphold()
    cases.zones.erase()
    ((_, _, before),) = escrow_of(cases, HERE)
    rotate(cases.zones)
    bridge_all(cases.zones)
    cases.zones.load()
    assert retire_and_destroy(cases.zones, 1)["state"] == "destroyed"

    assert escrow_of(cases, HERE) == [("bridge", "token-gpdpr-v2", before)]
    keys_kept = (
        "SELECT DISTINCT p.extract_kind FROM custody.parcel_key AS k JOIN ledger.parcel AS p USING (parcel_number)"
    )
    assert cases.query(keys_kept) == [("bridge",)]
    said = approved(cases, "AFTER", "h0", "h1", "e1")
    assert (said["people_found"], said["not_released"], said["without_escrow"]) == (2, 1, 0)
    assert said["files"] == [f"AFTER.{HERE}.case.json", f"AFTER.{ELSEWHERE}.case.json"]
    for reference, code, name in (("1", HERE, "h0"), ("3", ELSEWHERE, "e1")):
        assert cases.answer(f"AFTER.{code}.case.json")["told"] == 1
        told = (cases.told(code, "AFTER") or "").splitlines()
        assert told[1:] == [f'"{reference}","{local_id(code, name).strip("{}")}","{NUMBER_OF[name]}"']


def test_a_case_is_answered_while_only_one_of_a_persons_practices_has_gone_over(cases_of_its_own: Cases) -> None:
    cases = cases_of_its_own
    rotate(cases.zones)
    cases.night({HERE: []}, {HERE: [an_observation(f"h0 at {HERE}", "wheeze")]})  # and with them whoever is at both
    assert escrow_of(cases, HERE)[0][1:2] == ("token-gpdpr-v2",)
    assert escrow_of(cases, THERE)[0][1:2] == ("token-gpdpr-v1",)
    _answers_both(cases, "OPEN")

    bridge_all(cases.zones)
    cases.zones.load()
    assert escrow_of(cases, THERE)[0][:2] == ("bridge", "token-gpdpr-v2")
    _answers_both(cases, "CLOSED")


def _answers_both(cases: Cases, case_id: str) -> None:
    said = approved(cases, case_id, "mover", "t0" if case_id == "CLOSED" else "h3")
    assert (said["people_found"], said["practices"], said["without_escrow"]) == (2, 2, 0)
    cases.answer(f"{case_id}.{HERE}.case.json")
    cases.answer(f"{case_id}.{THERE}.case.json")
    assert NUMBER_OF["mover"] not in (cases.told(HERE, case_id) or "")
    assert NUMBER_OF["mover"] in (cases.told(THERE, case_id) or "")
