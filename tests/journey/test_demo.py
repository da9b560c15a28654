"""`make demo` itself, with a real Airflow: what it tells, what it leaves in Airflow's own tables and logs, and its end."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from demo.nights import DELIVERIES, NUMBERS
from journey.canaries import canaries_of, found_in
from support.shown_demonstration import Demonstration, demo

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(600)]


def listening() -> set[tuple[str, int]]:
    connections = psutil.net_connections("tcp")
    return {(each.laddr.ip, each.laddr.port) for each in connections if each.status == psutil.CONN_LISTEN}


LISTENING_BEFORE = listening()


def states(runs: list[dict[str, Any]]) -> list[str]:
    """In order, without those that a clock started: the test may run at any hour."""
    return [run["state"] for run in runs if run["run_type"] != "scheduled"]


def test_both_doctors_find_every_key_in_its_folder_and_nowhere_else_while_all_of_it_runs(shown: Demonstration) -> None:
    """Other tests beside this one start processes with settings that are meant to be found: those are not the demo's."""
    lines = shown.told.splitlines()
    assert [line.partition(" doctor: ")[0] for line in lines if " doctor: " in line] == ["gp-source", "gp-central"]
    bad = [line for line in lines if line.startswith(("  wrong: ", "  not looked at: "))]
    assert [line for line in bad if ": settings: " not in line] == []


def test_the_first_night_is_red_the_second_green_and_both_are_loaded_and_published(shown: Demonstration) -> None:
    assert states(shown.api.runs("collect__gpdpr")) == ["failed", "success"]
    assert states(shown.api.runs("load__gpdpr")) == ["success", "success"]
    published = states(shown.api.runs("publish_register"))  # after each load, and after the erasures of night 2
    assert set(published) == {"success"}
    assert len(published) >= 3


def test_who_opted_out_on_the_second_night_is_erased_and_certified(shown: Demonstration) -> None:
    assert set(states(shown.api.runs("uphold_opt_outs__gpdpr"))) == {"success"}
    assert set(states(shown.api.runs("erase__gpdpr"))) == {"success"}
    assert list((shown.folder / "central" / "receipts").glob("*.certificate.json"))
    assert "erased: people of" in shown.told


def test_the_practice_that_failed_shows_by_its_code_and_was_shredded_too(shown: Demonstration) -> None:
    tasks = shown.api.tasks("collect__gpdpr", "night-1")
    failed = {(task["task_id"], task["rendered_map_index"]) for task in tasks if task["state"] == "failed"}
    assert failed == {("each_shard.pull", "Y99008"), ("every_practice_collected", None)}
    shredded = {task["rendered_map_index"] for task in tasks if task["task_id"] == "each_shard.shred"}
    assert shredded == {f"Y{99_000 + number}" for number in NUMBERS}


def test_what_needs_a_person_was_not_tried_again(shown: Demonstration) -> None:
    tasks = shown.api.tasks("collect__gpdpr", "night-1")
    assert {task["try_number"] for task in tasks if task["state"] == "failed"} == {1}


def test_the_summary_names_the_red_practice_and_says_it_caught_up(shown: Demonstration) -> None:
    assert "Y99008 failed at pull" in shown.told
    assert "It alone failed; on night 2 it caught up." in shown.told
    assert (shown.folder / "central" / "register" / "index.html").is_file()


def test_nothing_identifying_is_in_airflows_tables_or_logs(shown: Demonstration) -> None:
    folders = [path.parent for path in (shown.folder / "source" / "incoming").rglob("canaries.json")]
    canaries = set().union(*(canaries_of(folder) for folder in folders))
    assert len(folders) == len(DELIVERIES)
    logs = list((shown.folder / "logs").rglob("*.log"))
    assert any("task_id=each_shard.pull" in str(path) for path in logs)
    leaks = {str(path): len(found) for path in logs if (found := found_in(path.read_text(), canaries))}
    tables = "\n".join(shown.text_of_airflows_tables())
    assert "each_shard.pseudonymise" in tables
    assert (leaks, len(found_in(tables, canaries))) == ({}, 0)


def test_nothing_listens_beyond_this_machine(shown: Demonstration) -> None:
    """Of the whole machine, since Airflow's processes hide their own from anyone but root."""
    during = listening()
    assert ("127.0.0.1", shown.api.port) in during
    assert {address for address in during - LISTENING_BEFORE if address[0] != "127.0.0.1"} == set()


def test_a_second_demonstration_beside_it_is_refused(shown: Demonstration) -> None:
    second = demo(shown.folder)
    assert second.returncode == 4
    assert "End it first: make down" in second.stderr


def test_a_folder_of_somebody_elses_is_never_cleared(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    refused = demo(tmp_path)
    assert refused.returncode == 4
    assert (tmp_path / "thesis.txt").exists()


def test_stopping_ends_every_process(shown: Demonstration) -> None:
    """Last of all that look at it (tests/conftest.py): Airflow is gone afterwards."""
    rows = json.loads((shown.folder / "processes.json").read_text())
    assert {name for name, _, _ in rows} == {"api-server", "scheduler", "dag-processor", "triggerer"}
    family = [
        each for _, pid, _ in rows for each in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    assert demo(shown.folder, "--stop").returncode == 0
    assert [process.pid for process in family if process.is_running() and process.status() != "zombie"] == []
    assert not (shown.folder / "postgres" / "postmaster.pid").exists()
