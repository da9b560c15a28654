"""Two weeks of England's nights of validation, written by SQL: thousands of practices, each parcel with its rows and its breaches."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
_JUDGEMENT = """%(profile)s::jsonb || jsonb_build_object('suite_sha256', 'first', 'rows_of_records_seen', 3100,
    'rows_seen_by_rule', '{{}}'::jsonb, 'rows_seen', jsonb_build_object('observation', 1200 + {n} %% 700, 'medication', 800,
      'encounter', 600, 'problem', 90, 'referral', 40, 'immunisation', 60, 'patient', 20, 'parcel', 1))"""
_PARCELS = f"""
INSERT INTO ledger.parcel (parcel_number, parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id,
  extract_taken_at, supplier_format, synthetic, state, received_at, loaded_at, manifest, validation)
SELECT ledger.number_by_time(at, nextval('ledger.arrival')), gen_random_uuid(), 'gpdpr', 'X' || lpad(n::text, 5, '0'), night + 1,
  'm' || n || '-' || night, 'e', at, (ARRAY['emis_csv', 'tpp_csv', 'medicus_csv'])[n %% 3 + 1], true, 'loaded', at, at, '{{}}',
  {_JUDGEMENT.format(n="n")}
FROM generate_series(0, %(practices)s - 1) AS n, generate_series(0, %(nights)s - 1) AS night,
  LATERAL (SELECT %(first)s::timestamptz + night * interval '1 day' + n * interval '1 second' AS at) AS taken
"""
_PARCELS_THERE = f"""
UPDATE ledger.parcel SET validation = {_JUDGEMENT.format(n="right(practice_code, 5)::int")} WHERE state IN ('loaded', 'held')
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
  FROM ledger.parcel CROSS JOIN LATERAL (VALUES ('observation', 'dated_in_future', 1), ('observation', 'placeholder_date', 5),
    ('observation', 'before_birth', 0), ('medication', 'number_too_large', 2), ('medication', 'snomed_concept_shape', 3),
    ('encounter', 'before_birth', 1), ('problem', 'dated_in_future', 4)) AS broken (table_name, rule_id, rule_number)
  WHERE rows_seen IS NOT NULL
) AS lines
"""
# Of what was kept out, up to three rows of each parcel and rule wait still: at a third of the practices one, at another two.
_WAITING = """
INSERT INTO quarantine.row (parcel_number, table_name, record_token, rule_id, practice_code, registration_token)
SELECT parcel_number, table_name, gen_random_uuid(), rule_id, practice_code, gen_random_uuid()
FROM ledger.rule_result JOIN ledger.parcel USING (parcel_number),
  generate_series(1, least(rows_failed, 1 + right(practice_code, 5)::int % 3))
"""
# Those of one parcel a steward discarded.
_DISCARDED = """
WITH said AS (
  INSERT INTO quarantine.decision (parcel_number, table_name, rule_ids, outcome, rows, decided_by, reason, audit_hash)
  SELECT parcel_number, 'observation', '["before_birth", "dated_in_future"]', 'discarded', 4, 'A. Steward',
    'They are entries of a test.', 'none'
  FROM ledger.parcel WHERE practice_code = 'X00001' AND sequence = 1 RETURNING decision_number, parcel_number
)
UPDATE quarantine.row SET decision_number = said.decision_number FROM said
WHERE row.parcel_number = said.parcel_number AND table_name = 'observation' AND rule_id IN ('before_birth', 'dated_in_future')
"""
# And a parcel is held, if there are too few practices for one to be.
_HELD = """
UPDATE ledger.parcel SET state = 'held', state_reason = 'Too many rows broke a rule.'
WHERE practice_code = 'X00002' AND sequence = (SELECT max(sequence) FROM ledger.parcel)
"""
_INDEXES = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"


@contextmanager
def _without_indexes(connection: psycopg.Connection, table: str) -> Iterator[None]:
    """Which are made anew from all rows at once, in a fifth of the time."""
    indexes = connection.execute(_INDEXES, [table]).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, made in indexes:
        connection.execute(made)


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
        how = {"practices": self.practices, "first": FIRST_NIGHT}
        _judge(url, _PARCELS, nights=self.nights, **how)


def judge_what_is_there(url: str, nights: int) -> None:
    """The same of parcels that are in the ledger already: of the last of these nights some practices' are worse."""
    _judge(url, _PARCELS_THERE, nights=nights)
    with psycopg.connect(url) as connection:
        connection.execute(_DISCARDED)
        connection.execute(_HELD)


def _judge(url: str, parcels: str, **how: object) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO ledger.rule_book VALUES ('first', %s)", [json.dumps(BOOK)])
        connection.execute(parcels, {**how, "profile": json.dumps({"profile": _PROFILE})})
        connection.execute("ANALYZE ledger.parcel")
        connection.execute(_RESULTS, how)
        with _without_indexes(connection, "quarantine.row"):
            connection.execute(_WAITING)
    with psycopg.connect(url, autocommit=True) as connection:  # as a store does by itself
        connection.execute("VACUUM ANALYZE ledger.parcel, ledger.rule_result, quarantine.row")
