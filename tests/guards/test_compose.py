"""docker-compose.yaml keeps the zones apart. Docker is not needed: the file itself is read and held to the rules."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from central_zone.store.address import checked_address, parsed
from central_zone.store.role_names import ANALYST, CUSTODIAN, OWNER, ROLES, STEWARD
from central_zone.store.server_settings import keeping_values_out_of_logs, read_promises
from crossing.policy import Policy
from demo.places import Places, airflow_environment

CHECKOUT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = {"airflow-init", "api-server", "scheduler", "dag-processor", "triggerer", "source-worker", "central-worker"}
OF_THE_STORE = {
    "store_admin_url",
    "store_admin_password",
    "store_authority",
    "store_certificate",
    "store_certificate_key",
}
ZONE_SECRETS = OF_THE_STORE | set(ROLES) | {"metadata_url", "metadata_password", "jwt"}
NOT_BY_NIGHT = {OWNER, ANALYST, CUSTODIAN}  # no task works as one of these

# These are commands that `make demo` does not run, each with the reason why it cannot.
NOT_IN_DEMO = {
    "airflow celery worker": "needs a Redis; the demonstration's LocalExecutor runs the same tasks in the scheduler",
    "python -m airflow_roles": "demo.people does it, in the process that also makes its people",
    "redis-server": "only the Celery workers need it",
    "postgres": "the demonstration's PostgreSQL is started by its wheel",
    "gp-central metrics": "tests/integration/central_zone/test_metrics.py runs it; the demonstration has no Prometheus",
    "--collector.disable-defaults": "an image of others",
    "--config.file=/etc/gp-collect/prometheus.yml": "an image of others",
}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), "a number, and not root's"
    assert service["init"] is True
    assert all("noexec" in mount or mount.startswith("/var/run/postgresql") for mount in service["tmpfs"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert 0 < service["pids_limit"] <= 1024
    assert service["mem_limit"] == service["memswap_limit"], "equal, so that nothing is swapped to disk"
    assert service["ulimits"]["core"] == 0, "a core dump holds whatever the process held"
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    ends_by_itself = service["restart"] == "no"
    assert service["healthcheck"].get("disable", False) is ends_by_itself
    assert ends_by_itself or service["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name: str) -> None:
    assert re.search(r":v?\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", SERVICES[name]["image"]), "name the exact version"


def test_the_recipe_of_our_images_is_pinned() -> None:
    recipe = (CHECKOUT / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.11\.\d+-", recipe, re.MULTILINE)
    assert "--require-hashes" in recipe


def test_only_the_ui_and_the_dashboards_are_published_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}


def test_only_the_ui_and_the_dashboards_are_on_networks_with_a_way_out() -> None:
    open_networks = {name for name, network in COMPOSE["networks"].items() if not network.get("internal")}
    assert open_networks == {"front", "dashboards"}
    assert members_of("front") == {"api-server"}
    assert members_of("dashboards") == {"grafana"}


def test_who_watches_reaches_neither_airflow_nor_the_store() -> None:
    assert members_of("watching") == {"node-exporter", "prometheus", "grafana"}
    for name in ("node-exporter", "prometheus", "grafana"):
        assert set(SERVICES[name]["networks"]) <= {"watching", "dashboards"}
        assert set(SERVICES[name].get("secrets", [])) <= {"grafana_password"}
    written = {
        name: [each for each in service.get("volumes", []) if "metrics:" in each] for name, service in SERVICES.items()
    }
    assert {name: mounts for name, mounts in written.items() if mounts} == {
        "metrics": ["metrics:/var/gp/metrics"],
        "node-exporter": ["metrics:/var/gp/metrics:ro"],
    }


def test_the_store_is_reached_by_the_central_zone_and_by_what_shows_it_to_stewards_only() -> None:
    assert members_of("store") == {"central-worker", "api-server", "store-init", "postgres-store", "metrics"}
    assert holders_of("store_authority") == {"central-worker", "api-server", "store-init", "metrics"}
    assert holders_of("store_admin_url") == {"store-init"}
    for secret in ("store_admin_password", "store_certificate", "store_certificate_key"):
        assert holders_of(secret) == {"postgres-store"}


def test_a_task_can_be_no_role_of_the_store_but_those_that_work_by_night() -> None:
    assert set(COMPOSE["secrets"]) >= set(ROLES) - {OWNER}, "each role has a password of its own"
    for role in set(ROLES) - {OWNER}:
        shown_to_stewards = {"api-server", "metrics"} if role == STEWARD else set()
        by_night = set() if role in NOT_BY_NIGHT else {"central-worker"}
        assert holders_of(role) == {"store-init"} | by_night | shown_to_stewards, role
    assert not holders_of(OWNER), "the owner never signs in"


def test_the_pages_read_the_ledger_and_the_register_and_nothing_else_of_the_zones() -> None:
    ours = {name for name in SERVICES["api-server"]["environment"] if name.startswith("GP_")}
    assert ours == {"GP_STORE_URL", "GP_STORE_PASSWORDS_DIR", "GP_REGISTER_DIR"}
    assert all(mount.endswith(":ro") for mount in SERVICES["api-server"]["volumes"])
    assert set(SERVICES["api-server"]["secrets"]) & set(ROLES) == {STEWARD}


def test_the_store_is_asked_for_as_promised_and_without_a_password() -> None:
    address = SERVICES["central-worker"]["environment"]["GP_STORE_URL"]
    assert checked_address(address, "GP_STORE_URL") == address
    assert parsed(address, "GP_STORE_URL").username is None
    assert all(
        "GP_STORE_ADMIN_URL_FILE" not in service.get("environment", {}) or name == "store-init"
        for name, service in SERVICES.items()
    )


def test_the_stores_server_has_from_its_first_moment_what_init_cannot_give_it() -> None:
    """What is read when a server starts, what is a deployment's choice, and what keeps values out of a log."""
    given = settings_of("postgres-store")
    for promise in read_promises(Policy()):
        if promise.name == "data_checksums":
            assert "--data-checksums" in SERVICES["postgres-store"]["environment"]["POSTGRES_INITDB_ARGS"]
        elif promise.restart or promise.by or promise.name in keeping_values_out_of_logs(Policy()):
            assert promise.holds(given), promise.name
    assert given["hba_file"] == "/etc/postgresql/pg_hba.conf"
    assert given["ssl_key_file"].removeprefix("/run/secrets/") in SERVICES["postgres-store"]["secrets"]


