"""Rows that wait are counted by practice, table and rule: the index has them in that order, and one practice's together."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("DROP INDEX quarantine.rows_that_wait")
    op.execute("""
    CREATE INDEX rows_that_wait ON quarantine.row (practice_code, table_name, rule_id, parcel_number) WHERE decision_number IS NULL
    """)
