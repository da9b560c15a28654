"""The product's path from a delivery to the roster, held against a slow second reading of the rule, on drawn histories."""

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from source_zone.roster import decide, objections, people
from support.consent_histories import NIGHTS, RULES, History, held_back, histories, remembered
from support.slow_type_one_rule import opted_out


@settings(max_examples=150)
@given(histories(), st.sampled_from(NIGHTS), st.booleans())
def test_the_roster_of_a_night_is_what_a_slow_reading_says(history: History, night: datetime, one_by_one: bool) -> None:
    patients, consents = remembered(history, until=night, one_by_one=one_by_one)
    roster = decide(RULES, people(patients), objections(consents), as_of=night.date())
    slow = opted_out(history.lines, history.registrations, effective=night.date(), known=night.date())
    assert held_back(roster) == slow
