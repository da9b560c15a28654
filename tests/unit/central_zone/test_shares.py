"""A share in words says what it is: never 1e+02 %, never nothing where a row is, never all where one is missing."""

import pytest

from central_zone.quality.shares import share_in_words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.9999, "more than 99 %"),
        (0.9949, "99 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.5, "50 %"),
        (0.05, "5 %"),
        (0.0071, "0.71 %"),
        (0.0001, "0.01 %"),
        (0.00001, "0.001 %"),
        (0.000001, "less than 0.001 %"),
    ],
)
def test_a_share_is_told_in_two_digits_that_say_something(share: float, words: str) -> None:
    assert share_in_words(share) == words
