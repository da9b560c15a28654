"""What the store keeps of a change of token key: whose tokens are of which key, and pairs of tokens until the old key retires."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Integer, Table, Text, Uuid, func

from central_zone.store.metadata import PRACTICE, metadata
from crossing.canonical import PERSON, REGISTRATION_ID

KEPT = (REGISTRATION_ID, PERSON)  # whom notices and sealed parcels under an older key may still name

# Token of an older key -> the one that stands in the store for the same registration or person today. Both are T2.
pair = Table(
    "pair",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("old_token", Uuid, primary_key=True),
    Column("new_token", Uuid, nullable=False),
    Column("token_key", Text, nullable=False),  # the key the old token is of
    Column("stands_for", Text, nullable=False),
    CheckConstraint(f"stands_for IN {KEPT}", name="stands_for_is_known"),
    schema="rotation",
)
Index("pairs_that_lead_to", pair.c.new_token)

retired = Table(
    "retired",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("token_key", Text, primary_key=True),
    Column("practices", Integer, nullable=False),
    Column("pairs", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("audit_hash", Text, nullable=False),
    schema="rotation",
)

practice_key = Table(
    "practice_key",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("practice_code", PRACTICE, primary_key=True),
    Column("token_key", Text, nullable=False),
    Column("since_sequence", Integer, nullable=False),
    schema="rotation",
)
