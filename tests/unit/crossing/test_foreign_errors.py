"""A library's error quotes what it choked on. At the edge of a command and of a task only its kind and our line are left."""

import sys

import pytest

from support.foreign_failures import FAILURES, holds
from support.told import told_by

VALUE = "Zebrowska9990000018"


@pytest.mark.parametrize("what", FAILURES)
def test_nothing_of_what_a_library_says_gets_out(what: str, capfd: pytest.CaptureFixture[str]) -> None:
    told = told_by(lambda: FAILURES[what](VALUE), capfd)
    assert holds(told.error, VALUE), "this library has learnt not to quote: take another failure of it"
    assert type(told.error).__name__ in told.text, "its kind is told"
    assert not told.has(VALUE)


def test_an_edge_that_quoted_would_be_found_out(capfd: pytest.CaptureFixture[str]) -> None:
    def careless() -> None:
        sys.stderr.write(VALUE)
        FAILURES["a number"](VALUE)

    assert told_by(careless, capfd).has(VALUE)
