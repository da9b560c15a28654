"""The doctor is clean where all is well, and red for a key in each place there is, planted once each."""

import base64
import gzip
import json
import os
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from central_zone import doctor as central_doctor
from central_zone.settings import Settings as CentralSettings
from key_custody.whereabouts import environment, look_in_metadata
from key_custody.whereabouts.doctor import Asked, examine
from key_custody.whereabouts.metadata_access import MetadataAccess, MetadataAddressWrong, metadata_access
from key_custody.whereabouts.needles import all_needles, key_needles
from key_custody.whereabouts.search_places import METADATA, OTHERS, search_metadata, search_places
from key_custody.whereabouts.verdict import OK, TAKE_CARE, WRONG, KeysOutOfPlace, Verdict, check
from leak_search.needles import Needle
from source_zone import doctor as source_doctor
from source_zone.memory import Memory, MemoryFile
from support.own_processes import own_processes
from support.postgres import Postgres, a_server, psycopg_url
from support.source_zone import SourceZone, make_source_zone

KEY = os.urandom(32)
UNSEEN = frozenset({METADATA, OTHERS})
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hex": lambda key: key.hex().encode(),
    "base64 in JSON": lambda key: json.dumps({"conf": base64.b64encode(b"x" + key).decode()}).encode(),
    "Python": lambda key: repr(key).encode(),
    "gzip": lambda key: gzip.compress(b"what a log rotates: " + key.hex().upper().encode()),
    "half of it": lambda key: key[:16].hex().encode(),
}


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    zone = make_source_zone(tmp_path)
    for name in ("spool", "memory", "landing", "outbox", "receipts", "lineage", "airflow/logs", "tmp"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "something").write_text("so that there is something to look at")
    return SourceZone(zone.root, replace(zone.settings, receipts=tmp_path / "receipts", lineage=tmp_path / "lineage"))


def surroundings(zone: SourceZone) -> dict[str, str]:
    return {"AIRFLOW_HOME": str(zone.root / "airflow"), "TMPDIR": str(zone.root / "tmp")}


def said_of(zone: SourceZone, **asked: object) -> list[Verdict]:
    patient = replace(source_doctor.deployment(zone.settings, surroundings(zone)), pids=own_processes)
    return examine(patient, Asked(**{"without": UNSEEN, **asked}))


def wrongs(said: list[Verdict]) -> dict[str, str]:
    return {each.place: each.why for each in said if each.said == WRONG}


def a_key(zone: SourceZone, name: str = "token-gpdpr-v1") -> bytes:
    return (zone.settings.keys / f"{name}.key").read_bytes()


def test_a_zone_in_order_is_clean(zone: SourceZone) -> None:
    said = said_of(zone)
    check(said)
    looked_at = {each.place for each in said if each.said == OK}
    assert {"keys folder", "secrets", "keys in use", "register of keys", "settings", "spool", "memory"} <= looked_at
    assert {"landing", "outbox", "receipts", "lineage", "Airflow's home", "logs", "processes"} <= looked_at
    assert not any(path.name.startswith(".leaksearch") for path in zone.root.rglob("*"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("folder", ["spool", "outbox", "airflow/logs", "airflow", "tmp"])
def test_a_key_in_a_folder_is_found_in_any_form(zone: SourceZone, folder: str, form: str) -> None:
    (zone.root / folder / "task.log").write_bytes(b"before " + FORMS[form](a_key(zone)) + b" after")
    if form == "gzip":
        (zone.root / folder / "task.log").write_bytes(FORMS[form](a_key(zone)))
    said = said_of(zone)
    assert any("token-gpdpr-v1" in why for why in wrongs(said).values())
    everything = "\n".join(each.line() for each in said)
    assert a_key(zone).hex()[:16] not in everything.lower()
    with pytest.raises(KeysOutOfPlace):
        check(said)


@pytest.mark.parametrize("folder", ["memory", "landing", "receipts", "lineage"])
def test_every_other_folder_of_the_zone_is_searched_too(zone: SourceZone, folder: str) -> None:
    (zone.root / folder / "note").write_text(a_key(zone, "memory-v1").hex())
    assert "memory-v1" in wrongs(said_of(zone))[folder]


def test_a_key_as_a_files_name_is_found_and_not_repeated(zone: SourceZone) -> None:
    (zone.root / "outbox" / a_key(zone).hex()).touch()
    said = said_of(zone)
    assert "outbox" in wrongs(said)
    assert a_key(zone).hex()[:20] not in "\n".join(each.line() for each in said)


def test_the_sub_keys_of_tokens_are_as_secret(zone: SourceZone) -> None:
    sub_keys = source_doctor.field_keys({"token-gpdpr-v1": a_key(zone)})
    assert len(sub_keys) == 2
    (zone.root / "tmp" / "plan.json").write_text(json.dumps({"key": next(iter(sub_keys.values())).hex()}))
    assert "token-gpdpr-v1, key of" in wrongs(said_of(zone))["temporary files"]


def test_a_password_of_a_connection_is_looked_for(zone: SourceZone) -> None:
    secrets = zone.settings.keys / "connections" / "mesh"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "password").write_text("a-long-password-of-MESH\n")
    (secrets / "password").chmod(0o400)
    check(said_of(zone))
    (zone.root / "airflow" / "logs" / "mesh.log").write_text("login with a-long-password-of-MESH failed")
    assert "mesh/password" in wrongs(said_of(zone))["logs"]


@pytest.mark.parametrize("where", ["argv", "environment"])
def test_a_key_among_the_arguments_or_in_the_environment_of_a_process_is_found(zone: SourceZone, where: str) -> None:
    written = base64.b64encode(a_key(zone)).decode()
    words = ["/bin/sh", "-c", "read line", written if where == "argv" else "nothing"]
    variables = {"SOME_NAME": written} if where == "environment" else {}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=variables) as process:
        found = wrongs(said_of(zone))
        process.communicate(b"\n")
    assert "token-gpdpr-v1" in found["processes"]


