"""Nobody can read a small number off the register, whatever is published beside it."""

from hypothesis import given
from hypothesis import strategies as st

from central_zone.register.disclosure_control import FEWEST_PRACTICES, SMALL, THRESHOLD, controlled

people = st.integers(0, 100_000_000)


def test_zero_and_seven_look_the_same() -> None:
    assert {controlled(count, practices=8).words for count in range(THRESHOLD + 1)} == {SMALL}
    assert {controlled(count, practices=8).figure for count in range(THRESHOLD + 1)} == {None}


def test_eight_is_the_first_figure() -> None:
    assert (controlled(8, practices=8).figure, controlled(8, practices=8).words) == (10, "10")
    assert [controlled(count, practices=8).figure for count in (12, 13, 1232, 1233)] == [10, 15, 1230, 1235]
    assert controlled(12_345, practices=8).words == "12,345"


@given(people)
def test_every_figure_is_a_multiple_of_five_close_to_the_truth(count: int) -> None:
    figure = controlled(count, practices=8).figure
    if count > THRESHOLD:
        assert figure is not None
        assert figure % 5 == 0
        assert abs(figure - count) <= 2
    else:
        assert figure is None


@given(people, st.integers(0, FEWEST_PRACTICES - 1))
def test_few_practices_get_no_figure_at_all(count: int, practices: int) -> None:
    shown = controlled(count, practices=practices)
    assert shown == controlled(0, practices=practices)
    assert shown.figure is None
