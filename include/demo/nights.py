"""One night of the demonstration: practices deliver, Airflow collects, is woken to load, and publishes the register."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.airflow_api import FINISHED, AirflowAPI, DemoStuck, wait_for
from demo.places import COLLECTION
from demo.stack import Say, Stack

# What suppliers' systems deliver: format, folder, number of the first practice, practices. Policy has a row for each.
DELIVERIES = (
    ("emis_csv", ".", 1, 8),
    ("tpp_csv", "tpp_csv", 9, 1),
    ("gpdpr_xml", "gpdpr_xml", 10, 1),
    ("medicus_csv", "medicus_csv", 11, 1),
    ("fhir_r4", "fhir_r4", 12, 1),
    ("gp_connect", "gp_connect", 13, 1),
)
NUMBERS = [number for *_, first, practices in DELIVERIES for number in range(first, first + practices)]
PRACTICES = len(NUMBERS)
PATIENTS = 100
ENTRIES_PER_PATIENT = 100
_SEED = 1
_LONGEST_RUN_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a night came to, as the zones' own commands tell it."""

    number: int
    collect: str
    load: str
    publish: str
    uphold: str
    erased: list[str]  # ids of the notices acted on
    seconds: float
    practices: list[dict[str, Any]]  # gp-source status --json
    parcels: list[dict[str, Any]]  # gp-central ledger --json


def prepare_zones(stack: Stack, say: Say) -> None:
    """Development keys for both zones, an empty store, and the first night's deliveries."""
    stack.run("gp-source", "keys", "init", "--dir", str(stack.places.root / "keys"))
    deliver(stack, 1)
    say(
        f"{PRACTICES} synthetic practices of {PATIENTS} patients have delivered night 1, in {len(DELIVERIES)} suppliers' formats"
    )
    stack.make_store()
    say("The store is ready")


def deliver(stack: Stack, night: int) -> None:
    """The practices' systems put the night's files where the source zone looks for them. All is made up."""
    for format_name, folder, first, practices in DELIVERIES:
        wanted: dict[str, object] = {
            "--format": format_name,
            "--first-practice": first,
            "--practices": practices,
            "--patients": PATIENTS,
            "--entries-per-patient": ENTRIES_PER_PATIENT,
            "--seed": _SEED,
            "--night": night,
            "--out": stack.places.incoming / folder,
        }
        stack.run("gp-source", "simulate", *(str(word) for option in wanted.items() for word in option))


def run_night(stack: Stack, number: int, say: Say) -> Night:
    """Triggers the collection and waits for all that follows of itself. Raises DemoStuck, naming what did not."""
    api, began = stack.api(), time.monotonic()
    api.trigger(f"collect__{COLLECTION}", f"night-{number}")
    collect = _end_of_run(stack, f"collect__{COLLECTION}", "manual", number)
    _check_parcels_announced(api, number)
    say(f"Night {number}: collected ({collect})")
    load = _end_of_run(stack, f"load__{COLLECTION}", "asset_triggered", number)
    say(f"Night {number}: loaded ({load})")
    uphold, erased, since = _upheld(stack, number)
    say(f"Night {number}: later opt-outs upheld ({uphold}), {len(erased)} practices' people erased")
    publish = _published(stack, number, since)
    say(f"Night {number}: register published ({publish})")
    return Night(
        number=number,
        collect=collect,
        load=load,
        publish=publish,
        uphold=uphold,
        erased=erased,
        seconds=time.monotonic() - began,
        practices=json.loads(stack.run("gp-source", "status", "--collection", COLLECTION, "--json")),
        parcels=json.loads(stack.run("gp-central", "ledger", "--json")),
    )


def _upheld(stack: Stack, number: int) -> tuple[str, list[str], str | None]:
    """How the run that upholds opt-outs ended, the notices acted on so far, and when the last of them was, if any left now."""
    dag = f"uphold_opt_outs__{COLLECTION}"
    state = _end_of_run(stack, dag, "asset_triggered", number)
    run = [each for each in stack.api().runs(dag) if each["run_type"] == "asset_triggered"][number - 1]
    left = _succeeded(stack, dag, run["dag_run_id"], "announce_notices")
    if not left:
        return state, [], None
    erase = _waited(lambda: _first_after(stack, f"erase__{COLLECTION}", left), "the erasures", stack)
    taken = _succeeded(stack, f"erase__{COLLECTION}", erase["dag_run_id"], "announce_notices_taken")
    notices = json.loads(stack.run("gp-central", "notices", "--json"))
    return state, [each["parcel_id"] for each in notices if each["applied_at"]], taken


def _succeeded(stack: Stack, dag: str, run: str, task_id: str) -> str | None:
    """When this task of a run ended well; None where it did not."""
    ended = [
        task["end_date"]
        for task in stack.api().tasks(dag, run)
        if task["task_id"] == task_id and task["state"] == "success"
    ]
    return str(ended[0]) if ended else None


def _first_after(stack: Stack, dag: str, moment: str) -> dict[str, Any] | None:
    """The first run that was queued after a moment and has ended."""
    later = [run for run in stack.api().runs(dag) if str(run["queued_at"]) >= moment]
    return later[0] if later and later[0]["state"] in FINISHED else None


def _published(stack: Stack, number: int, since: str | None) -> str:
    """The register counts once it was built after the last thing it tells."""
    state = _end_of_run(stack, "publish_register", "asset_triggered", number)
    if since is None:
        return state
    return str(_waited(lambda: _first_after(stack, "publish_register", since), "the register", stack)["state"])


def _end_of_run(stack: Stack, dag: str, kind: str, count: int) -> str:
    """The state of the DAG's `count`-th run of that kind, once it has ended."""
    api = stack.api()

    def ended() -> Any:
        runs = [run for run in api.runs(dag) if run["run_type"] == kind]
        return len(runs) >= count and runs[count - 1]["state"] in FINISHED and runs[count - 1]["state"]

    return str(_waited(ended, f"run {count} of {dag}", stack))


def _waited(condition: Callable[[], Any], what: str, stack: Stack) -> Any:
    return wait_for(what, condition, seconds=_LONGEST_RUN_SECONDS, alive=stack.processes.ended)


def _check_parcels_announced(api: AirflowAPI, number: int) -> None:
    """Where nothing was sealed nothing will ever wake the load: say so now rather than after minutes."""
    tasks = api.tasks(f"collect__{COLLECTION}", f"night-{number}")
    failed = sorted({task["task_id"] for task in tasks if task["state"] == "failed"})
    if not any(task["task_id"] == "announce_parcels" and task["state"] == "success" for task in tasks):
        raise DemoStuck(f"Night {number} sealed no parcel; failed: {', '.join(failed)}. See logs/tasks/ in its folder.")
