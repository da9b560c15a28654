"""The tables of the store. The canonical ones follow crossing.canonical, so a column cannot exist on one side only."""

from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

from central_zone.store import (  # noqa: F401  (their tables are registered with these)
    custody_tables,
    lineage_tables,
    quality_tables,
    release_tables,
    report_tables,
    rotation_tables,
)
from central_zone.store.metadata import PRACTICE, metadata
from crossing import canonical
from crossing.canonical import Kind
from crossing.manifest_fields import IN_SEQUENCE

MAY_REPLACE = "may_replace"
STATES = ("received", "validated", "waiting", "held", "approved", "loaded", "compared", "refused")

_BY_KIND: dict[Kind, TypeEngine[Any]] = {
    Kind.TOKEN: Uuid(),
    Kind.CODE: Text(),
    Kind.CLOSED: Text(),
    Kind.DATE: Date(),
    Kind.INSTANT: TIMESTAMP(),
    Kind.FLAG: Boolean(),
}
_BY_NUMBER: dict[pa.DataType, TypeEngine[Any]] = {
    pa.float64(): Double(),
    pa.int16(): SmallInteger(),
    pa.int32(): Integer(),
}

_BRIN: dict[str, Any] = {"postgresql_using": "brin", "postgresql_with": {"autosummarize": "on"}}


def _column(column: canonical.Column) -> Column[Any]:
    type_: TypeEngine[Any] = _BY_NUMBER[column.type] if column.kind == Kind.NUMBER else _BY_KIND[column.kind]
    return Column(column.name, type_, nullable=not column.required)


def _records(table: str) -> Table:
    """One canonical table: its columns, whose practice, and which parcel brought this version of the row."""
    made = Table(
        table,
        metadata,
        *(_column(column) for column in canonical.TABLES[table]),
        Column("practice_code", PRACTICE, nullable=False),
        Column("parcel_number", BigInteger, nullable=False),
        Column(MAY_REPLACE, Boolean, server_default=text("true")),  # NULL, no room: nothing came before
        schema="records",
        postgresql_partition_by="HASH (practice_code)",
    )
    if canonical.has_patient(table):
        Index(f"{table}_of_one_registration", made.c.practice_code, made.c.registration_token)
    if table == "patient":
        Index("patient_of_one_person", made.c.patient_token)
    if "snomed_concept_id" in made.c:
        Index(f"{table}_of_one_code", made.c.snomed_concept_id)
    Index(f"{table}_that_may_replace", made.c.practice_code, made.c.record_token, postgresql_where=made.c[MAY_REPLACE])
    # Costs next to nothing a row, and finds the rows of one parcel to count them.
    Index(f"{table}_of_a_parcel", made.c.parcel_number, **_BRIN)
    return made


RECORDS: dict[str, Table] = {table: _records(table) for table in canonical.TABLES}

