"""What a task's log may say, and which errors Airflow may try again."""

import inspect
import traceback
from collections.abc import Callable

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from polars.exceptions import PanicException

from crossing import canonical
from crossing.errors import PersonMustAct, TryAgain
from stop_for_a_person import stop_for_a_person

NHS_NUMBER = "9990000018"


def failing_with(error: BaseException) -> Callable[[], None]:
    @stop_for_a_person
    def body() -> None:
        raise error

    return body


def told_by(body: Callable[[], None]) -> str:
    """All that Airflow would print: the whole chain of errors, as Python shows it."""
    try:
        body()
    except AirflowException as error:
        return "".join(traceback.format_exception(error))
    return pytest.fail("nothing was raised")


def test_what_a_person_must_mend_is_never_tried_again() -> None:
    with pytest.raises(AirflowFailException, match="PersonMustAct: Restore the opt-outs"):
        failing_with(PersonMustAct("Restore the opt-outs."))()


def test_what_may_mend_itself_is_tried_again() -> None:
    with pytest.raises(AirflowException, match="TryAgain: The store is down") as caught:
        failing_with(TryAgain("The store is down."))()
    assert not isinstance(caught.value, AirflowFailException)


def test_a_fault_of_ours_is_told_without_its_text() -> None:
    told = told_by(failing_with(ValueError(f"invalid literal: {NHS_NUMBER}")))
    assert NHS_NUMBER not in told
    assert "ValueError at test_stop_for_a_person.py" in told


def test_a_fault_in_a_library_is_told_by_the_line_of_ours_that_called_it() -> None:
    told = told_by(stop_for_a_person(lambda: canonical.schema(NHS_NUMBER)))
    assert NHS_NUMBER not in told
    assert "KeyError at canonical.py" in told


def test_the_error_behind_an_error_is_not_told() -> None:
    @stop_for_a_person
    def body() -> None:
        try:
            raise ValueError(f"cell {NHS_NUMBER}")
        except ValueError:
            raise PersonMustAct("One cell cannot be read.")  # noqa: B904  (forgotten `from None`: that is the test)

    told = told_by(body)
    assert NHS_NUMBER not in told
    assert "One cell cannot be read." in told


def test_nothing_leads_from_what_is_told_to_the_error_itself() -> None:
    """A tool that looks at an error's context, whatever its printing says, finds none."""
    for error in (ValueError(NHS_NUMBER), PersonMustAct("Mend it."), TryAgain("Later.")):
        with pytest.raises(AirflowException) as caught:
            failing_with(error)()
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


def test_a_panic_of_a_library_is_told_like_any_fault() -> None:
    """polars is written in Rust; where that gives up, Python gets no Exception."""
    told = told_by(failing_with(PanicException(f"called `Option::unwrap()` on {NHS_NUMBER}")))
    assert NHS_NUMBER not in told
    assert "PanicException at" in told
    assert not issubclass(PanicException, Exception)


def test_airflows_own_words_and_a_result_pass_through() -> None:
    with pytest.raises(AirflowSkipException):
        failing_with(AirflowSkipException("nothing to do"))()
    assert stop_for_a_person(lambda: 42)() == 42


def test_an_interruption_is_left_alone() -> None:
    with pytest.raises(KeyboardInterrupt):
        failing_with(KeyboardInterrupt())()


def test_airflow_still_sees_the_parameters_of_the_body() -> None:
    def body(shard: list[str], run_id: str | None = None) -> list[str]:
        return shard

    assert inspect.signature(stop_for_a_person(body)) == inspect.signature(body)
