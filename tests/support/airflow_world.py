"""The two small practices of support.killed_world, whose nights are lived by a real Airflow; a carrier still moves the parcels."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from demo.places import CHECKOUT
from demo.stack import Stack, begin, start_airflow
from support import held_tasks
from support.killed_world import World, make_world
from support.people_asking import Person
from support.source_zone import source_environment
from support.task_gates import Gates
from support.task_states import States


@dataclass(frozen=True, slots=True)
class Lived:
    """Airflow runs; none of its tasks may begin until its gate is opened."""

    stack: Stack
    world: World
    states: States
    gates: Gates

    def person(self, name: str) -> Person:
        return Person(self.stack, name)


@contextmanager
def an_airflow(patch: pytest.MonkeyPatch) -> Iterator[Lived]:
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    folder = Path(mkdtemp(prefix="gp-collect-cleared-"))
    stack = begin(folder / "demo")
    try:
        root = stack.places.root
        world = make_world(root, f"postgresql+psycopg://postgres:@/store?host={stack.socket}", has_rows_in_doubt=True)
        _hold_first_parcels(root / "policy")
        patch.setenv("GP_POLICY_DIR", str(root / "policy"))
        settings = _settings_of(world)
        stack.run("gp-central", "store", "init", more={**settings, "GP_STORE_ADMIN_URL": world.store_url})
        held = _held_tasks(folder / "held")
        start_airflow(stack, lambda _: None, more={**settings, **_airflow(held)})
        database = f"postgresql://postgres:@/airflow?host={stack.socket}"
        gates = Gates(held, database, stack.processes.started["scheduler"].pid)
        with closing(States(database)) as states:
            yield Lived(stack, world, states, gates)
    finally:
        stack.stop()
        if not os.environ.get("GP_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


def _hold_first_parcels(policy: Path) -> None:
    """Two stewards have to decide about each practice's first parcels, so that there is something to ask, and to ask again."""
    decisions = policy / "decisions.toml"
    head, place, tail = decisions.read_text().partition("[held_by.history_too_short]\npeople = ")
    assert tail.startswith("1")
    decisions.write_text(f"{head}{place}2{tail[1:]}")
    rules = policy / "expectations" / "parcel.toml"
    before, rule, after = rules.read_text().partition('id = "history_too_short"')
    assert 'severity = "warn"' in after
    rules.write_text(before + rule + after.replace('severity = "warn"', 'severity = "hold_parcel"', 1))


def _settings_of(world: World) -> dict[str, str]:
    """Both zones' as their tasks read them, in one process's environment."""
    receipts = world.central.receipts_folder
    receipts.mkdir(parents=True, exist_ok=True)
    return source_environment(world.source) | {"GP_CENTRAL_RECEIPTS_DIR": str(receipts)} | dict(world.central.values)


def _held_tasks(folder: Path) -> Path:
    for name in ("gates", "reached"):
        (folder / name).mkdir(parents=True)
    shutil.copy(held_tasks.__file__, folder / "airflow_local_settings.py")
    shutil.copy(CHECKOUT / "plugins" / "airflow_local_settings.py", folder / "of_the_product.py")
    return folder


def _airflow(held: Path) -> dict[str, str]:
    """A task that was cleared is killed at its worker's next heartbeat: here after a second.

    Of some DAGs several runs go on at once, and the held tasks of all of them take a worker each."""
    return {
        "PYTHONPATH": f"{held}:{CHECKOUT / 'include'}:{CHECKOUT / 'plugins'}",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__CORE__PARALLELISM": "24",
    }