def test_nothing_on_the_servers_command_line_is_against_what_is_promised() -> None:
    """Nothing overrules a command line, not even store init."""
    given = settings_of("postgres-store")
    assert [each.name for each in read_promises(Policy()) if each.name in given and not each.holds(given)] == []


def test_nobody_comes_into_the_store_in_clear_or_without_proof() -> None:
    lines = [
        line.split()
        for line in (CHECKOUT / "compose" / "pg_hba.conf").read_text().splitlines()
        if line[:1] not in ("#", "")
    ]
    assert [(line[0], line[-1]) for line in lines] == [
        ("local", "scram-sha-256"),
        ("hostnossl", "reject"),
        ("hostssl", "scram-sha-256"),
    ]
    assert "COPY compose/pg_hba.conf /etc/postgresql/pg_hba.conf" in (CHECKOUT / "Dockerfile").read_text()


def test_the_worker_has_the_passwords_of_the_roles_that_its_tasks_work_as() -> None:
    assert roles_opened_by_tasks() == {role for role in set(ROLES) - {OWNER} if "central-worker" in holders_of(role)}


def roles_opened_by_tasks() -> set[str]:
    """Those under which the modules that tasks call open the store: what is done by hand alone is left out."""
    by_hand = (
        "command_line",
        "doctor.py",
        "state.py",
        "status.py",
        "look.py",
        "init.py",
        "settings.py",
        "role_names.py",
        "rights_built_in.py",
    )
    room = CHECKOUT / "include" / "central_zone"
    modules = [path for path in room.rglob("*.py") if not path.name.startswith(by_hand)]
    opened = re.compile(r"(?:role=|store_url_of\(|under\()([A-Z]+)\b")
    names = {name for path in modules for name in opened.findall(path.read_text())}
    return {f"gp_{name.lower()}" for name in names}