@pytest.mark.parametrize("name", ["GP_SOURCE_TOKEN_KEY", "GP_MESH_PASSWORD", "VAULT_TOKEN"])
def test_a_variable_named_like_a_key_must_hold_a_path(zone: SourceZone, name: str) -> None:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env={name: "anything at all"}) as process:
        found = wrongs(said_of(zone))
        process.communicate()
    assert name in found["settings"]
    assert "anything" not in found["settings"]


def loosen(keys: Path) -> None:
    (keys / "memory-v1.key").chmod(0o440)


def open_the_folder(keys: Path) -> None:
    keys.chmod(0o777)


def leave_a_copy(keys: Path) -> None:
    (keys / "memory-v1.key.bak").write_bytes(b"")
    (keys / "memory-v1.key.bak").chmod(0o400)


def bring_the_others_key(keys: Path) -> None:
    (keys / "store-v1.key").write_bytes(os.urandom(32))
    (keys / "store-v1.key").chmod(0o400)


def bring_a_strange_key(keys: Path) -> None:
    (keys / "experiment-v1.key").write_bytes(os.urandom(32))
    (keys / "experiment-v1.key").chmod(0o400)


def put_a_link(keys: Path) -> None:
    (keys / "memory-v1.key").rename(keys.parent / "elsewhere")
    (keys / "memory-v1.key").symlink_to(keys.parent / "elsewhere")


def lose_a_key(keys: Path) -> None:
    (keys / "token-gpdpr-v1.key").unlink()


def forget_an_older_key(keys: Path) -> None:
    """A practice's memory is still under the first key; only the second is here."""
    memory = MemoryFile(keys.parent.parent / "memory" / "gpdpr" / "Y99001", (keys / "memory-v1.key").read_bytes())
    memory.prepare(Memory(sequence=1, token_key_version=1))
    memory.commit()
    (keys / "token-gpdpr-v1.key").rename(keys / "token-gpdpr-v2.key")


def take_a_published_key(keys: Path) -> None:
    (keys / "token-gpdpr-v1.key").unlink()
    (keys / "token-gpdpr-v1.key").write_bytes(bytes(range(32)))
    (keys / "token-gpdpr-v1.key").chmod(0o400)


def spoil_the_register(keys: Path) -> None:
    (keys / "key_register.toml").chmod(0o600)
    (keys / "key_register.toml").write_text("nothing = 1")
    (keys / "key_register.toml").chmod(0o400)


def spoil_the_centres_key(keys: Path) -> None:
    (keys / "recipient-v1.pub").chmod(0o600)
    (keys / "recipient-v1.pub").write_bytes(b"\xff" * 1216)
    (keys / "recipient-v1.pub").chmod(0o400)


