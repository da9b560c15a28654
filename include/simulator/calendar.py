"""The nights: when each extract is taken, and the days the collection's rules count from."""

from datetime import date, timedelta

from simulator.texts import day_number

START_DATE = date(2021, 9, 1)  # who had left, or died, before it is out of scope
START_DAY = day_number(START_DATE)


def extract_date(night: int) -> date:
    """Night 1 is 2 September 2026; the extract is taken at one in the morning."""
    return date(2026, 9, 1) + timedelta(days=night)


def extract_day(night: int) -> int:
    return day_number(extract_date(night))


def extract_id(night: int) -> str:
    return f"{extract_date(night):%Y%m%d}010000"


FIRST_EXTRACT_DAY = extract_day(1)
