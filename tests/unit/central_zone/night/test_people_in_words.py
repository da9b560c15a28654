"""Few people are never told: not as a share, not in a sentence, not as rows of a table of people."""

import pytest

from central_zone.night.coverage import coverage_of
from central_zone.night.one_practice import rows_in_words, without_small_counts


@pytest.mark.parametrize(
    ("people", "registered", "percent", "words"),
    [
        (0, 100, None, "fewer than 10 people"),
        (9, 100, None, "fewer than 10 people"),
        (10, 100, 10, "about 10 of 100 people"),
        (14, 100, 10, "about 10 of 100 people"),
        (9_494, 10_000, 95, "about 9,490 of 10,000 people"),
        (500, None, None, "about 500 people; no list size in policy"),
    ],
)
def test_coverage_is_rounded_before_its_share_is_taken(
    people: int, registered: int | None, percent: int | None, words: str
) -> None:
    told = coverage_of(people, registered)
    assert (told.percent, told.words) == (percent, words)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (
            "Parcel 3, patient: 7 rows were sent, 5 are in the store and 2 in quarantine; 1 were erased.",
            "Parcel 3, patient: fewer than 10 rows were sent, fewer than 10 are in the store and fewer than 10 in quarantine; "
            "fewer than 10 were erased.",
        ),
        (
            "The recon of 2026-09-02: 3 registrations only the store has, and 1 are held back at the source.",
            "The recon of 2026-09-02: fewer than 10 registrations only the store has, and fewer than 10 are held back at the source.",
        ),
        (
            "Parcel 3, observation: 7 rows were sent, 5 are in the store and 2 in quarantine.",
            "Parcel 3, observation: 7 rows were sent, 5 are in the store and 2 in quarantine.",
        ),
        (
            "Parcel 3, patient: 70 rows were sent, 68 are in the store and 1,002 in quarantine.",
            "Parcel 3, patient: 70 rows were sent, 68 are in the store and 1,002 in quarantine.",
        ),
        ("Parcel 7 is held: 9.0% of the rows.", "Parcel 7 is held: 9.0% of the rows."),
    ],
)
def test_a_sentence_of_reconciling_tells_no_few_people(sentence: str, told: str) -> None:
    assert without_small_counts(sentence) == told


def test_rows_are_exact_but_where_they_are_few_people() -> None:
    assert rows_in_words("patient", 9) == "fewer than 10"
    assert rows_in_words("patient", 1_234) == "1,234"
    assert rows_in_words("observation", 3) == "3"
