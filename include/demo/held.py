"""A third night for whoever wants to decide something: the policy becomes so strict that parcels are held for a steward."""

import json
import os
import shutil
from typing import Any

from crossing.policy import policy_folder
from demo.airflow_api import wait_for
from demo.nights import deliver
from demo.places import COLLECTION
from demo.stack import Say, Stack

NIGHT = 3
LENIENT, STRICT = "largest_quarantined_share = 0.05", "largest_quarantined_share = 0.0001"
_LONGEST_SECONDS = 400


def with_a_policy_of_its_own(stack: Stack) -> None:
    """A copy, which the third night may change. To be called before anything reads the policy."""
    own = stack.places.root / "policy"
    shutil.copytree(policy_folder(), own)
    os.environ["GP_POLICY_DIR"] = str(own)


def hold_parcels(stack: Stack, say: Say) -> list[dict[str, Any]]:
    """Those that wait for a steward when the night is over, as the ledger tells of them. Raises DemoStuck where none does."""
    collection = policy_folder() / "collections" / f"{COLLECTION}.toml"
    collection.write_text(collection.read_text().replace(LENIENT, STRICT))
    deliver(stack, NIGHT)
    stack.api().trigger(f"collect__{COLLECTION}", f"night-{NIGHT}")
    held = list(
        wait_for(
            "a parcel to be held", lambda: _asked_for(stack), seconds=_LONGEST_SECONDS, alive=stack.processes.ended
        )
    )
    say(
        f"Night {NIGHT}: policy allows hardly any row to break a rule; {len(held)} parcels are held and wait for a steward"
    )
    return held


def _asked_for(stack: Stack) -> list[dict[str, Any]]:
    """Held, and the question stands: a parcel is held some seconds before anybody is asked."""
    asked = any(run["state"] == "running" for run in stack.api().runs(f"decide__{COLLECTION}"))
    ledger = json.loads(stack.run("gp-central", "ledger", "--json"))
    return [each for each in ledger if each["state"] == "held"] if asked else []
