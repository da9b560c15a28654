"""Drift: the share of rows that broke a rule in a practice's last parcel, beside its own usual share and its supplier's others.

The usual share is the median of the practice's parcels before the last one; the supplier's is the median of the last parcels of
all practices of the same format. Nothing is said of a rule that nothing broke in the last parcel, nor of few rows, nights or
practices: thresholds in policy/quality.toml.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, text

from central_zone.quality.counted import Counted, counted
from central_zone.quality.thresholds import Thresholds
from central_zone.quality.window import JUDGED, ROWS_ASKED, Window, first_number

MORE, LESS, USUAL = "more than usual", "less than usual", "as usual"
FEW_ROWS, FEW_NIGHTS, FEW_PRACTICES = "too few rows to say", "too few nights to say", "too few practices to say"

_OWN = ROWS_ASKED.format(judged="j", table="a.table_name", rule="a.rule_id")
_OTHERS = ROWS_ASKED.format(judged="l", table="k.table_name", rule="k.rule_id")
# The server cannot know how many lines each step leaves, so the order of the joins is written, hashes are asked for, and a parcel's
# results are looked up by their key; nothing is compiled first. What is sorted is narrow: the number of a line, and a share.
_PLANNED = {
    "join_collapse_limit": "1",
    "from_collapse_limit": "1",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_LINE = """(SELECT {what} FROM ledger.rule_result AS r
  WHERE r.parcel_number = {parcel} AND r.table_name = {table} AND r.rule_id = {rule})"""
# A parcel without such a line had nothing that broke the rule, if it had rows at all: only then is looked into its counts.
_OWN_SHARE = _LINE.format(
    what="r.rows_failed::float8 / nullif(r.rows_seen, 0)",
    parcel="j.parcel_number",
    table="a.table_name",
    rule="a.rule_id",
)
_OTHERS_FAILED = _LINE.format(what="r.rows_failed", parcel="l.parcel_number", table="k.table_name", rule="k.rule_id")
_MOST_RULES = 500_000  # two thousand suites in four weeks: never reached, but without it the server expects millions, and sorts on its disk
_ASKED = f"""
WITH judged AS MATERIALIZED (
  SELECT parcel_number, practice_code, supplier_format, suite_sha256, seen, other_seen,
    row_number() OVER (PARTITION BY practice_code ORDER BY parcel_number DESC) AS back
  FROM ({JUDGED} AND (:practice_code = '' OR practice_code = :practice_code OR parcel_number >= :others_first)) AS j
), latest AS MATERIALIZED (SELECT * FROM judged WHERE back = 1
), asked AS MATERIALIZED (
  SELECT row_number() OVER () AS line, l.practice_code, l.supplier_format, r.table_name, r.rule_id, r.severity, r.rows_failed,
    r.rows_seen
  FROM latest AS l CROSS JOIN LATERAL (
    SELECT * FROM ledger.rule_result AS one WHERE one.parcel_number = l.parcel_number AND one.table_name <> 'parcel' OFFSET 0
  ) AS r
  WHERE (:practice_code = '' OR l.practice_code = :practice_code)
    AND r.rows_failed >= r.rows_seen * CAST(:least_share AS float8)
), books AS MATERIALIZED (
  SELECT suite_sha256, key AS table_name, rule_id FROM ledger.rule_book, jsonb_each(rules), jsonb_object_keys(value) AS rule_id
  WHERE suite_sha256 IN (SELECT suite_sha256 FROM judged) LIMIT {_MOST_RULES}
), by_suite AS MATERIALIZED (
  SELECT a.line, a.practice_code, a.table_name, a.rule_id, b.suite_sha256
  FROM asked AS a JOIN books AS b ON b.table_name = a.table_name AND b.rule_id = a.rule_id
), before AS (
  SELECT line, count(share) AS nights, percentile_cont(0.5) WITHIN GROUP (ORDER BY share) AS usual
  FROM (
    SELECT a.line, coalesce({_OWN_SHARE}, CASE WHEN {_OWN} > 0 THEN 0 END) AS share
    FROM judged AS j JOIN by_suite AS a ON a.practice_code = j.practice_code AND a.suite_sha256 = j.suite_sha256
    WHERE j.back BETWEEN 2 AND :trailing_nights + 1 OFFSET 0
  ) AS shares
  GROUP BY 1
), kinds AS MATERIALIZED (
  SELECT row_number() OVER () AS kind, * FROM (SELECT DISTINCT supplier_format, table_name, rule_id FROM asked) AS k
), others AS (
  SELECT kind, count(share) AS practices, percentile_cont(0.5) WITHIN GROUP (ORDER BY share) AS usual
  FROM (
    SELECT k.kind, coalesce({_OTHERS_FAILED}, 0)::float8 / {_OTHERS} AS share
    FROM kinds AS k
    JOIN books AS b ON b.table_name = k.table_name AND b.rule_id = k.rule_id
    JOIN latest AS l ON l.supplier_format = k.supplier_format AND l.suite_sha256 = b.suite_sha256 AND {_OTHERS} >= :least_rows
    OFFSET 0
  ) AS shares
  GROUP BY 1
)
SELECT a.practice_code, a.supplier_format, a.table_name, a.rule_id, a.severity, a.rows_failed, a.rows_seen,
  coalesce(before.nights, 0) AS nights, before.usual, coalesce(others.practices, 0) AS practices, others.usual AS of_supplier
