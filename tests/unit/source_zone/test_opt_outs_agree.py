"""The product's path from a delivery to the roster, held against a slow second reading of the rule, on drawn histories."""

from datetime import date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from source_zone.replay import held_back_on
from source_zone.roster import decide, objections_known, people
from support.consent_histories import NIGHTS, RULES, History, held_back, histories, remembered
from support.slow_type_one_rule import opted_out

FEW = settings(max_examples=50)


@FEW
@given(histories(), st.sampled_from(NIGHTS), st.booleans())
def test_the_roster_of_a_night_is_what_a_slow_reading_says(history: History, night: datetime, one_by_one: bool) -> None:
    patients, consents = remembered(history, until=night, one_by_one=one_by_one)
    roster = decide(RULES, people(patients), objections_known(consents), as_of=night.date())
    slow = opted_out(history.lines, history.registrations, effective=night.date(), known=night.date())
    assert held_back(roster) == slow


days = st.sampled_from([night.date() for night in NIGHTS]) | st.dates(date(2024, 4, 30), date(2026, 10, 2))


def replayed(history: History, effective: date, known: datetime, *, until: datetime = NIGHTS[-1]) -> frozenset[str]:
    patients, consents = remembered(history, until=until)
    return held_back_on(RULES, people(patients, known), consents, effective, known.date())


@FEW
@given(histories(), days, st.sampled_from(NIGHTS))
def test_a_replay_is_what_a_slow_reading_says(history: History, effective: date, known: datetime) -> None:
    slow = opted_out(history.lines, history.registrations, effective=effective, known=known.date())
    assert replayed(history, effective, known) == slow


@FEW
@given(histories(), st.sampled_from(NIGHTS))
def test_a_replay_of_a_night_as_known_then_is_what_that_night_decided(history: History, night: datetime) -> None:
    patients, consents = remembered(history, until=night)
    decided = held_back(decide(RULES, people(patients), objections_known(consents), as_of=night.date()))
    assert replayed(history, night.date(), night) == decided


@FEW
@given(histories(), days, st.sampled_from(NIGHTS[:-1]))
def test_what_is_learnt_later_never_changes_what_was_known(history: History, effective: date, known: datetime) -> None:
    assert replayed(history, effective, known) == replayed(history, effective, known, until=known)