def test_no_worker_reaches_the_metadata_database() -> None:
    assert members_of("metadata") == AIRFLOW - {"source-worker", "central-worker"} | {"postgres-metadata"}
    for name in ("source-worker", "central-worker"):
        environment = SERVICES[name]["environment"]
        assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "sqlite:////nonexistent/none.db"
        assert not {key for key in environment if key.startswith(("AIRFLOW__DATABASE", "AIRFLOW__API_AUTH"))} - {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
        }
        assert "jwt" not in SERVICES[name]["secrets"]


def test_the_source_worker_knows_nothing_of_the_store() -> None:
    service = SERVICES["source-worker"]
    assert service["networks"] == ["airflow"]
    assert not set(service["secrets"]) & ZONE_SECRETS
    assert "store" not in yaml.safe_dump(service["environment"]).lower()
    assert not {volume for volume in service["volumes"] if "central" in volume or "store" in volume}
    assert service["build"]["target"] == "source"


def test_the_central_worker_has_no_key_and_no_code_of_the_source() -> None:
    service = SERVICES["central-worker"]
    assert not {volume for volume in service["volumes"] if "source" in volume or "incoming" in volume}
    assert not {name for name in service["environment"] if name.startswith("GP_SOURCE") or name == "GP_INCOMING_DIR"}


def test_each_image_holds_its_zone_and_no_other() -> None:
    assert copied_into("airflow") == {
        "requirements.txt",
        "dags",
        "plugins",
        "include/policy",
        "include/crossing",
        "include/airflow_roles",
    }
    serves_both = {
        "include/key_custody",
        "include/leak_search",
    }  # neither knows a zone; Airflow's own parts have no use for them
    assert copied_into("source") == {"include/source_zone"} | serves_both
    assert copied_into("central") == {"include/central_zone"} | serves_both


def test_only_the_two_zones_see_the_crossing() -> None:
    """Central writes there too: it takes erased people out of parcels that wait or are kept."""
    mounts = {name: mount for name in SERVICES for mount in SERVICES[name].get("volumes", []) if "crossing" in mount}
    assert mounts == {
        "source-worker": "crossing:/var/gp/crossing",
        "central-worker": "crossing:/var/gp/crossing",
    }


def test_the_journal_of_erasures_is_on_a_volume_of_its_own_that_only_central_has() -> None:
    holders = {name for name in SERVICES if any("erasures:" in mount for mount in SERVICES[name].get("volumes", []))}
    assert holders == {"central-worker"}
    assert SERVICES["central-worker"]["environment"]["GP_ERASURE_JOURNAL_DIR"] == "/var/gp/erasures"


def test_a_zone_writes_its_task_logs_where_only_the_ui_looks() -> None:
    assert COMPOSE["x-everywhere"]["AIRFLOW__LOGGING__LOG_FILENAME_TEMPLATE"].startswith("{{ ti.queue }}/")
    mounts = {name: mount for name in SERVICES for mount in SERVICES[name].get("volumes", []) if "logs-" in mount}
    for zone in ("source", "central"):
        assert mounts[f"{zone}-worker"] == f"logs-{zone}:/var/gp/logs/{zone}"
        assert f"--queues {zone} " in SERVICES[f"{zone}-worker"]["command"]
    assert set(mounts) == {"source-worker", "central-worker", "api-server"}


