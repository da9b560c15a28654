"""A steward decides on a practice's rows in the Airflow UI: one question a table and set of rules, over all its parcels."""

from datetime import UTC, datetime, timedelta

import pytest

from ask_about_rows_kept_out import DISCARD, RELEASE, decision_on, questions
from central_zone import load_parcel, quarantine_decide, quarantine_lines
from central_zone.chain.verify import verify
from central_zone.errors import NotReleasable
from support.quarantined import a_night_with_plans

ADA = {"id": "7", "name": "ada"}


def load(zone, tables, **how):
    parcel = zone.sealed(tables, **how)
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"
    return parcel


def two_nights(zone):
    """Three rows of each night lie in the future and one has no code; one row of the first is both."""
    first = load(zone, a_night_with_plans(both=(2,)))
    later = (datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)).isoformat()
    second = load(zone, a_night_with_plans(), sequence=2, previous=first, extract_taken_at=later, extract_id="another")
    return first, second


def asked(zone, **which):
    found = quarantine_lines.lines_of("gpdpr", practice_code="A12345", settings=zone.settings, **which)
    return {(line.table_name, line.rule_ids): line for line in found}


def answered(zone, line, choice):
    """What the task does with a steward's answer."""
    answer = {"chosen_options": [choice], "params_input": {"reason": "asked them"}, "responded_by_user": ADA}
    (question,) = questions([line])
    return quarantine_decide.decide_on_each(**decision_on(question["rows"], answer), settings=zone.settings)


FUTURE, SHAPE, BOTH = (("dated_in_future",), ("snomed_concept_shape",), ("dated_in_future", "snomed_concept_shape"))


def test_a_steward_is_asked_once_of_each_set_of_rules_and_each_row_is_in_one_question(zone):
    two_nights(zone)
    told = asked(zone)
    assert {rules: (line.rows, line.sequences, line.gone) for (_, rules), line in told.items()} == {
        FUTURE: ("6", (1, 2), 0),
        SHAPE: ("2", (1, 2), 0),
        BOTH: ("1", (1,), 0),
    }
    assert told["observation", FUTURE].why_not_released is None
    assert "SNOMED" in told["observation", BOTH].why_not_released
    assert asked(zone, table_name="patient") == {}
    assert [rules for _, rules in asked(zone, rule_id="snomed_concept_shape")] == [BOTH, SHAPE]


def test_the_answer_is_carried_out_in_every_parcel_under_the_name_of_who_answered(zone):
    two_nights(zone)
    line = asked(zone)["observation", FUTURE]
    done = answered(zone, line, RELEASE)
    assert done == {
        "outcome": "released",
        "table": "observation",
        "rules": ["dated_in_future"],
        "parcels": 2,
        "rows": "6",
    }
    assert answered(zone, line, RELEASE) == done  # cleared and run again
    assert set(asked(zone)) == {("observation", SHAPE), ("observation", BOTH)}
    answered(zone, asked(zone)["observation", BOTH], DISCARD)
    assert {rules: line.rows for (_, rules), line in asked(zone).items()} == {SHAPE: "2"}
    decided = zone.query("SELECT outcome, rows, decided_by, reason FROM quarantine.decision ORDER BY 1, 2")
    assert decided == [("discarded", 1, "ada", "asked them"), *[("released", 3, "ada", "asked them")] * 2]
    assert verify(zone.settings)["audit"]


def test_a_parcel_that_cannot_be_opened_stops_no_other_and_is_named(zone):
    first, _ = two_nights(zone)
    line = asked(zone)["observation", FUTURE]
    first.folder.rename(zone.root / "elsewhere")
    assert asked(zone)["observation", FUTURE].gone == 1
    for _ in range(2):
        with pytest.raises(
            NotReleasable,
            match=r"Of 2 parcels, 1 were decided on and 1 could not be\. .*parcel 1 is in the inbox no more",
        ):
            answered(zone, line, RELEASE)
    assert asked(zone)["observation", FUTURE].rows == "3"


def test_what_policy_does_not_let_go_is_not_released_whatever_the_answer(zone):
    two_nights(zone)
    with pytest.raises(NotReleasable, match="stay out"):
        answered(zone, asked(zone)["observation", SHAPE], RELEASE)
    assert zone.query("SELECT count(*) FROM quarantine.decision") == [(0,)]
