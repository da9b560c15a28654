"""PostgreSQL quotes the value it refuses: in the message, its detail and its context. None of it is told, here or there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import Connection, text

from central_zone import load_parcel
from central_zone.load import copy_rows
from central_zone.store.connection import store_of, transaction
from crossing.errors import PersonMustAct
from support.parcels import observations, patients
from support.postgres import Postgres, psycopg_url
from support.told import Told, told_by

VALUE = "Zebrowska9990000018"
CODE = "44054006"
# A table that refuses in every way, made for the one transaction that fails.
_TABLE = """CREATE TEMPORARY TABLE refusing (
    id text PRIMARY KEY, word text CHECK (word <> :value), short varchar(5), needed text NOT NULL DEFAULT '',
    whose text REFERENCES pg_temp.known (name), number smallint, day date, data jsonb) ON COMMIT DROP"""
_KNOWN = "CREATE TEMPORARY TABLE known (name text PRIMARY KEY) ON COMMIT DROP"

# What is asked -> the SQLSTATE it is refused with. The value stands in the statement or goes along as a parameter.
REFUSED = {
    "an invalid uuid": ("SELECT CAST(:value AS uuid)", "22P02"),
    "an invalid number": ("SELECT CAST(:value AS integer)", "22P02"),
    "an invalid date": ("SELECT CAST(:value AS date)", "22007"),
    "a date out of range": ("SELECT CAST('2026-13-45' AS date), CAST(:value AS text)", "22008"),
    "a number out of range": ("SELECT CAST(9990000018 AS smallint), CAST(:value AS text)", "22003"),
    "a number too long": ("SELECT CAST(CAST(:value AS text) || CAST('99999' AS smallint) AS text)", "22003"),
    "a text too long": ("INSERT INTO refusing (id, short) VALUES ('1', :value)", "22001"),
    "a key that is there": ("INSERT INTO refusing (id) VALUES (:value), (:value)", "23505"),
    "a rule that is broken": ("INSERT INTO refusing (id, word) VALUES ('1', :value)", "23514"),
    "a cell that is missing": ("INSERT INTO refusing (id, needed) VALUES (:value, NULL)", "23502"),
    "somebody unknown": ("INSERT INTO refusing (id, whose) VALUES ('1', :value)", "23503"),
    "JSON": ("SELECT CAST(:value AS jsonb)", "22P02"),
    "a pattern": ("SELECT '' ~ ('(' || :value)", "2201B"),
    "division": ("SELECT 1 / (length(:value) - 19)", "22012"),
    "an encoding": ("SELECT convert_to(CAST(:value AS text) || 'Ж', 'LATIN1')", "22P05"),
    "bytes of no encoding": ("SELECT convert_from(convert_to(:value, 'UTF8') || '\\xff'::bytea, 'UTF8')", "22021"),
    "a column that is not there": ('SELECT "Zebrowska9990000018" FROM refusing WHERE word = :value', "42703"),
    "syntax": ("SELECT FROM Zebrowska9990000018 WHERE WHERE id = :value", "42601"),
    "an error of a function": (
        "DO $$ BEGIN RAISE 'no %', 'Zebrowska9990000018' USING DETAIL = 'Zebrowska9990000018'; END $$",
        "P0001",
    ),
    "an error in a function": ("DO $$ BEGIN EXECUTE 'SELECT 1/0 AS Zebrowska9990000018'; END $$", "22012"),
    "after a warning": (
        "DO $$ BEGIN RAISE WARNING 'Zebrowska9990000018'; RAISE 'Zebrowska9990000018'; END $$",
        "P0001",
    ),
}


def refused(url: str, act: Callable[[Connection], Any]) -> Callable[[], None]:
    def fail() -> None:
        with store_of(url) as store, transaction(store, "load what is refused") as connection:
            connection.execute(text(_KNOWN))
            connection.execute(text(_TABLE.replace(":value", f"'{VALUE}'")))
            act(connection)

    return fail


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.a_store()


def server_log(postgres: Postgres) -> str:
    return (postgres.folder / "log").read_text(errors="replace")


def check_nothing_is_told(told: Told, postgres: Postgres) -> None:
    assert told.came_from_an_error_that_holds(VALUE), "the server has learnt not to quote: take another failure"
    assert not told.has(VALUE)
    assert not told.has("Zebrowska")
    assert VALUE not in server_log(postgres)


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_statement(what: str, url: str, postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    statement, state = REFUSED[what]
    given = {"value": VALUE} if ":value" in statement else {}
    told = told_by(refused(url, lambda connection: connection.execute(text(statement), given)), capfd)
    assert told.has(state), told.text
    check_nothing_is_told(told, postgres)


def a_batch(**columns: Any) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pydict({"id": pa.array(["1", "2"]), **columns})]


COPIED = {
    "a key that is there": (lambda: [pa.RecordBatch.from_pydict({"id": pa.array([VALUE, VALUE])})], "23505"),
    "a rule that is broken": (lambda: a_batch(word=pa.array(["fine", VALUE])), "23514"),
    "a text too long": (lambda: a_batch(short=pa.array(["fine", VALUE])), "22001"),
    "a cell that is missing": (
        lambda: a_batch(word=pa.array(["a", VALUE + "x"]), needed=pa.array(["", None])),
        "23502",
    ),
    "text where a number belongs": (lambda: a_batch(number=pa.array([VALUE, VALUE])), "22P03"),
    "text where a date belongs": (lambda: a_batch(day=pa.array([VALUE, VALUE])), "22P03"),
    "a letter of no encoding": (lambda: a_batch(word=in_no_encoding()), "22021"),
    "a zero byte": (lambda: a_batch(word=pa.array(["fine", VALUE + "\0"])), "22021"),
}
QUOTES_NOT = {
    "a text too long",
    "text where a number belongs",
    "text where a date belongs",
    "a letter of no encoding",
    "a zero byte",
}


def in_no_encoding() -> pa.Array:
    """As a library could hand it over that does not look: Arrow itself does not check."""
    data = VALUE.encode() + b"\xff"
    offsets = pa.py_buffer(b"".join(each.to_bytes(4, "little") for each in (0, len(data), len(data))))
    return pa.StringArray.from_buffers(2, offsets, pa.py_buffer(data))


@pytest.mark.parametrize("what", COPIED)
def test_a_refused_row_of_a_copy(what: str, url: str, postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    """The way every record takes: binary COPY, straight from Arrow."""
    batches, state = COPIED[what]
    told = told_by(refused(url, lambda connection: copy_rows(connection, ("pg_temp", "refusing"), batches())), capfd)
    assert told.has(state), told.text
    assert not told.has(VALUE)
    assert VALUE not in server_log(postgres)
    assert told.came_from_an_error_that_holds(VALUE) or what in QUOTES_NOT


def test_a_text_copy_names_the_line_and_the_value_and_we_do_not(
    url: str, postgres: Postgres, capfd: pytest.CaptureFixture[str]
) -> None:
    def copied(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        with driver.cursor().copy("COPY pg_temp.refusing (id, number) FROM STDIN") as copy:
            copy.write(f"1\t{VALUE}\n")

    check_nothing_is_told(told_by(refused(url, copied), capfd), postgres)


def test_what_the_driver_refuses_itself(url: str, postgres: Postgres, capfd: pytest.CaptureFixture[str]) -> None:
    def with_a_zero_byte(connection: Connection) -> None:
        connection.execute(text("SELECT CAST(:value AS text)"), {"value": VALUE + "\0"})

    told = told_by(refused(url, with_a_zero_byte), capfd)
    assert not told.has(VALUE)
    assert VALUE not in server_log(postgres)


def test_a_server_left_as_it_comes_would_log_the_value(postgres: Postgres) -> None:
    """Otherwise the tests above would have looked into a log that never says anything."""
    other = "Quillfeather9990000026"
    with psycopg.connect(postgres.uri, autocommit=True) as connection:
        for setting in (
            "log_min_messages = 'warning'",
            "log_min_error_statement = 'error'",
            "log_error_verbosity = 'default'",
        ):
            connection.execute(f"SET {setting}".encode())
        with pytest.raises(psycopg.errors.DataError, match=other):
            connection.execute("SELECT CAST(%s AS uuid)", [other])
    assert other in server_log(postgres)


def test_a_parcel_that_the_store_refuses_leaves_the_value_nowhere(
    zone: Any, postgres: Postgres, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Through the load itself: its result, its log, the ledger, and whatever is left on disk."""
    zone.execute(f"ALTER TABLE records.observation ADD CONSTRAINT refuses CHECK (snomed_concept_id <> '{CODE}')")
    zone.sealed({"patient": patients(), "observation": observations(snomed_concept_id=[CODE] * 50)})
    results = []
    for ids in load_parcel.parcels_waiting("gpdpr", zone.settings):
        load_parcel.receive_shard("gpdpr", ids, zone.settings)
        load_parcel.validate_shard("gpdpr", ids, zone.settings)
        results += load_parcel.load_shard("gpdpr", ids, zone.settings)
    with pytest.raises(PersonMustAct) as caught:
        load_parcel.account_for("gpdpr", [each["parcel_id"] for each in results], zone.settings)
    out, err = capfd.readouterr()
    ledger = json.dumps(load_parcel.ledger_entries(zone.settings), default=str)
    told = "\n".join([str(results), str(caught.value), out, err, caplog.text, ledger, *readable(zone.root)])
    assert "SQLSTATE 23514" in told
    assert CODE not in told
    assert CODE not in server_log(postgres)
    assert CODE in what_the_server_says(zone), "it does quote the row, to whoever asked"


def what_the_server_says(zone: Any) -> str:
    with (
        psycopg.connect(psycopg_url(zone.settings.store_url)) as connection,
        pytest.raises(psycopg.errors.CheckViolation) as caught,
    ):
        connection.execute(
            "INSERT INTO records.observation (record_token, registration_token, practice_code, parcel_number, is_deleted,"
            " snomed_concept_id) VALUES (gen_random_uuid(), gen_random_uuid(), 'A12345', 1, false, %s)",
            [CODE],
        )
    return caught.value.diag.message_detail or ""


def readable(folder: Path) -> list[str]:
    """What is left on disk, but for the rows themselves: as they came, and as they wait to be loaded."""
    rows = {"inbox", "work", "keys"}
    files = [path for path in folder.rglob("*") if path.is_file() and not rows & set(path.parts)]
    return [path.read_text(errors="replace") for path in files]
