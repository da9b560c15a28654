"""One test that holds every one of many to the same rule. Thousands of tests of a line each take a minute only to be collected."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Value = TypeVar("Value")


def for_each(values: Iterable[Value]) -> Callable[[Callable[[Value], None]], Callable[[], None]]:
    """Makes a test of a check of one value. It goes on after a failure, and tells all of them."""
    every = list(values)

    def one_test(check: Callable[[Value], None]) -> Callable[[], None]:
        def test() -> None:
            assert every, "There is nothing to hold to this rule: where it looks has moved."
            assert "\n".join(filter(None, (_said(check, value) for value in every))) == ""

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        test.of_one = check  # type: ignore[attr-defined]  # so that a test can show that the rule can fail
        return test

    return one_test


def _said(check: Callable[[Value], None], value: Value) -> str:
    try:
        check(value)
    except AssertionError as error:
        return f"{value}: {error}"
    return ""