def test_keys_and_deliveries_cannot_be_written() -> None:
    for service in SERVICES.values():
        binds = [volume for volume in service.get("volumes", []) if volume.startswith("./")]
        assert all(volume.endswith(":ro") for volume in binds)


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith("postgres-")])
def test_no_server_logs_the_values_it_refuses(name: str) -> None:
    wanted = keeping_values_out_of_logs(Policy())
    assert {key: settings_of(name).get(key) for key in wanted} == wanted


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            assert not re.search(r"://[^/\s]*:[^/\s]+@", str(value)), f"{name}: {key} holds a password"
            secret = re.search(r"PASSWORD|SECRET|TOKEN|BROKER_URL|BACKEND", key)
            assert not secret or key.endswith(("_CMD", "_FILE", "_DIR")), f"{name}: read {key} from a file"


def test_every_airflow_setting_exists_in_this_airflow() -> None:
    """A misspelt setting is silently ignored by Airflow."""
    from airflow.configuration import conf

    composed = {key for service in SERVICES.values() for key in service.get("environment", {})}
    demonstrated = set(airflow_environment(Places(root=CHECKOUT / ".demo", port=1), Path("socket")))
    names = {key for key in composed | demonstrated if key.startswith("AIRFLOW__")}
    assert len(names) > 20
    for name in names:
        _, section, option = name.removesuffix("_CMD").lower().split("__")
        assert option in conf.configuration_description[section]["options"], f"Airflow has no [{section}] {option}"


def test_every_command_is_one_that_the_demo_runs_too() -> None:
    """What nobody has run does not work. The exceptions are listed above, each with its reason."""
    run_by_demo = "".join(path.read_text() for path in (CHECKOUT / "include" / "demo").glob("*.py"))
    strangers = []
    for name, service in SERVICES.items():
        words = shlex.split(service.get("command", "postgres"))  # grafana's image brings its own
        known = any(" ".join(words).startswith(command) for command in NOT_IN_DEMO)
        if not known and not all(f'"{word}"' in run_by_demo for word in words):
            strangers.append(f"{name}: {' '.join(words)}")
    assert strangers == []


def test_the_api_answers_before_anything_can_find_work() -> None:
    for name in ("scheduler", "dag-processor", "triggerer", "source-worker", "central-worker"):
        assert SERVICES[name]["depends_on"]["api-server"]["condition"] == "service_healthy"


def settings_of(name: str) -> dict[str, str]:
    """What a server of PostgreSQL is told on its command line."""
    return dict(word.split("=", 1) for word in shlex.split(SERVICES[name]["command"]) if "=" in word)


def members_of(network: str) -> set[str]:
    return {name for name, service in SERVICES.items() if network in service["networks"]}


def holders_of(secret: str) -> set[str]:
    return {name for name, service in SERVICES.items() if secret in service.get("secrets", [])}


def copied_into(target: str) -> set[str]:
    """What one stage of the Dockerfile takes from the checkout."""
    stages = re.split(r"^FROM ", (CHECKOUT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    stage = next(stage for stage in stages if stage.splitlines()[0].endswith(f"AS {target}"))
    return set(re.findall(r"^COPY (\S+) \S+$", stage, re.MULTILINE)) | set(re.findall(r"^ADD .*", stage, re.MULTILINE))


def test_a_worker_imports_its_own_zone_before_it_forks() -> None:
    named = {
        name: service["environment"]["GP_WORKER_IMPORTS"]
        for name, service in SERVICES.items()
        if name.endswith("-worker")
    }
    assert named["source-worker"].startswith("source_zone.")
    assert named["central-worker"].startswith("central_zone.")
    assert not any(
        zone in named[worker] for worker, zone in (("source-worker", "central_zone"), ("central-worker", "source_zone"))
    )
    assert all(find_spec(module) for each in named.values() for module in each.split())
