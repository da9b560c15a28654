"""The store as first made."""

from pathlib import Path

from alembic import context, op

revision = "0001"
down_revision = None

# Chosen when a store is made, and fixed for good: a loader then needs no right to make tables, a new practice costs
# nothing, and a query over all practices takes this many locks a table. One partition for each practice cost 200 ms a
# practice at 3,000 of them. Planning grows with them: one person's observations by a join, 15 ms for 16 and 25 for 32.
# Enough for some hundred million rows; a store of all England wants more.
PARTITIONS = 16
_TABLES = (
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral"),
    *("problem", "appointment", "staff_role", "organisation"),
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
    partitions = context.config.attributes.get("partitions") or PARTITIONS
    for table in _TABLES:
        for remainder in range(partitions):
            op.execute(
                f"CREATE TABLE records.{table}_{remainder:02d} PARTITION OF records.{table} "
                f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {remainder})"
            )