parcel = Table(
    "parcel",
    metadata,
    # When the extract was taken, then order of arrival: see ledger.enter. Versions of a record rank by it.
    Column("parcel_number", BigInteger, unique=True, nullable=False, autoincrement=False),
    Column("parcel_id", Uuid, primary_key=True),
    Column("collection", Text, nullable=False),
    Column("practice_code", PRACTICE, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("manifest_sha256", Text, nullable=False, unique=True),
    Column("extract_id", Text, nullable=False),
    Column("extract_taken_at", DateTime(timezone=True), nullable=False),
    Column("extract_kind", Text, nullable=False, server_default="delta"),
    Column("supplier_format", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("validated_at", DateTime(timezone=True)),
    Column("decided_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("loaded_at", DateTime(timezone=True)),
    Column("rows_loaded", JSONB, nullable=False, server_default=text("'{}'")),  # table -> rows
    Column("rows_quarantined", JSONB, nullable=False, server_default=text("'{}'")),  # table -> rule -> rows
    Column("rows_erased", JSONB, nullable=False, server_default=text("'{}'")),  # table -> rows of people who opted out
    Column("rows_released", JSONB, nullable=False, server_default=text("'{}'")),  # from quarantine since: table -> rows
    Column("rows_discarded", JSONB, nullable=False, server_default=text("'{}'")),  # of those that stay in quarantine
    Column("validation", JSONB, nullable=False, server_default=text("'{}'")),
    # Of `validation`, what pages ask of thousands of parcels at once. The server keeps them.
    Column("suite_sha256", Text, Computed("validation ->> 'suite_sha256'", persisted=True)),
    Column("rows_seen", JSONB, Computed("validation -> 'rows_seen'", persisted=True)),
    Column("rows_seen_by_rule", JSONB, Computed("validation -> 'rows_seen_by_rule'", persisted=True)),
    Column(
        "rows_of_records_seen", BigInteger, Computed("(validation ->> 'rows_of_records_seen')::bigint", persisted=True)
    ),
    Column("seconds", JSONB, nullable=False, server_default=text("'{}'")),  # step -> seconds it took
    Column("rows_counted", JSONB),  # of tables whose rows in the store are not those sent: what was counted
    Column("counted_at", DateTime(timezone=True)),
    Column("audit_hash", Text),  # the audit chain's head when this parcel was settled
    Column("manifest", JSONB, nullable=False),
    CheckConstraint(f"state IN {STATES}", name="state_is_known"),
    CheckConstraint(f"extract_kind IN {IN_SEQUENCE}", name="kind_is_known"),
    schema="ledger",
)
# A place in a practice's sequence is filled once. A refused parcel leaves its place open for the one that mends it.
Index(
    "one_parcel_a_place",
    parcel.c.collection,
    parcel.c.practice_code,
    parcel.c.sequence,
    unique=True,
    postgresql_where=parcel.c.state != "refused",
)
Index("parcels_not_settled", parcel.c.collection, parcel.c.state, postgresql_where=parcel.c.state.in_(STATES[:5]))
Index("parcels_of_a_practice", parcel.c.collection, parcel.c.practice_code, parcel.c.sequence)
Index("parcels_by_arrival", parcel.c.collection, parcel.c.received_at)
Index(
    "not_counted_yet",
    parcel.c.collection,
    postgresql_where=and_(parcel.c.state == "loaded", parcel.c.counted_at.is_(None)),
)

# Places of a practice's sequence that a steward gave up: their parcels never came, and later ones go on.
skipped_place = Table(
    "skipped_place",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("practice_code", PRACTICE, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("audit_hash", Text, nullable=False),
    schema="ledger",
)

# What a recon or snapshot extract of a practice and the store have of each other: records that are live today.
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("parcel_number", BigInteger, primary_key=True, autoincrement=False),
    Column("table_name", Text, primary_key=True),
    Column("in_extract", BigInteger, nullable=False),
    Column("in_store", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),  # the extract has them, the store has not
    Column("differs", BigInteger, nullable=False),  # both have them, in different words
    Column("surplus", BigInteger, nullable=False),  # the store has them, the extract has not
    Column("of_absent", BigInteger, nullable=False),  # of those, records of registrations the extract does not name
    Column("is_in_extract", Boolean, nullable=False),  # the extract had rows of this table, sent or held back
    schema="ledger",
)

# What practices said of people, rather than records: who is to be erased, who may be used. Counts only.
notice = Table(
    "notice",
    metadata,
    Column("parcel_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("practice_code", PRACTICE, nullable=False),
    Column("sequence", Integer, nullable=False),  # of its kind
    Column("manifest_sha256", Text, nullable=False, unique=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("not_after", DateTime(timezone=True), nullable=False),
    Column("people", Integer, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("applied_at", DateTime(timezone=True)),
    Column("outcome", JSONB, nullable=False, server_default=text("'{}'")),
    Column("audit_hash", Text),
    Column("manifest", JSONB, nullable=False),
    CheckConstraint(f"kind IN {tuple(canonical.NOTICES)}", name="kind_is_known"),
    UniqueConstraint("collection", "practice_code", "kind", "sequence", name="one_notice_a_place"),
    schema="ledger",
)

refusal = Table(
    "refusal",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("folder_name", Text, nullable=False),
    Column("folder_fingerprint", Text),  # so that the same broken folder is not tried every night
    Column("error", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    schema="ledger",
)
Index("refusal_of_a_folder", refusal.c.folder_name)

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
    quarantined_row.c.parcel_number,
    quarantined_row.c.table_name,
    quarantined_row.c.rule_id,
    postgresql_where=quarantined_row.c.decision_number.is_(None),
)

audit_entry = Table(
    "entry",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("event", JSONB, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("written_by", Text),  # the database user who was logged in; NULL in entries from before it was kept
    schema="audit",
)
checkpoint_given = Table(
    "checkpoint_given",
    metadata,
    Column("once", Boolean, primary_key=True, server_default=text("true")),
    schema="audit",
)
Index("restores", audit_entry.c.seq, postgresql_where=audit_entry.c.event.has_key("restored_from"))
