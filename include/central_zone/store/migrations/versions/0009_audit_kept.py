"""The audit chain is kept by the database too: only the next entry can be added, and nothing that is there changes."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
