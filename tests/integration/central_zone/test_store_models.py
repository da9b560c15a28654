"""The models and the migrated store are the same, to the last check, default and index; and each column has its meaning."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from central_zone.store import erasure_tables  # noqa: F401  (its tables are registered)
from central_zone.store.connection import store_of
from central_zone.store.gdppr import columns as gdppr_columns
from central_zone.store.gdppr import view
from central_zone.store.meanings import TABLE, meanings
from central_zone.store.tables import metadata

SCHEMAS = sorted({str(table.schema) for table in metadata.tables.values()})
OURS = """
SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind::text AS kind, pg_get_partkeydef(c.oid) AS partitioned
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'alembic_version'
"""
# Whatever PostgreSQL knows of a table, in its own words: so that two ways of writing the same thing do not differ.
FACTS = {
    "tables": "SELECT name, kind, partitioned FROM ours",
    "columns": """
        SELECT ours.name || '.' || a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
          a.attidentity::text AS identity, pg_get_expr(d.adbin, d.adrelid) AS fallback,
          CASE WHEN a.attcollation <> 0 THEN a.attcollation::regcollation::text END AS collation,
          col_description(ours.oid, a.attnum) AS meaning
        FROM ours JOIN pg_attribute AS a ON a.attrelid = ours.oid LEFT JOIN pg_attrdef AS d ON d.adrelid = ours.oid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT ours.name || ' ' || c.conname AS name, pg_get_constraintdef(c.oid) AS means
        FROM ours JOIN pg_constraint AS c ON c.conrelid = ours.oid WHERE c.contype <> 'n'""",
    "indexes": """
        SELECT ours.name || ' ' || i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS means
        FROM ours JOIN pg_index AS i ON i.indrelid = ours.oid""",
    "meanings": "SELECT name, obj_description(oid) AS means FROM ours",
}


def facts(connection: Connection) -> dict[str, dict[str, tuple[Any, ...]]]:
    found = {}
    for kind, sql in FACTS.items():
        rows = connection.execute(text(f"WITH ours AS ({OURS}) {sql}"), {"schemas": SCHEMAS})
        found[kind] = {row[0]: tuple(row[1:]) for row in rows}
    return found


def differing(expected: dict[str, Any], found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By kind and name, what the models say and what the store has."""
    return {
        kind: {
            name: (expected[kind].get(name), found[kind].get(name))
            for name in sorted(expected[kind].keys() | found[kind].keys())
            if expected[kind].get(name) != found[kind].get(name)
        }
        for kind in FACTS
        if expected[kind] != found[kind]
    }


@pytest.fixture(scope="module")
def models(postgres: Any) -> dict[str, Any]:
    """The same facts of a database that was made of the models alone."""
    with store_of(postgres.an_empty_database()) as bare, bare.begin() as connection:
        for schema in SCHEMAS:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        metadata.create_all(connection)
        return facts(connection)


@pytest.fixture(scope="module")
def store(postgres: Any) -> Iterator[Connection]:
    with store_of(postgres.a_store()) as migrated, migrated.connect() as connection:
        yield connection


def test_the_store_is_what_the_models_say_it_is(store, models):
    assert differing(models, facts(store)) == {}, "Write a migration, or correct the model."


@pytest.mark.parametrize(
    ("spoilt", "kind"),
    [
        ("ALTER TABLE ledger.parcel DROP CONSTRAINT state_is_known", "constraints"),
        (
            "ALTER TABLE ledger.parcel DROP CONSTRAINT state_is_known, ADD CONSTRAINT state_is_known CHECK (true)",
            "constraints",
        ),
        ("DROP INDEX ledger.one_parcel_a_place", "indexes"),
        ("CREATE INDEX another ON ledger.parcel (state)", "indexes"),
        ("ALTER TABLE records.patient ADD COLUMN name TEXT", "columns"),
        ("ALTER TABLE records.patient ALTER COLUMN sex SET NOT NULL", "columns"),
        ("ALTER TABLE ledger.notice ALTER COLUMN outcome DROP DEFAULT", "columns"),
        ("ALTER TABLE ledger.notice ALTER COLUMN kind TYPE varchar(20)", "columns"),
        ("CREATE TABLE release.unknown (id INTEGER)", "tables"),
        ("COMMENT ON TABLE audit.entry IS 'Otherwise.'", "meanings"),
        ("COMMENT ON COLUMN records.patient.sex IS NULL", "columns"),
    ],
)
def test_and_any_difference_would_be_seen(store, models, spoilt, kind):
    store.rollback()
    store.execute(text(spoilt))
    assert kind in differing(models, facts(store))
    store.rollback()


def test_every_table_and_column_of_the_store_has_a_meaning_in_the_store(store):
    found = facts(store)
    without = [name for name, (means,) in found["meanings"].items() if not means]
    without += [name for name, fact in found["columns"].items() if not fact[-1]]
    assert without == [], "Say what it means in include/central_zone/store/meanings.toml."


def test_no_meaning_is_left_over():
    columns = {
        f"{table.schema}.{table.name}": {column.name for column in table.c} for table in metadata.tables.values()
    }
    shared = {name: said for name, said in meanings().items() if name.endswith(".*")}
    of_schema = {
        name: set().union(*(columns[each] for each in columns if each.startswith(name[:-1]))) for name in shared
    }
    left_over = {
        name: sorted(said.keys() - {TABLE} - {**columns, **of_schema}.get(name, set()))
        for name, said in meanings().items()
    }
    assert {name: those for name, those in left_over.items() if those} == {}
    assert meanings().keys() - shared.keys() == columns.keys()


def test_every_column_of_the_gdppr_layout_is_told_in_its_order(store):
    assert tuple(gdppr_columns.columns()) == view.columns()
    assert all(each.keys() == {"there", "here", "differs"} for each in gdppr_columns.columns().values())
    said = store.execute(
        text(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute "
            "WHERE attrelid = 'records.gdppr'::regclass AND attnum > 0 ORDER BY attnum"
        )
    ).all()
    assert [name for name, _ in said] == [name.lower() for name in view.columns()]
    assert all(meaning for _, meaning in said)
