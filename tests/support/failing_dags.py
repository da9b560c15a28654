"""Two DAGs and a file that is none: what fails while it holds a canary, and what says a control on purpose.

They are written into a folder of DAGs, so that Airflow's own processor, scheduler and task runner meet them. A canary is read
from a file by the task, as records are: it stands in no DAG. The controls do, except where they must come from elsewhere.
"""

from pathlib import Path

TESTS = Path(__file__).parents[1]

_SURPRISES = '''"""Failures that nobody foresaw, in bodies that stop for a person."""

import sys
from pathlib import Path

from airflow.sdk import dag, task

from stop_for_a_person import stop_for_a_person

sys.path.append({tests!r})
CANARY = Path({canary!r})


@dag(schedule=None, tags=["zone:source"])
def surprises():
    @task
    @stop_for_a_person
    def fail(kind):
        from support.foreign_failures import FAILURES

        FAILURES[kind](CANARY.read_text())

    @task
    @stop_for_a_person
    def hand_on():
        from source_zone.identifier import Identifier

        return {{"person": Identifier(CANARY.read_text())}}

    @task
    @stop_for_a_person
    def tell():
        import logging

        from source_zone.identifier import Identifier

        person = Identifier(CANARY.read_text())
        logging.getLogger("airflow.task").error("person %s", person)
        logging.getLogger("airflow.task").error("person %r", person)
        print([person])

    fail.expand(kind={kinds!r})
    hand_on()
    tell()


surprises()
'''

_CONTROLS = '''"""What a careless task does: each surface gets a word of its own, and the search must find it there."""

import os

from airflow.sdk import dag, task


@dag(schedule=None, tags=["zone:source"])
def controls():
    @task
    def fail():
        raise ValueError({raised!r})

    @task
    def say():
        print({printed!r})
        os.write(2, ({descriptor!r} + "\\n").encode())

    @task
    def hand_on():
        return {handed_on!r}

    @task(templates_dict={{"word": {rendered!r}}})
    def render():
        return None

    fail()
    say()
    hand_on()
    render()


controls()
'''

_NO_DAG = """# Airflow looks into files that name airflow and a dag.
raise ValueError({imported!r})
"""


def write_failing_dags(folder: Path, canary: Path, kinds: list[str], controls: dict[str, str]) -> None:
    """`controls` has a word for each of: raised, printed, descriptor, handed_on, rendered, imported."""
    (folder / "surprises.py").write_text(_SURPRISES.format(tests=str(TESTS), canary=str(canary), kinds=kinds))
    (folder / "controls.py").write_text(_CONTROLS.format(**controls))
    (folder / "no_dag.py").write_text(_NO_DAG.format(**controls))
