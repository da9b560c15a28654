"""What the store keeps of validation: each parcel's results by rule, the rules they are of, and what stewards decided on rows."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Computed, DateTime, Identity, Index, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB

from central_zone.store.metadata import PRACTICE, metadata

RELEASED, DISCARDED = "released", "discarded"
OUTCOMES = (RELEASED, DISCARDED)


def of_validation() -> list[Column[Any]]:
    """Of a parcel's `validation`, what pages ask of thousands of parcels at once. The server keeps these columns itself."""
    return [
        Column("suite_sha256", Text, Computed("validation ->> 'suite_sha256'", persisted=True)),
        Column("rows_seen", JSONB, Computed("validation -> 'rows_seen'", persisted=True)),
        Column("rows_seen_by_rule", JSONB, Computed("validation -> 'rows_seen_by_rule'", persisted=True)),
        Column(
            "rows_of_records_seen",
            BigInteger,
            Computed("(validation ->> 'rows_of_records_seen')::bigint", persisted=True),
        ),
    ]


# A line for each rule that something of a parcel broke. A rule of the parcel's rule book without a line was broken by nothing.
rule_result = Table(
    "rule_result",
    metadata,
    Column("parcel_number", BigInteger, primary_key=True, autoincrement=False),
    Column("table_name", Text, primary_key=True),
    Column("rule_id", Text, primary_key=True),
    Column("severity", Text, nullable=False),
    Column("rows_failed", BigInteger, nullable=False),
    Column("rows_seen", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    schema="ledger",
)

# Once for each version of policy/expectations that judged a parcel: so that "broken by nothing" differs from "not asked yet".
rule_book = Table(
    "rule_book",
    metadata,
    Column("suite_sha256", Text, primary_key=True),
    Column("rules", JSONB, nullable=False),  # table -> rule -> severity
    Column("first_used_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    schema="ledger",
)

quarantined_row = Table(
    "row",
    metadata,
    Column("parcel_number", BigInteger, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("record_token", Uuid, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("practice_code", PRACTICE),
    Column("registration_token", Uuid),  # whose row it was, in tables about patients: to erase it with the person
    Column("decision_number", BigInteger),  # by which a steward discarded it; NULL while nobody decided
    schema="quarantine",
)
Index("row_of_one_registration", quarantined_row.c.practice_code, quarantined_row.c.registration_token)
Index("row_of_a_parcel", quarantined_row.c.parcel_number)
Index(
    "rows_that_wait",
    quarantined_row.c.practice_code,
    quarantined_row.c.table_name,
    quarantined_row.c.rule_id,
    quarantined_row.c.parcel_number,
    postgresql_where=quarantined_row.c.decision_number.is_(None),
)

decision = Table(
    "decision",
    metadata,
    Column("decision_number", BigInteger, Identity(always=True), primary_key=True),
    Column("parcel_number", BigInteger, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("rule_ids", JSONB, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("audit_hash", Text, nullable=False),
    CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome_is_known"),
    schema="quarantine",
)
Index("decisions_on_a_parcel", decision.c.parcel_number)

# Rows of records that were known later than the parcel they came in: for the tables as they were.
released_row = Table(
    "released_row",
    metadata,
    Column("parcel_number", BigInteger, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("record_token", Uuid, nullable=False),
    Column("practice_code", PRACTICE, nullable=False),
    Column("registration_token", Uuid),  # whose it is, in tables about patients: to erase it with the person
    Column("released_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    schema="quarantine",
)
Index("released_row_of_a_parcel", released_row.c.parcel_number, released_row.c.record_token)
