"""The store remembers that a checkpoint was given, so that a journal of them that is taken away is missed."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute(
        """CREATE TABLE audit.checkpoint_given (
  once BOOLEAN DEFAULT true NOT NULL, CONSTRAINT checkpoint_given_pkey PRIMARY KEY (once)
)"""
    )
