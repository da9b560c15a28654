"""The type 1 rule: examples a clinician could check, and a slow second reading of it that must agree."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_zone.opt_outs import DISSENT, WITHDRAWAL, ConsentEntry, type_one_opt_out_in_force

EXTRACT = date(2026, 9, 2)
MORNING, NOON = datetime(2024, 5, 1, 9), datetime(2024, 5, 1, 12)


def dissent(on: date | None, recorded: datetime | None = None) -> ConsentEntry:
    return ConsentEntry(DISSENT, on, recorded)


def withdrawal(on: date | None, recorded: datetime | None = None) -> ConsentEntry:
    return ConsentEntry(WITHDRAWAL, on, recorded)


MAY = date(2024, 5, 1)
JUNE = date(2024, 6, 1)
NEXT_YEAR = date(2027, 1, 1)


@pytest.mark.parametrize(
    ("entries", "in_force"),
    [
        pytest.param([], False, id="never said anything"),
        pytest.param([dissent(MAY)], True, id="a dissent"),
        pytest.param([dissent(MAY), withdrawal(JUNE)], False, id="withdrawn later"),
        pytest.param([withdrawal(MAY), dissent(JUNE)], True, id="dissented again"),
        pytest.param([dissent(MAY), withdrawal(MAY)], True, id="same day, no times: dissent wins"),
        pytest.param([dissent(MAY, MORNING), withdrawal(MAY, NOON)], False, id="same day, withdrawal recorded later"),
        pytest.param([dissent(MAY, NOON), withdrawal(MAY, MORNING)], True, id="same day, dissent recorded later"),
        pytest.param([dissent(MAY, NOON), withdrawal(MAY, NOON)], True, id="same moment: dissent wins"),
        pytest.param([dissent(MAY), withdrawal(MAY, NOON)], True, id="same day, one time only: dissent wins"),
        pytest.param([dissent(None)], True, id="an undated dissent is in force"),
        pytest.param([dissent(None), withdrawal(JUNE)], True, id="an undated dissent cannot be shown to be earlier"),
        pytest.param([dissent(MAY), withdrawal(None)], True, id="an undated withdrawal is ignored"),
        pytest.param([dissent(MAY), withdrawal(NEXT_YEAR)], True, id="a withdrawal dated in the future is ignored"),
        pytest.param([dissent(NEXT_YEAR)], True, id="a dissent dated in the future is in force"),
        pytest.param([dissent(NEXT_YEAR), withdrawal(JUNE)], True, id="and is not undone by an earlier withdrawal"),
    ],
)
def test_the_rule(entries: list[ConsentEntry], in_force: bool) -> None:
    assert type_one_opt_out_in_force(entries, as_of=EXTRACT) is in_force


def slow_oracle(entries: list[ConsentEntry], as_of: date) -> bool:
    """Sorts the entries that count into one line of time and reads off who spoke last; ties go to dissent."""
    if any(entry.meaning == DISSENT and entry.effective_date is None for entry in entries):
        return True
    counting = [
        entry
        for entry in entries
        if entry.effective_date is not None and (entry.meaning == DISSENT or entry.effective_date <= as_of)
    ]
    if not counting:
        return False
    last_day = max(entry.effective_date for entry in counting if entry.effective_date)
    that_day = [entry for entry in counting if entry.effective_date == last_day]
    if not any(entry.meaning == DISSENT for entry in that_day):
        return False
    if any(entry.meaning == DISSENT and entry.recorded_at is None for entry in that_day):
        return True
    last_dissent = max(entry.recorded_at for entry in that_day if entry.meaning == DISSENT and entry.recorded_at)
    return not any(
        entry.meaning == WITHDRAWAL and entry.recorded_at and entry.recorded_at > last_dissent for entry in that_day
    )


days = st.none() | st.dates(date(2026, 8, 30), date(2026, 9, 5))
moments = st.none() | st.datetimes(datetime(2026, 9, 1), datetime(2026, 9, 1, 0, 0, 3)).map(
    lambda at: at.replace(microsecond=0)
)
histories = st.lists(st.builds(ConsentEntry, st.sampled_from([DISSENT, WITHDRAWAL]), days, moments), max_size=6)


@given(histories)
def test_a_slow_second_reading_agrees(entries: list[ConsentEntry]) -> None:
    assert type_one_opt_out_in_force(entries, as_of=EXTRACT) is slow_oracle(entries, EXTRACT)


@given(histories)
def test_one_more_dissent_never_lets_anyone_out(entries: list[ConsentEntry]) -> None:
    if type_one_opt_out_in_force(entries, as_of=EXTRACT):
        assert type_one_opt_out_in_force([*entries, dissent(JUNE)], as_of=EXTRACT)