@pytest.mark.parametrize(
    ("spoil", "place", "word"),
    [
        (loosen, "keys folder", "0400"),
        (open_the_folder, "keys folder", "0700"),
        (leave_a_copy, "keys folder", "backup"),
        (bring_the_others_key, "keys folder", "other zone"),
        (bring_a_strange_key, "keys folder", "no key that this zone knows"),
        (put_a_link, "keys folder", "link"),
        (lose_a_key, "keys in use", "no token key of gpdpr"),
        (forget_an_older_key, "keys in use", "token-gpdpr-v1"),
        (take_a_published_key, "secrets", "random"),
        (spoil_the_register, "register of keys", "key_register"),
        (spoil_the_centres_key, "keys in use", "recipient-v1"),
    ],
)
def test_a_folder_of_keys_that_is_not_in_order_is_told(
    zone: SourceZone, spoil: Callable[[Path], None], place: str, word: str
) -> None:
    spoil(zone.settings.keys)
    assert word in " ".join(each.why for each in said_of(zone) if each.said == WRONG and each.place == place)


def test_a_folder_that_may_only_be_read_is_searched_with_a_control_of_its_own(
    zone: SourceZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests run as root, who may write everywhere: so the doctor is told that it may not."""
    from key_custody.whereabouts import search_places as searching

    monkeypatch.setattr(searching, "can_be_written", lambda path: False)
    (zone.root / "receipts" / "receipt.json").write_text(json.dumps({"entries": list(range(200))}))
    folders = {"receipts": zone.root / "receipts"}
    needles = list(key_needles("token-gpdpr-v1", a_key(zone)))
    assert [each.said for each in search_places(needles, folders, zone.settings.keys, own_processes)][:1] == [OK]
    (zone.root / "receipts" / "other").write_text(a_key(zone).hex())
    assert "receipts" in wrongs(search_places(needles, folders, zone.settings.keys, own_processes))


def test_the_keys_themselves_are_no_finding_wherever_their_folder_lies(
    zone: SourceZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone.settings.keys.rename(zone.root / "airflow" / "keys")
    monkeypatch.chdir(zone.root / "airflow")
    check(said_of(SourceZone(zone.root, replace(zone.settings, keys=Path("keys")))))


def test_a_folder_that_cannot_be_listed_is_not_looked_at(zone: SourceZone) -> None:
    """Root lists everything, so it is a folder whose name is too long for the disk."""
    said = said_of(zone, also=[Path("/" + "x" * 300)], without=UNSEEN)
    assert [each.said for each in said if each.place.startswith("also")] == ["not looked at"]


def test_a_folder_beside_the_zones_own_is_searched_where_it_is_named(zone: SourceZone) -> None:
    (zone.root / "export").mkdir()
    (zone.root / "export" / "metadata.sql").write_text(f"COPY variable ... {a_key(zone).hex()}")
    assert f"also {zone.root / 'export'}" in wrongs(said_of(zone, also=[zone.root / "export"]))


def test_a_place_whose_control_is_not_found_counts_as_not_looked_at(
    zone: SourceZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_CONTROL", "CONTROL_THAT_IS_NOT_NAMED_LIKE_A_KEY")
    said = said_of(zone)
    assert [each.said for each in said if each.place == "settings"] == ["not looked at"]
    with pytest.raises(KeysOutOfPlace, match="settings"):
        check(said)


def test_what_is_not_looked_at_is_as_bad_as_wrong_until_somebody_agrees(zone: SourceZone) -> None:
    said = said_of(zone, without=frozenset({OTHERS}))
    with pytest.raises(KeysOutOfPlace, match="metadata"):
        check(said)
    assert [each.said for each in said_of(zone) if each.place == METADATA] == [TAKE_CARE]


def test_the_central_zone_is_examined_in_the_same_way(zone: SourceZone) -> None:
    folders = {"GP_INBOX_DIR": zone.root / "outbox", "GP_RECEIPTS_DIR": zone.root / "receipts"}
    values = {name: str(path) for name, path in folders.items()}
    settings = CentralSettings({**values, "GP_CENTRAL_KEYS_DIR": str(zone.root / "keys" / "central")})
    patient = replace(central_doctor.deployment(settings, surroundings(zone)), pids=own_processes)
    check(examine(patient, Asked(without=UNSEEN | {"store"})))
    with pytest.raises(KeysOutOfPlace, match="store"):  # of which it was told nothing
        check(examine(patient, Asked(without=UNSEEN)))
    store_key = (zone.root / "keys" / "central" / "store-v1.key").read_bytes()
    (zone.root / "receipts" / "note").write_text(store_key.hex())
    (zone.root / "keys" / "central" / "token-gpdpr-v1.key").write_bytes(a_key(zone))
    (zone.root / "keys" / "central" / "token-gpdpr-v1.key").chmod(0o400)
    found = wrongs(examine(patient, Asked(without=UNSEEN)))
    assert "store-v1" in found["receipts"]
    assert "other zone" in found["keys folder"]


def test_the_command_says_it_all_and_ends_with_4_where_something_is_wrong(zone: SourceZone) -> None:
    variables = surroundings(zone) | {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "GP_SOURCE_KEYS_DIR": str(zone.settings.keys),
        "GP_SOURCE_WORK_DIR": str(zone.settings.spool),
        "GP_SOURCE_STATE_DIR": str(zone.settings.memory),
        "GP_INCOMING_DIR": str(zone.settings.incoming),
        "GP_OUTBOX_DIR": str(zone.settings.outbox),
    }
    words = [sys.executable, "-c", "import sys; from source_zone.command_line import main; sys.exit(main())", "doctor"]
    words += ["--without", METADATA, "--without", OTHERS]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*words, *more], capture_output=True, text=True, env=variables, timeout=120, check=False)

    clean = run("--json")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert all(set(json.loads(line)) == {"place", "said", "why"} for line in clean.stdout.splitlines())
    (zone.settings.outbox / "note").write_text(a_key(zone).hex())
    found = run()
    assert found.returncode == 4
    assert "wrong" in found.stdout
    assert "KeysOutOfPlace" in found.stderr
    assert a_key(zone).hex()[:16] not in found.stdout + found.stderr


# Airflow's own database, with what it keeps there


@dataclass(frozen=True, slots=True)
class Metadata:
    """Airflow's real schema, and its Fernet key."""

    url: str
    fernet_key: str

    def execute(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # a row of XCom without its run
            connection.execute(statement, values)

    def encrypted(self, text: str) -> str:
        return Fernet(self.fernet_key).encrypt(text.encode()).decode()

    def said(self, needles: list[Needle], *, with_key: bool = True) -> list[Verdict]:
        return search_metadata(needles, MetadataAccess(self.url, (self.fernet_key,) if with_key else ()))


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture(scope="module")
def migrated(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = server.an_empty_database()
    variables = {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url.replace("+psycopg:", "+psycopg2:"),
    }
    command = [str(Path(sys.executable).parent / "airflow"), "db", "migrate"]
    subprocess.run(command, env=os.environ | variables, check=True, capture_output=True, timeout=120)
    return url


@pytest.fixture
def metadata(server: Postgres, migrated: str) -> Metadata:
    found = Metadata(psycopg_url(server.a_copy(migrated)), Fernet.generate_key().decode())
    found.execute(
        "INSERT INTO variable (key, val, is_encrypted) VALUES ('harmless', %s, true)", found.encrypted("nothing")
    )
    return found


NEEDLES = list(key_needles("token-gpdpr-v1", KEY))
HEX, BASE64 = KEY.hex(), base64.b64encode(KEY).decode()
XCOM = (
    "INSERT INTO xcom (dag_run_id, dag_id, task_id, run_id, map_index, key, value, timestamp) "
    "VALUES (1, 'd', 't', 'r', -1, 'k', %s, now())"
)
PLANTED: dict[str, Callable[[Metadata], None]] = {
    "variable.val": lambda into: into.execute(
        "INSERT INTO variable (key, val, is_encrypted) VALUES ('k', %s, true)", into.encrypted(HEX)
    ),
    "connection.password": lambda into: into.execute(
        "INSERT INTO connection (conn_id, conn_type, password, is_encrypted, is_extra_encrypted) VALUES ('k', 'x', %s, true, false)",
        into.encrypted(BASE64),
    ),
    "connection.extra": lambda into: into.execute(
        "INSERT INTO connection (conn_id, conn_type, extra, is_encrypted, is_extra_encrypted) VALUES ('k', 'x', %s, false, true)",
        into.encrypted(json.dumps({"key": repr(KEY)})),
    ),
    "connection": lambda into: into.execute(
        "INSERT INTO connection (conn_id, conn_type, host, is_encrypted, is_extra_encrypted) VALUES ('k', 'x', %s, false, false)",
        HEX,
    ),
    "xcom": lambda into: into.execute(XCOM, json.dumps({"key": BASE64})),
    "log": lambda into: into.execute("INSERT INTO log (dttm, event, extra) VALUES (now(), 'cli', %s)", f"--key {HEX}"),
    "rendered_task_instance_fields": lambda into: into.execute(
        "INSERT INTO rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields) "
        "VALUES ('d', 't', 'r', -1, %s)",
        json.dumps({"env": {"GP_KEY": HEX}}),
    ),
    "dag_run": lambda into: into.execute(
        "INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, conf, clear_number, span_status) "
        "VALUES ('d', 'r', 'manual', 'success', now(), %s, 0, 'x')",
        json.dumps({"token_key": BASE64}),
    ),
    "serialized_dag.data_compressed": lambda into: into.execute(
        "INSERT INTO serialized_dag (id, dag_id, data_compressed, last_updated, created_at, dag_hash, dag_version_id) "
        "VALUES (gen_random_uuid(), 'd', %s, now(), now(), 'h', gen_random_uuid())",
        zlib.compress(json.dumps({"default_args": {"key": HEX}}).encode()),
    ),
}


@pytest.mark.airflow
def test_airflows_own_database_without_a_key_is_clean(metadata: Metadata) -> None:
    [said] = metadata.said(NEEDLES)
    assert said.said == OK, said
    assert "1 encrypted values" in said.why


@pytest.mark.airflow
@pytest.mark.parametrize("place", PLANTED)
def test_a_key_anywhere_in_airflows_database_is_found(metadata: Metadata, place: str) -> None:
    PLANTED[place](metadata)
    said = metadata.said(NEEDLES)
    assert any(each.said == WRONG and f"public.{place}" in each.why for each in said), said
    assert HEX[:16] not in "".join(each.why for each in said)


@pytest.mark.airflow
def test_encrypted_values_that_cannot_be_opened_are_not_looked_at(metadata: Metadata) -> None:
    assert "encrypted" in metadata.said(NEEDLES, with_key=False)[0].why
    other = Metadata(metadata.url, Fernet.generate_key().decode())
    assert {each.said for each in other.said(NEEDLES)} == {"not looked at"}


@pytest.mark.airflow
def test_nothing_of_the_controls_stays_behind(metadata: Metadata) -> None:
    metadata.said(NEEDLES)
    with psycopg.connect(metadata.url) as connection:
        schemas = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'leak%'").fetchall()
    assert schemas == []


def test_a_database_that_is_away_is_not_looked_at_and_its_address_is_not_told() -> None:
    [said] = search_metadata(NEEDLES, MetadataAccess("postgresql://me:a-password@127.0.0.1:9/airflow", ()))
    assert said.said == "not looked at"
    assert "a-password" not in said.why


def test_the_key_is_in_nobodys_arguments_while_the_database_is_searched(metadata: Metadata) -> None:
    with subprocess.Popen([sys.executable, "-m", look_in_metadata.__name__], stdin=subprocess.PIPE) as process:
        assert HEX.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.kill()


@pytest.mark.parametrize("url", ["postgresql+psycopg2://a:b@c/d", "postgresql+asyncpg://a:b@c/d", "postgres://a:b@c/d"])
def test_airflows_address_is_read_as_airflow_writes_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "url").write_text(url + "\n")
    found = metadata_access({"AIRFLOW__CORE__FERNET_KEY": "one, two"}, tmp_path / "url", None)
    assert found == MetadataAccess("postgresql://a:b@c/d", ("one", "two"))


def test_airflows_fernet_key_is_taken_from_its_own_file_where_nobody_set_one(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://a:b@c/d")
    (tmp_path / "airflow.cfg").write_text("[core]\nfernet_key = of-the-file%\n[logging]\nlog_format = %(x)s\n")
    found = metadata_access({"AIRFLOW_HOME": str(tmp_path)}, tmp_path / "url", None)
    assert found is not None
    assert found.fernet_keys == ("of-the-file%",)


def test_an_address_of_a_worker_leads_nowhere_and_another_database_is_refused(tmp_path: Path) -> None:
    assert (
        metadata_access({"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nonexistent/none.db"}, None, None) is None
    )
    (tmp_path / "url").write_text("mysql://a:b@c/d")
    with pytest.raises(MetadataAddressWrong, match="--also"):
        metadata_access({}, tmp_path / "url", None)


def test_the_needles_are_every_secret_and_no_public_key(zone: SourceZone) -> None:
    needles, _ = all_needles(source_doctor.deployment(zone.settings, surroundings(zone)))
    labels = {each.label.partition(",")[0] for each in needles}
    assert labels == {"token-gpdpr-v1", "memory-v1", "signing-v1", "signing-mldsa65-v1", "case-recipient-v1"}
    assert stat.S_IMODE(zone.settings.keys.stat().st_mode) == 0o700
