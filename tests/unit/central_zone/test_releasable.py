"""Every rule that keeps rows out is decided on: may a steward release them or not, and why."""

from pathlib import Path

import pytest

from central_zone.expectations.rules import Severity, read_rule_book
from central_zone.quality.releasable import FILE, read_releasable
from central_zone.quality.thresholds import read_thresholds
from crossing.canonical import TABLES
from crossing.policy import Policy, PolicyRefused


def that_keep_rows_out() -> set[str]:
    book = read_rule_book(Policy())
    return {rule.id for rules in book.rules.values() for rule in rules if rule.severity == Severity.DROP_ROW}


def test_every_rule_that_keeps_rows_out_has_its_line_and_every_line_its_rule() -> None:
    lines = read_releasable(Policy())
    assert sorted(that_keep_rows_out() ^ set(lines.rules)) == [], f"Decide in include/policy/{FILE}, with a reason."
    assert set(lines.tables) <= set(TABLES)
    assert all(len(line["why"]) > 15 for line in (*lines.rules.values(), *lines.tables.values()))


def test_what_nobody_decided_on_and_what_may_hide_a_person_stays_out() -> None:
    lines = read_releasable(Policy())
    assert lines.why_not("observation", "written_tomorrow")
    for rule in ("identifier_in_code", "word_not_on_list", "number_too_large", "missing_required"):
        assert lines.why_not("observation", rule)
    assert lines.why_not("observation", "dated_in_future") is None
    assert lines.why_not("patient", "dated_in_future")


@pytest.mark.parametrize(
    "text",
    [
        "rules.a = { releasable = true }",
        "rules.a = { releasable = 1, why = 'a good reason' }",
        "rules.a = { releasable = true, why = '' }",
        "everything = true",
    ],
)
def test_an_unclear_line_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(PolicyRefused):
        read_releasable(Policy(tmp_path))


def test_a_threshold_that_is_missing_or_unknown_is_refused(tmp_path: Path) -> None:
    (tmp_path / "quality.toml").write_text("keep_results_days = 800\nleast_rows = 0\n")
    with pytest.raises(PolicyRefused):
        read_thresholds(Policy(tmp_path))
