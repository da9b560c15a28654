"""Each practice over a window: its parcels, and how often its rows broke a rule."""

from dataclasses import dataclass

from sqlalchemy import Connection

from central_zone.quality.shares import share_in_words
from central_zone.quality.window import JUDGED, Window

# A row that broke two rules is counted under both: this counts breaches. Rows about people themselves are left out of the counts,
# which are of rows, so that none is small and of people; that one of their rules was broken is counted among the rules.
_ASKED = f"""
WITH judged AS ({JUDGED}), rows AS (
  SELECT practice_code, max(supplier_format) AS supplier_format, count(*) AS parcels, count(*) FILTER (WHERE state = 'held') AS held,
    sum(rows_of_records)::bigint AS seen
  FROM judged GROUP BY 1
), by_rule AS (
  SELECT j.practice_code, r.table_name, r.rule_id, r.severity, sum(r.rows_failed)::bigint AS failed
  FROM ledger.rule_result AS r JOIN judged AS j USING (parcel_number) WHERE r.parcel_number >= :first GROUP BY 1, 2, 3, 4
), breaches AS (
  SELECT practice_code, count(*) AS rules,
    sum(failed) FILTER (WHERE severity = 'drop_row' AND table_name <> 'patient')::bigint AS kept_out,
    sum(failed) FILTER (WHERE severity = 'warn' AND table_name <> 'patient')::bigint AS warned
  FROM by_rule GROUP BY 1
)
SELECT practice_code, supplier_format, parcels, held, seen, coalesce(rules, 0) AS rules, coalesce(kept_out, 0) AS kept_out,
  coalesce(warned, 0) AS warned
FROM rows LEFT JOIN breaches USING (practice_code)
ORDER BY held DESC, coalesce(kept_out, 0)::float8 / greatest(seen, 1) DESC, practice_code
"""  # noqa: S608 (all of it is ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeLine:
    """Counts of parcels, rows and breaches; none of people."""

    practice_code: str
    supplier_format: str
    parcels: int
    held: int
    seen: int
    rules: int
    kept_out: int
    warned: int

    @property
    def share_in_words(self) -> str:
        return share_in_words(self.kept_out / self.seen) if self.seen else "none seen"


def by_practice(connection: Connection, window: Window) -> list[PracticeLine]:
    """Whoever has parcels held first, then by the share of breaches that kept a row out."""
    return [PracticeLine(**row._mapping) for row in window.ask(connection, _ASKED)]
