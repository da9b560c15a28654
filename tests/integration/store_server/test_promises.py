"""Every promise about the store's server is broken once, and exactly that is named. On one server, one after the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.facts import read_facts
from central_zone.store.look import look_at_store
from central_zone.store.role_names import AUDITOR, LOADER
from central_zone.store.server_settings import Promise, read_promises
from central_zone.store.weaker import weaker
from crossing.policy import Policy
from key_custody.whereabouts.verdict import OK, Verdict
from support.certificates import PrivateKey
from support.debian_postgres import ADMINISTRATOR, PLAINTEXT_REFUSED, DebianPostgres

from .conftest import DebianStore

pytestmark = pytest.mark.needs_debian
CHECKOUT = Path(__file__).parents[3]

# What is worse, for each setting that a running server reads anew.
WORSE = {
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "md5",
    "log_min_messages": "warning",
    "log_min_error_statement": "error",
    "log_error_verbosity": "default",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_statement": "ddl",
    "log_min_duration_statement": "1000",
    "log_min_duration_sample": "1000",
    "log_transaction_sample_rate": "0.5",
    "debug_print_parse": "on",
    "debug_print_rewritten": "on",
    "debug_print_plan": "on",
    "log_connections": "off",
    "log_disconnections": "off",
    "log_line_prefix": "%m [%p] ",
    "session_preload_libraries": "auto_explain",
    "allow_system_table_mods": "on",
    "pgaudit.log": "ddl, role",
    "pgaudit.log_catalog": "on",
    "pgaudit.log_client": "on",
    "pgaudit.log_level": "notice",
    "pgaudit.log_parameter": "on",
    "pgaudit.log_statement": "on",
    "pgaudit.log_relation": "off",
    "pgaudit.log_rows": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "ignore_checksum_failure": "on",
    "zero_damaged_pages": "on",
    "archive_command": "",
}
# Read only when a server starts: a start each.
AT_START = {"shared_preload_libraries": "", "archive_mode": "off"}
# `ssl` off is test_ways_in.py's, since nobody is let in then; a wal_level of `minimal` needs archive_mode off as well, and is
# judged in tests/unit/central_zone/store/test_weaker.py; checksums are switched with the server down, below.
# A library that no server has lets nobody in any more, so that is set for a role that nobody is.
ELSEWHERE = {"ssl", "wal_level", "data_checksums", "local_preload_libraries"}


def test_every_promise_is_broken_somewhere() -> None:
    assert {promise.name for promise in read_promises(Policy())} == {*WORSE, *AT_START, *ELSEWHERE}


def weak(store: DebianStore, **more: str) -> list[Verdict]:
    said = look_at_store(store.settings(**more), as_administrator=True)
    return [each for each in said if each.said != OK]


def only(store: DebianStore, place: str, *words: str, **more: str) -> None:
    """One thing is weaker, in that place, and every word is said of it."""
    said = weak(store, **more)
    assert [each.place for each in said] == [f"store: {place}"], [each.line() for each in said]
    assert [word for word in words if word not in said[0].why] == [], said[0].why


@pytest.fixture
def whole(store: DebianStore) -> Iterator[DebianStore]:
    """As promised before, and after."""
    assert weak(store) == []
    yield store
    store.server.write_hba(*PLAINTEXT_REFUSED)
    store.server.reload()
    assert weak(store) == []


def test_each_setting_that_is_worse_is_named_alone(whole: DebianStore) -> None:
    promises, before = {promise.name: promise for promise in read_promises(Policy())}, None
    for name, value in WORSE.items():
        whole.server.set(name, value, reload=False)
        if before:
            set_back(whole.server, promises[before])
        whole.server.reload()
        said = weak_server(whole)
        assert [each.why.partition(" is ")[0] for each in said] == [name], name
        assert promises[name].why in said[0].why
        before = name
    set_back(whole.server, promises[before])
    whole.server.reload()


def weak_server(store: DebianStore) -> list[Verdict]:
    """What the server says of itself, in a connection that is new: some settings count when it begins."""
    with store_of(store.server.administrators_url(store.database)) as engine, transaction(engine, "look") as connection:
        said = weaker(read_facts(connection), read_promises(Policy()), demonstration=False)
    return [each for each in said if each.said != OK]


def set_back(server: DebianPostgres, promise: Promise) -> None:
    server.set(promise.name, promise.to_set("") if promise.rule != "is_something" else None, reload=False)


@pytest.mark.runbook("ServerMustRestart")
def test_each_setting_read_at_the_start_is_named_alone_and_init_says_that_it_waits(
    whole: DebianStore, central: Callable
) -> None:
    for name, value in AT_START.items():
        whole.server.set(name, value)
        whole.server.restart()
        [said] = weak(whole)
        assert said.why.startswith(f"{name} is "), said.why
        code, _, told = central("store", "init")
        assert code == 4
        assert "the server to be started again" in told
        whole.server.restart()
        assert weak(whole) == []


def test_pages_without_checksums_and_a_library_nobody_agreed_to(whole: DebianStore) -> None:
    whole.server.stop()
    whole.server.run("pg_checksums", "--disable", "--no-sync", "--pgdata", str(whole.server.data))
    whole.server.start("-c", "shared_preload_libraries=pgaudit,auto_explain")
    said = weak(whole)
    assert [each.place for each in said] == ["store: durability", "store: server"]
    assert "data_checksums" in said[0].why
    assert "auto_explain" in said[1].why
    whole.server.stop()
    whole.server.run("pg_checksums", "--enable", "--no-sync", "--pgdata", str(whole.server.data))
    whole.server.start()


LINES = {
    "host all all 127.0.0.2/32 scram-sha-256": "in clear",
    "hostnossl all all 127.0.0.2/32 scram-sha-256": "in clear",
    "hostssl all all 127.0.0.2/32 md5": "md5 has no channel binding",
    "hostssl all all 127.0.0.2/32 trust": "trust has no channel binding",
    "hostssl all all 127.0.0.2/32 password": "password has no channel binding",
    "hostgssenc all all 127.0.0.2/32 gss": "Kerberos",
    "local all nobody trust": "be anybody",
    "local all nobody md5": "be anybody",
    "hostssl all all 127.0.0.2/32 no-such-method": "cannot be read",
}


def test_each_line_of_pg_hba_that_lets_in_too_much_is_named_alone(whole: DebianStore) -> None:
    for line, words in LINES.items():
        whole.server.write_hba(*PLAINTEXT_REFUSED, line)
        only(whole, "signing in", f"line {len(PLAINTEXT_REFUSED) + 1}", words)


def test_the_file_that_compose_gives_its_server_lets_in_nobody_too_many(whole: DebianStore) -> None:
    whole.server.write_hba((CHECKOUT / "compose" / "pg_hba.conf").read_text())
    whole.server.reload()
    assert weak(whole) == []


def test_a_server_that_talks_to_whoever_comes_without_tls_is_seen_from_outside(whole: DebianStore) -> None:
    whole.server.write_hba(
        *PLAINTEXT_REFUSED[:2], f"hostnossl all {AUDITOR} 127.0.0.1/32 scram-sha-256", *PLAINTEXT_REFUSED[2:]
    )
    whole.server.reload()
    said = weak(whole)
    assert {each.place for each in said} == {"store: encryption", "store: signing in"}
    assert "whoever comes without TLS" in said[0].why


@contextmanager
def showing(server: DebianPostgres, name: str, days: int = 200, key: PrivateKey | None = None) -> Iterator[None]:
    server.show_certificate(*server.authority.sign(name, days=days, key=key))
    yield
    server.show_certificate(server.authority.folder / "server.crt", server.authority.folder / "server.key")


def test_each_certificate_that_is_not_as_promised_is_named_alone(whole: DebianStore) -> None:
    with showing(whole.server, "rsa", key=rsa.generate_private_key(public_exponent=65537, key_size=2048)):
        only(whole, "encryption", "not ECDSA")
    with showing(whole.server, "soon", days=10):
        only(whole, "encryption", "ends in 9 days")
    with showing(whole.server, "later", days=40):
        only(whole, "encryption", "ends in 39 days")
        assert weak(whole)[0].said == "take care"


def test_an_ed25519_key_under_an_ecdsa_authority_still_is_not_as_promised(whole: DebianStore) -> None:
    with showing(whole.server, "ed25519", key=ed25519.Ed25519PrivateKey.generate()):
        only(whole, "encryption", "not ECDSA")


def test_what_a_role_a_database_or_the_environment_has_of_its_own_is_named_alone(whole: DebianStore) -> None:
    with whole.server.connect(whole.database) as connection:
        connection.execute("CREATE ROLE old; ALTER ROLE old SET synchronous_commit = off")
        only(whole, "durability", "synchronous_commit is 'off' for old in every database")
        connection.execute("ALTER ROLE old RESET ALL; ALTER ROLE old SET local_preload_libraries = 'auto_explain'")
        only(whole, "code", "local_preload_libraries is 'auto_explain' for old")
        connection.execute("DROP ROLE old")
        connection.execute(f"ALTER DATABASE {whole.database} SET log_statement = 'all'")
        only(whole, "logs", f"log_statement is 'all' for every role in {whole.database}")
        connection.execute(f"ALTER DATABASE {whole.database} RESET log_statement")
        connection.execute("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'x'")
        only(whole, "signing in", "the password of old is kept as md5")
        connection.execute("DROP ROLE old")
        connection.execute("CREATE EXTENSION pg_prewarm SCHEMA pg_catalog")
        only(whole, "server", "extension pg_prewarm")
        connection.execute("DROP EXTENSION pg_prewarm")


def test_a_superuser_by_night_is_named_and_a_right_too_many(whole: DebianStore) -> None:
    with whole.server.connect(whole.database) as connection:
        connection.execute(f"ALTER ROLE {AUDITOR} SUPERUSER")
        assert {each.place for each in weak(whole)} == {"store: tasks", "store: roles", "store: rights in effect"}
        connection.execute(f"ALTER ROLE {AUDITOR} NOSUPERUSER")
        connection.execute(f"GRANT DELETE ON records.patient TO {LOADER}")
        assert {each.place for each in weak(whole)} == {"store: rights", "store: rights in effect"}
        connection.execute(f"REVOKE DELETE ON records.patient FROM {LOADER}")


def test_a_password_in_the_environment_is_named_alone(whole: DebianStore) -> None:
    values = {**whole.administrators(), "GP_STORE_PASSWORDS_DIR": str(whole.passwords)}
    said = look_at_store(Settings({**values, "GP_STORE_URL": whole.address(LOADER)}), as_administrator=True)
    assert [each.place for each in said if each.said != OK] == ["store: address"]
    assert whole.address(LOADER) not in str(said)


def test_a_demonstration_is_none_where_a_network_reaches_the_server(whole: DebianStore) -> None:
    only(whole, "demonstration", "listens on a network", GP_STORE_IS_DEMONSTRATION="yes")


def test_without_an_administrators_eyes_what_cannot_be_seen_is_said(whole: DebianStore) -> None:
    said = look_at_store(whole.settings("gp_auditor"))
    unseen = [each.why for each in said if each.said != OK]
    assert {each.said for each in said} == {"ok", "take care"}, [each.line() for each in said]
    assert all("only an administrator sees it" in why for why in unseen)


def test_a_store_that_is_not_there_is_one_verdict(whole: DebianStore) -> None:
    values = dict(whole.settings().values) | {"GP_STORE_URL_FILE": str(whole.folder / "nowhere")}
    (whole.folder / "nowhere").write_text(
        whole.server.url("nowhere", ADMINISTRATOR).replace(f":{whole.server.port}/", ":1/")
    )
    said = look_at_store(Settings(values))
    assert [each.said for each in said if each.place == "store"] == ["wrong"]
