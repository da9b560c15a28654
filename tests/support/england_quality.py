"""Two weeks of England's nights of validation, written by SQL: thousands of practices, each parcel with its rows and its breaches."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from support.quality_nights import FIRST_NIGHT

TABLES = ("observation", "medication", "encounter", "problem", "referral", "immunisation", "patient")
RULES = (
    "dated_in_future",
    "placeholder_date",
    "snomed_concept_shape",
    "before_birth",
    "unit_unknown",
    "number_too_large",
)
BOOK = {table: dict.fromkeys(RULES, "drop_row") for table in TABLES}
# What a parcel's judgement weighs beside what is asked here: its profile, which later nights are compared with.
_PROFILE = {f"kind_{number}": number * 1_001 for number in range(250)}
_PARCELS = """
INSERT INTO ledger.parcel (parcel_number, parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id,
  extract_taken_at, supplier_format, synthetic, state, received_at, loaded_at, manifest, validation)
SELECT ledger.number_by_time(at, nextval('ledger.arrival')), gen_random_uuid(), 'gpdpr', 'X' || lpad(n::text, 5, '0'), night + 1,
  'm' || n || '-' || night, 'e', at, (ARRAY['emis_csv', 'tpp_csv', 'medicus_csv'])[n %% 3 + 1], true, 'loaded', at, at, '{}',
  %(profile)s::jsonb || jsonb_build_object('suite_sha256', 'first', 'rows_of_records_seen', 3100,
    'rows_seen_by_rule', '{}'::jsonb, 'rows_seen', jsonb_build_object('observation', 1200 + n %% 700, 'medication', 800,
      'encounter', 600, 'problem', 90, 'referral', 40, 'immunisation', 60, 'patient', 20, 'parcel', 1))
FROM generate_series(0, %(practices)s - 1) AS n, generate_series(0, %(nights)s - 1) AS night,
  LATERAL (SELECT %(first)s::timestamptz + night * interval '1 day' + n * interval '1 second' AS at) AS taken
"""
# Seven breaches a parcel, one or two of them of more than one row in a hundred; at one practice in fifty many more on the last night.
_RESULTS = """
INSERT INTO ledger.rule_result (parcel_number, table_name, rule_id, severity, rows_failed, rows_seen)
SELECT parcel_number, table_name, rule_id, 'drop_row',
  greatest(1, (rows_seen * CASE WHEN sequence = %(nights)s AND n %% 50 = 0 THEN 0.2 ELSE (rule_number + n %% 5) * 0.0015 END)::bigint),
  rows_seen
FROM (
  SELECT parcel_number, sequence, right(practice_code, 5)::int AS n, (validation -> 'rows_seen' ->> table_name)::bigint AS rows_seen,
    table_name, rule_id, rule_number
  FROM ledger.parcel, LATERAL (VALUES ('observation', 'dated_in_future', 1), ('observation', 'placeholder_date', 5),
    ('observation', 'before_birth', 0), ('medication', 'number_too_large', 2), ('medication', 'snomed_concept_shape', 3),
    ('encounter', 'before_birth', 1), ('problem', 'dated_in_future', 4)) AS broken (table_name, rule_id, rule_number)
) AS lines
"""


@dataclass(frozen=True, slots=True)
class EnglandsQuality:
    """Practice `n` is X00000 + n."""

    practices: int = 6_300
    nights: int = 14

    @property
    def morning(self) -> datetime:
        """After the last of them."""
        return FIRST_NIGHT + timedelta(days=self.nights - 1, hours=6)

    def fill(self, url: str) -> None:
        how = {
            "practices": self.practices,
            "nights": self.nights,
            "first": FIRST_NIGHT,
            "profile": json.dumps({"profile": _PROFILE}),
        }
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO ledger.rule_book VALUES ('first', %s)", [json.dumps(BOOK)])
            connection.execute(_PARCELS, how)
            connection.execute(_RESULTS, how)
            connection.execute("ANALYZE ledger.parcel")
            connection.execute("ANALYZE ledger.rule_result")
