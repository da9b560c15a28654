"""What Debian's PostgreSQL writes down: who read what, and not a value, in whichever form it logs."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from central_zone.errors import StoreRefused
from central_zone.store.connection import store_errors, store_of, transaction
from central_zone.store.role_names import AUDITOR, LOADER
from support.postgres import psycopg_url

from .conftest import DebianStore

pytestmark = pytest.mark.needs_debian
CANARY = "Zebrowska9990000018"
FORMS = ("log", "csv", "json")
_LATEST = 20.0

# Each holds the canary in another way, and each fails or is slow in another way.
STATEMENTS: dict[str, tuple[str, str | None]] = {
    "a value that is refused": (f"SELECT CAST('{CANARY}' AS uuid)", "22P02"),
    "a value that is found": (f"SELECT count(*) FROM records.patient WHERE practice_code = '{CANARY}'", None),
    "a row that breaks a rule": (
        f"INSERT INTO ledger.parcel (parcel_id, collection) VALUES (gen_random_uuid(), '{CANARY}')",
        "23502",
    ),
    "a row that is changed": (
        f"UPDATE ledger.parcel SET practice_code = '{CANARY}' WHERE practice_code = '{CANARY}'",
        None,
    ),
    "syntax": (f"SELECT FROM {CANARY} WHERE WHERE", "42601"),
    "a table that is not there": (f'SELECT * FROM "{CANARY}"', "42P01"),
    "an error of a function": (f"DO $$ BEGIN RAISE 'no {CANARY}' USING DETAIL = '{CANARY}'; END $$", "P0001"),
    "a warning": (f"DO $$ BEGIN RAISE WARNING 'beware of {CANARY}'; END $$", None),
    "a slow one": (f"SELECT pg_sleep(0.05), '{CANARY}'", None),
    "a definition": (f"CREATE TEMPORARY TABLE passing (a text DEFAULT '{CANARY}')", None),
    "a comment": (f"/* {CANARY} */ SELECT 1", None),
}


def written_as(store: DebianStore, form: str) -> bytes:
    """A server begins new files when it starts."""
    return b"".join(path.read_bytes() for path in sorted(store.server.log_folder.glob(f"*.{form}")))


def logged_after(store: DebianStore, mark: str) -> bytes:
    """All that was logged, once what was said last stands in every log there is."""
    deadline = time.monotonic() + _LATEST
    while time.monotonic() < deadline:
        if all(mark.encode() in written_as(store, form) for form in FORMS):
            return store.server.logged()
        time.sleep(0.05)
    raise AssertionError(f"the log never said {mark}")


def say(store: DebianStore, mark: str) -> None:
    with store.server.connect(store.database) as connection:
        connection.execute(f"DO $$ BEGIN RAISE LOG '{mark}'; END $$")


def as_role(store: DebianStore, role: str) -> psycopg.Connection[Any]:
    return psycopg.connect(psycopg_url(store.address(role)), autocommit=True)


def test_no_statement_row_or_password_leaves_a_value_in_any_log(store: DebianStore) -> None:
    wrong = {}
    with store.server.connect(store.database) as connection:  # who may do all of it
        for name, (statement, _) in STATEMENTS.items():
            try:
                connection.execute(statement)
                wrong[name] = None
            except psycopg.Error as error:
                wrong[name] = error.sqlstate
    assert wrong == {name: state for name, (_, state) in STATEMENTS.items()}
    a_copy_that_fails(store)
    a_parameter_that_fails(store)
    sign_in_with_a_password_of(store, CANARY)
    say(store, "all was said")
    logged = logged_after(store, "all was said")
    assert logged.count(b"all was said") == 3, "the control: stderr, CSV and JSON would have shown it"
    assert [line for line in logged.splitlines() if CANARY.encode() in line] == []
    assert b"password authentication failed" in logged


def a_copy_that_fails(store: DebianStore) -> None:
    with store.server.connect(store.database) as connection, pytest.raises(psycopg.errors.InvalidTextRepresentation):
        copy_a_value(connection)


def copy_a_value(connection: psycopg.Connection[Any]) -> None:
    with connection.cursor().copy("COPY ledger.parcel (parcel_id) FROM STDIN") as copy:
        copy.write_row([CANARY])


def a_parameter_that_fails(store: DebianStore) -> None:
    with store.server.connect(store.database) as connection, pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute("SELECT CAST(%s::text AS integer) FROM pg_class", [CANARY], prepare=True)


def sign_in_with_a_password_of(store: DebianStore, password: str) -> None:
    address = store.server.with_password(store.server.url(store.database, LOADER), password)
    with pytest.raises(StoreRefused) as told, store_of(address) as engine, transaction(engine, "load"):
        pass
    assert password not in str(told.value)


def entries_of(store: DebianStore, mark: str) -> list[dict[str, Any]]:
    """pgaudit's lines, as the JSON log has them."""
    logged_after(store, mark)
    lines = written_as(store, "json").splitlines()
    return [entry for line in lines if "AUDIT: " in (entry := json.loads(line)).get("message", "")]


