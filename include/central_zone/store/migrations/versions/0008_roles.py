"""Rows are guarded, views show nobody more than their tables do, functions are nobody's, and analysts are known by login."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

_GUARDED = """
SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('records', 'quarantine', 'release', 'custody', 'erasure', 'rotation') AND c.relkind IN ('r', 'p')
  AND c.oid NOT IN ('erasure.serving'::regclass, 'erasure.applied_up_to'::regclass)  -- nobody stands in them
ORDER BY 1
"""
_VIEWS = (
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'records'::regnamespace AND relkind = 'v' ORDER BY 1"
)


def upgrade() -> None:
    """Until `gp-central store init` has given its rights, nobody but a superuser sees a row. That is meant."""
    op.execute(Path(__file__).with_suffix(".sql").read_text())
    connection = op.get_bind()
    guarded = connection.exec_driver_sql(_GUARDED).scalars().all()
    op.execute(";".join(f"ALTER TABLE {each} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY" for each in guarded))
    views = connection.exec_driver_sql(_VIEWS).scalars().all()
    op.execute(";".join(f"ALTER VIEW {each} SET (security_invoker = true, security_barrier = true)" for each in views))
