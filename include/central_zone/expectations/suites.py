"""Builds one Great Expectations suite a table from the rule book, and runs it. Importing this takes seconds."""

import logging
import os

# Versions of Great Expectations that report their use read this when imported: nothing about a run leaves here.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

from collections.abc import Iterator
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from central_zone.expectations import record_expectations, row_expectations  # noqa: F401  (their expectations are registered)
from central_zone.expectations.failing_rows import POSITIONS, NoFailingRows, Shown, decoded
from central_zone.expectations.rules import Rule, RuleBook
from crossing.errors import PersonMustAct
from crossing.policy import PolicyRefused

# Those that take all their columns at once; a stock expectation is repeated for each column.
OWN_TYPES = frozenset(kind.expectation_type for kind in NoFailingRows.__subclasses__())
# Positions of failing rows and no value of any: results stay in memory, but a traceback or a dump of it travels.
_POSITIONS_ONLY = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


class ValidationBroke(PersonMustAct):
    """A rule could not be carried out. Nothing is taken as valid because a check did not run."""


class Suites:
    """The suites of one rule book in an ephemeral Great Expectations context: no files, no docs, no network."""

    def __init__(self, book: RuleBook) -> None:
        # Great Expectations logs the message of whatever broke a metric; those of pandas and Arrow quote values.
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
        self._book = book
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = self._context.data_sources.add_pandas("parcels").add_dataframe_asset("rows")
        self._whole = asset.add_batch_definition_whole_dataframe("whole")
        self._suites: dict[str, gx.ExpectationSuite] = {}

    def run(self, table: str, frame: pd.DataFrame) -> tuple[int, dict[str, np.ndarray]]:
        """Runs the table's suite: how many expectations ran, and the failing row positions by rule id.

        Raises ValidationBroke where an expectation could not be evaluated, PolicyRefused where none can be made.
        """
        rules = {rule.id: rule for rule in self._book.rules[table]}
        result = self._run(table, frame)
        failed: dict[str, list[np.ndarray]] = {}
        for outcome in result.results:
            rule = rules[outcome.expectation_config.meta["rule"]]
            _check_it_ran(rule, outcome)
            if not outcome.success:
                failed.setdefault(rule.id, []).append(_failing_positions(outcome.result))
        return len(result.results), {rule: np.unique(np.concatenate(found)) for rule, found in failed.items()}

    def _run(self, table: str, frame: pd.DataFrame) -> Any:
        suite = self._suite(table)
        shown = Shown(frame[self._stock_columns(table)])
        shown.whole = frame
        try:
            batch = self._whole.get_batch(batch_parameters={"dataframe": shown})
            return batch.validate(suite, result_format=_POSITIONS_ONLY)
        except GreatExpectationsError:
            raise ValidationBroke(
                f"The rules of policy/expectations/{table}.toml could not be carried out on {table}. "
                "Nothing was loaded. Check their columns and arguments against the table."
            ) from None

    def _stock_columns(self, table: str) -> list[str]:
        stock = (rule for rule in self._book.rules[table] if rule.expectation not in OWN_TYPES)
        return sorted({column for rule in stock for column in rule.columns})

    def _suite(self, table: str) -> gx.ExpectationSuite:
        if table not in self._suites:
            expectations = [made for rule in self._book.rules[table] for made in _expectations(rule, self._book)]
            self._suites[table] = gx.ExpectationSuite(name=table, expectations=expectations)
        return self._suites[table]


def _expectations(rule: Rule, book: RuleBook) -> Iterator[Any]:
    for arguments in _arguments(rule, book):
        configuration = ExpectationConfiguration(
            type=rule.expectation, kwargs=arguments, meta={"rule": rule.id, "severity": rule.severity.value}
        )
        try:
            yield configuration.to_domain_obj()
        except (GreatExpectationsError, ValueError, TypeError):
            raise PolicyRefused(
                f"policy/expectations/{rule.table}.toml, rule {rule.id}: Great Expectations has no {rule.expectation} "
                "that takes these arguments. Correct the rule."
            ) from None


def _arguments(rule: Rule, book: RuleBook) -> Iterator[dict[str, Any]]:
    if rule.expectation not in OWN_TYPES:
        yield from ({"column": column, **rule.arguments} for column in rule.columns)
    elif rule.expectation == "expect_listed_words":
        yield {"columns": list(rule.columns), "words": {column: list(book.words[column]) for column in rule.columns}}
    else:
        yield {"columns": list(rule.columns), **rule.arguments}


def _check_it_ran(rule: Rule, outcome: Any) -> None:
    broken = outcome.exception_info
    each = [broken] if "raised_exception" in broken else list(broken.values())
    if any(one.get("raised_exception") for one in each):
        raise ValidationBroke(
            f"policy/expectations/{rule.table}.toml, rule {rule.id} could not be carried out on {rule.table}. "
            "Nothing was loaded. Check the rule's columns and arguments against the table."
        )


def _failing_positions(result: dict[str, Any]) -> np.ndarray:
    if POSITIONS in result:
        return decoded(result[POSITIONS])
    return np.asarray(result["unexpected_index_list"], dtype=np.int64)
