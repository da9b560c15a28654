"""Erasure: marks, counts, and views that a restored copy does not serve."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

_VIEWS = (
    *("registration", "patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication"),
    *("referral", "problem", "appointment", "staff_role", "organisation"),
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
    for view in _VIEWS:
        name = f"records.current_{view}"
        (definition,) = op.get_bind().exec_driver_sql(f"SELECT pg_get_viewdef('{name}'::regclass)").one()
        # A scalar sub-query: it is asked once for each query, and never for a row.
        today = f"SELECT * FROM ({definition.rstrip().rstrip(';')}) AS today"  # noqa: S608 (all of it is ours)
        op.execute(f"CREATE OR REPLACE VIEW {name} AS {today} WHERE (SELECT erasure.may_serve())")
