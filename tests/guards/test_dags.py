"""The DAGs are contents pages: they parse, keep to their zone's queue, and hold no logic."""

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import Policy
from support.tasks_again import ELSEWHERE, STEPS

pytestmark = pytest.mark.airflow

CHECKOUT = Path(__file__).parents[2]
DAG_FILES = sorted((CHECKOUT / "dags").glob("*.py"))
OUR_PLUGINS = {path.stem for path in (CHECKOUT / "plugins").glob("*.py")}
MAY_IMPORT = {"airflow", "crossing", "datetime", "functools"} | OUR_PLUGINS
OF_A_COLLECTION = ("collect", "uphold_opt_outs", "load", "erase", "decide", "decide_quarantine", "reconcile")
OF_THE_WHOLE = {"publish_register", "watch_source", "watch_central"}
QUEUES = {"zone:source": "source", "zone:central": "central"}


@pytest.fixture(scope="module")
def bag() -> Any:
    os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(CHECKOUT / "plugins")
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(CHECKOUT / "dags")


def test_every_dag_file_parses(bag: Any) -> None:
    assert bag.import_errors == {}


def test_each_collection_and_each_data_use_in_policy_has_its_dags_and_nothing_else_is_there(bag: Any) -> None:
    of_collections = {f"{verb}__{name}" for name in Policy().collections() for verb in OF_A_COLLECTION}
    of_data_uses = {f"release__{use}" for use in Policy().data_uses()}
    assert set(bag.dags) == of_collections | of_data_uses | OF_THE_WHOLE


def test_a_new_collection_needs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    written = (Policy().folder / "collections" / "gpdpr.toml").read_text()
    (tmp_path / "collections").mkdir()
    (tmp_path / "collections" / "winter.toml").write_text(written.replace('id = "gpdpr"', 'id = "winter"'))
    monkeypatch.setenv("GP_POLICY_DIR", str(tmp_path))
    expected = {f"{verb}__winter" for verb in OF_A_COLLECTION} | OF_THE_WHOLE
    assert set(DagBag(CHECKOUT / "dags").dags) == expected


def test_all_tasks_of_a_dag_are_on_the_queue_of_its_zone(bag: Any) -> None:
    for dag in bag.dags.values():
        zones = [QUEUES[tag] for tag in dag.tags if tag in QUEUES]
        assert len(zones) == 1, f"{dag.dag_id}: give it one zone tag."
        strays = {task.task_id: task.queue for task in dag.tasks if task.queue != zones[0]}
        assert strays == {}, f"{dag.dag_id}: put these tasks on the queue {zones[0]}."


def test_every_dag_says_what_it_does_and_whose_it_is(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.doc_md, f"{dag.dag_id}: begin its file with a docstring and hand it over as doc_md."
        assert {task.owner for task in dag.tasks} <= {"source zone", "central zone"}, f"{dag.dag_id}: name an owner."


def test_installing_never_starts_a_run_of_a_time_gone_by(bag: Any) -> None:
    """Airflow takes `run_immediately=False` for "if only just missed": zero time says never."""
    for path in DAG_FILES:
        assert path.read_text().count("CronTriggerTimetable(") == path.read_text().count("run_immediately=timedelta(0)")


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_thin(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 80, "A DAG file has at most 80 lines: move what it does into a zone."
    longest = max(len(task.body) for task in _tasks(text))
    assert longest <= 5, "A task's body imports and calls: move the rest into a zone."


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_holds_no_logic(path: Path) -> None:
    forbidden = (ast.If, ast.While, ast.Try, ast.IfExp, ast.Lambda, ast.DictComp)
    found = [type(node).__name__ for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, forbidden)]
    assert found == [], "Decide in a zone, not in a DAG."


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_imports_no_zone_at_its_top(path: Path) -> None:
    imported = _roots(ast.parse(path.read_text()).body)
    assert imported <= MAY_IMPORT, "Import zone code inside the task: the DAG processor has neither zone nor key."


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_calls_the_zone_of_its_tag_and_no_other(path: Path) -> None:
    text = path.read_text()
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    called = _roots(nodes) & {"source_zone", "central_zone"}
    tagged = {f"{tag.removeprefix('zone:')}_zone" for tag in QUEUES if f'"{tag}"' in text}
    assert called == tagged, "One DAG, one zone: the parcels join them."


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_every_task_that_calls_a_zone_stops_for_a_person(path: Path) -> None:
    for task in _tasks(path.read_text()):
        names = {
            node.id for decorator in task.decorator_list for node in ast.walk(decorator) if isinstance(node, ast.Name)
        }
        assert "stop_for_a_person" in names, f"{task.name}: its errors could quote a record; add @stop_for_a_person."


def _tasks(text: str) -> list[ast.FunctionDef]:
    """The functions that import zone code: the bodies of tasks."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [each for each in functions if any(isinstance(statement, ast.ImportFrom) for statement in each.body)]


def _roots(statements: list[ast.stmt]) -> set[str]:
    plain = [alias.name for node in statements if isinstance(node, ast.Import) for alias in node.names]
    from_ = [node.module or "." for node in statements if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in plain + from_}


def test_every_task_is_run_again_by_a_test_or_says_where_else_that_is_shown(bag: Any) -> None:
    known = {f"{dag}: {task}" for dag, tasks in STEPS.items() for task in tasks}
    found = {f"{dag.dag_id.partition('__')[0]}: {task.task_id}" for dag in bag.dags.values() for task in dag.tasks}
    elsewhere = {name for name in found if name.partition(": ")[2] in ELSEWHERE}
    assert found - known - elsewhere == set(), "tests/support/tasks_again.py: run it again there"
    assert known - found == set(), "tests/support/tasks_again.py names tasks that are no more"
    assert {name.partition(": ")[2] for name in elsewhere} == set(ELSEWHERE)
