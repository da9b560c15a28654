"""From a token of a real release to the right patient of the right practice, and to nobody else anywhere."""

from support.cases import HERE, NUMBER_OF, THERE, USE, Cases, local_id


def test_the_treating_practice_is_told_who_it_is(cases: Cases) -> None:
    released = cases.query(f"SELECT uuid_send(patient_token) FROM release.{USE}__patient")
    assert (cases.t3("h3"),) in released
    said = cases.run(cases.approved("CASE-1", "h3", "t2"))
    assert said["state"] == "carried out"
    assert (said["people"], said["people_found"], said["practices"]) == (2, 2, 2)
    assert said["files"] == [f"CASE-1.{HERE}.case.json", f"CASE-1.{THERE}.case.json"]
    for name in said["files"]:
        assert cases.answer(name)["told"] == 1
    assert cases.told(HERE, "CASE-1") == (
        f'"reference","local_id","nhs_number"\r\n"1","{local_id(HERE, "h3")}","{NUMBER_OF["h3"]}"\r\n'
    )
    assert f'"2","{local_id(THERE, "t2")}","{NUMBER_OF["t2"]}"' in cases.told(THERE, "CASE-1")