def test_pgaudit_tells_who_read_which_table_and_how_much_and_no_literal(store: DebianStore) -> None:
    mark = f"read by {os.getpid()}"
    with as_role(store, AUDITOR) as connection, store_errors("read"):
        read = connection.execute(f"SELECT seq FROM audit.entry WHERE seq > 0 AND 'x' <> '{CANARY}'").fetchall()
    say(store, mark)
    [entry] = [each for each in entries_of(store, mark) if each["user"] == AUDITOR and "audit.entry" in each["message"]]
    assert entry["dbname"] == store.database
    assert entry["remote_host"] == "127.0.0.1"
    assert entry["message"].split(",", 2)[2] == f"1,READ,SELECT,TABLE,audit.entry,<not logged>,<not logged>,{len(read)}"


def test_pgaudit_tells_of_changes_to_rights_and_tables(store: DebianStore) -> None:
    with store.server.connect(store.database) as connection:
        connection.execute(f"CREATE TABLE public.passing (a text DEFAULT '{CANARY}')")
        connection.execute(f"GRANT SELECT ON public.passing TO {AUDITOR}")
        connection.execute("DROP TABLE public.passing")
    say(store, "rights were changed")
    told = [each["message"].split(",", 3)[3] for each in entries_of(store, "rights were changed")]
    assert "DDL,CREATE TABLE,TABLE,public.passing,<not logged>,<not logged>,0" in told
    assert "DDL,DROP TABLE,TABLE,public.passing,<not logged>,<not logged>,0" in told
    # Of a GRANT it is told that there was one, and when and by whom, but not of what: that is what check_rights is for.
    assert "ROLE,GRANT,TABLE,,<not logged>,<not logged>,0" in told
    assert CANARY not in "".join(told)


def test_the_control_a_server_set_otherwise_would_have_told(store: DebianStore, central: Callable) -> None:
    """The same statement, with the promises broken: so the search above is no blind one."""
    for name, value in {
        "log_min_messages": "warning",
        "log_min_error_statement": "error",
        "pgaudit.log_statement": "on",
    }.items():
        store.server.set(name, value, reload=False)
    store.server.reload()
    word = f"Nowak{os.getpid()}"
    with store.server.connect(store.database) as connection:
        connection.execute(f"SELECT count(*) FROM ledger.parcel WHERE practice_code = '{word}1'")
        with pytest.raises(psycopg.Error):
            connection.execute(f"SELECT CAST('{word}2' AS uuid)")
    code, said, _ = central("store", "init")
    assert code == 0
    assert set(said["settings"]) == {"log_min_messages", "log_min_error_statement", "pgaudit.log_statement"}
    say(store, "control")
    logged = logged_after(store, "control").decode(errors="replace")
    assert f"{word}1" in logged
    assert f"{word}2" in logged
