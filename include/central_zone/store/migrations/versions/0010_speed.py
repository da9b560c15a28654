"""Rows that can replace an earlier word are marked and indexed, so that today's state is found without sorting a table.

Most records are said once, in the first parcel of their practice. Nothing can have come before them, and so they need no
index by record. Every later row may replace something: it is marked, and only marked rows are looked for. Today's state is
then each row that no marked row replaces, which a person's index answers for one person and a hash join for everybody.
"""

from alembic import op
from sqlalchemy import text

revision = "0010"
down_revision = "0009"

_OF_PATIENTS = (
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral"),
    *("problem", "appointment"),
)
_TABLES = (*_OF_PATIENTS, "staff_role", "organisation")
_CODED = ("encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral", "problem")
# EMIS keeps these in one table, and its tombstones do not say which it was. See the first version of the views.
_KINDS_OF_OBSERVATION = ("observation", "immunisation", "allergy")
_EXTEND_AN_OBSERVATION = ("problem", "referral")

_SAME_RECORD = (
    "may_replace AND {other}.practice_code = today.practice_code AND {other}.record_token = today.record_token"
)
# Where two rows of one record have the same rank, either will do, but only one: their place decides.
_NOT_REPLACED = f"""NOT EXISTS (SELECT FROM records.{{table}} AS later WHERE later.{_SAME_RECORD.format(other="later")}
    AND (later.parcel_number, later.is_deleted, later.ctid) > (today.parcel_number, today.is_deleted, today.ctid))"""
_NOT_OF_ANOTHER_KIND = f"""NOT EXISTS (SELECT FROM records.{{kind}} AS word WHERE word.{_SAME_RECORD.format(other="word")}
    AND (word.parcel_number, word.is_deleted) > (today.parcel_number, false))"""
_OBSERVATION_NOT_DELETED = f"""NOT EXISTS (SELECT FROM records.{{kind}} AS word WHERE word.{_SAME_RECORD.format(other="word")}
    AND word.is_deleted AND word.parcel_number >= today.parcel_number)"""
# The latest word on the registration, which may be on another row of it, is not "deleted".
_LATEST_OF_REGISTRATION = """NOT EXISTS (SELECT FROM records.patient AS later
    WHERE later.practice_code = {row}.practice_code AND later.registration_token = {row}.registration_token
      AND (later.parcel_number, later.is_deleted{place}) > ({row}.parcel_number, {row}.is_deleted{its_place}))"""
_IS_REGISTERED = f"""EXISTS (SELECT FROM records.patient AS registered
    WHERE registered.practice_code = today.practice_code AND registered.registration_token = today.registration_token
      AND NOT registered.is_deleted AND {_LATEST_OF_REGISTRATION.format(row="registered", place="", its_place="")})"""
_SERVES = "(SELECT erasure.may_serve())"


def upgrade() -> None:
    for table in _TABLES:
        # NULL takes no room in a row: what is loaded once and for all is as small as it was.
        op.execute(f"ALTER TABLE records.{table} ADD COLUMN may_replace BOOLEAN DEFAULT true")
        op.execute(
            f"CREATE INDEX {table}_that_may_replace ON records.{table} (practice_code, record_token) WHERE may_replace"
        )
    for table in _TABLES:
        _replace_view(f"current_{table}", f"records.{table}", _conditions(table))
    last = _LATEST_OF_REGISTRATION.format(row="today", place=", later.ctid", its_place=", today.ctid")
    _replace_view("current_registration", "records.patient", [last])
    for table in _CODED:
        op.execute(f"CREATE INDEX {table}_of_one_code ON records.{table} (snomed_concept_id)")


def _conditions(table: str) -> list[str]:
    conditions = [_NOT_REPLACED.format(table=table)]
    if table in _OF_PATIENTS:
        conditions.append(_IS_REGISTERED)
    if table in _KINDS_OF_OBSERVATION:
        conditions += [_NOT_OF_ANOTHER_KIND.format(kind=kind) for kind in _KINDS_OF_OBSERVATION if kind != table]
    if table in _EXTEND_AN_OBSERVATION:
        conditions += [_OBSERVATION_NOT_DELETED.format(kind=kind) for kind in _KINDS_OF_OBSERVATION]
    return conditions


def _replace_view(view: str, table: str, conditions: list[str]) -> None:
    """With the columns and the options that it has; who may read it stays."""
    bind = op.get_bind()
    columns = bind.scalars(
        text("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = CAST(:view AS regclass) AND attnum > 0"
             " ORDER BY attnum"),
        {"view": f"records.{view}"},
    ).all()  # fmt: skip
    options = bind.scalar(
        text("SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = CAST(:view AS regclass)"),
        {"view": f"records.{view}"},
    )
    named = ", ".join(f"today.{column}" for column in columns)
    where = " AND ".join(["NOT today.is_deleted", *conditions, _SERVES])
    with_options = f" WITH ({options})" if options else ""
    shown = f"SELECT {named} FROM {table} AS today WHERE {where}"  # noqa: S608 (all of it is ours)
    op.execute(f"CREATE OR REPLACE VIEW records.{view}{with_options} AS {shown}")
