"""Pages look at every parcel of some weeks, and at every row that waits: what they ask for stands where it is read quickly.

A column that is made of another is written by the server itself. Adding them writes the ledger's parcels anew, once.
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE ledger.parcel
      ADD COLUMN suite_sha256 text GENERATED ALWAYS AS (validation ->> 'suite_sha256') STORED,
      ADD COLUMN rows_seen jsonb GENERATED ALWAYS AS (validation -> 'rows_seen') STORED,
      ADD COLUMN rows_seen_by_rule jsonb GENERATED ALWAYS AS (validation -> 'rows_seen_by_rule') STORED,
      ADD COLUMN rows_of_records_seen bigint GENERATED ALWAYS AS ((validation ->> 'rows_of_records_seen')::bigint) STORED
    """)
    op.execute("""
    CREATE INDEX rows_that_wait ON quarantine.row (parcel_number, table_name, rule_id) WHERE decision_number IS NULL
    """)