FROM asked AS a LEFT JOIN before USING (line)
JOIN kinds USING (supplier_format, table_name, rule_id) LEFT JOIN others USING (kind)
WHERE NOT :only_more OR a.rows_failed::float8 / a.rows_seen >= CAST(:times AS float8) * least(before.usual, others.usual)
ORDER BY a.practice_code, a.table_name, a.rule_id
"""  # noqa: S608 (all of it is ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One rule in one practice's last parcel, against both. The medians are None where nothing is said."""

    practice_code: str
    supplier_format: str
    table: str
    rule: str
    severity: str
    rows: Counted
    against_itself: str
    usual: float | None
    against_supplier: str
    of_supplier: float | None


def drift_of_practice(
    connection: Connection, window: Window, thresholds: Thresholds, practice_code: str, *, others_since: datetime
) -> list[Drift]:
    """Every rule that something in the practice's last parcel broke; beside others whose last extract was taken since then."""
    first = first_number(others_since)
    return _asked(
        connection, window, thresholds, practice_code=practice_code, others_first=first, least_share=0, only_more=False
    )


def drift_upwards(connection: Connection, window: Window, thresholds: Thresholds) -> list[Drift]:
    """Of all practices, what is more than usual: only shares that are far enough from nothing can be."""
    far_enough = {"least_share": thresholds.at_least, "only_more": True}
    found = _asked(connection, window, thresholds, practice_code="", others_first=0, **far_enough)
    return [each for each in found if MORE in (each.against_itself, each.against_supplier)]


def _asked(connection: Connection, window: Window, thresholds: Thresholds, **asked: object) -> list[Drift]:
    numbers = {
        "trailing_nights": thresholds.trailing_nights,
        "least_rows": thresholds.least_rows,
        "times": thresholds.times,
    }
    with _planned(connection):
        found = window.ask(connection, _ASKED, **numbers, **asked)
    return [_compared(row, thresholds) for row in found]


@contextmanager
def _planned(connection: Connection) -> Iterator[None]:
    """For this question alone: planned so, the next one in the transaction would read whole tables for a few rows."""
    for setting, value in _PLANNED.items():
        connection.execute(text(f"SET LOCAL {setting} = {value}"))
    yield
    for setting in _PLANNED:
        connection.execute(text(f"SET LOCAL {setting} TO DEFAULT"))


def _compared(row: Row[tuple[object, ...]], thresholds: Thresholds) -> Drift:
    share = row.rows_failed / row.rows_seen
    few = row.rows_seen < thresholds.least_rows
    own = _says(share, row.usual, thresholds, few=few, else_few=row.nights < thresholds.least_nights, words=FEW_NIGHTS)
    others = _says(
        share,
        row.of_supplier,
        thresholds,
        few=few,
        else_few=row.practices < thresholds.least_practices,
        words=FEW_PRACTICES,
    )
    return Drift(
        practice_code=row.practice_code,
        supplier_format=row.supplier_format,
        table=row.table_name,
        rule=row.rule_id,
        severity=row.severity,
        rows=counted(row.table_name, row.rows_failed, row.rows_seen),
        against_itself=own,
        usual=row.usual if own in (MORE, LESS, USUAL) else None,
        against_supplier=others,
        of_supplier=row.of_supplier if others in (MORE, LESS, USUAL) else None,
    )


def _says(share: float, usual: float | None, thresholds: Thresholds, *, few: bool, else_few: bool, words: str) -> str:
    if few:
        return FEW_ROWS
    if else_few or usual is None:
        return words
    if abs(share - usual) < thresholds.at_least:
        return USUAL
    if share >= usual * thresholds.times:
        return MORE
    return LESS if share <= usual / thresholds.times else USUAL
