"""How long a release takes: a million observations of 20,000 people at ten practices, with and without record tokens.

python bench/release.py
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

# Before what follows is imported: a benchmark is run as a file, and borrows the tests' world.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "include"))

from support.parcels import Keys, events, patients, tokens
from support.postgres import a_server
from support.release_world import ReleaseWorld

PRACTICES, PEOPLE, OBSERVATIONS = 10, 2_000, 100_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, a_server() as server:
        root = Path(folder)
        world = ReleaseWorld(root, Keys(root / "keys").make(), server.a_store())
        for number in range(PRACTICES):
            load(world, number)
        world.publish()
        once(world, "person's token only")
        world.change('observation = ["eff', 'observation = ["record_token", "registration_token", "eff')
        world.publish()
        once(world, "with a token for each record")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def load(world: ReleaseWorld, number: int) -> None:
    practice, registrations = f"A1{number:04d}", tokens(PEOPLE, 100 + number)
    about = {
        "registration_token": registrations,
        "record_token": registrations,
        "patient_token": tokens(PEOPLE, 300 + number),
    }
    whose = registrations.take(pa.array(np.arange(OBSERVATIONS) % PEOPLE))
    observed = events("observation", OBSERVATIONS, seed=500 + number, registration_token=whose)
    world.load(practice, {"patient": patients(PEOPLE, **about), "observation": observed})
    world.allow(practice, about["patient_token"].slice(0, PEOPLE * 95 // 100))


def once(world: ReleaseWorld, what: str) -> None:
    wall, cpu = time.monotonic(), time.process_time()
    rows = world.release_only()["rows"]
    print(
        f"{what}: {sum(rows.values()):,} rows in {time.monotonic() - wall:.1f} s, {time.process_time() - cpu:.1f} s of it here"
    )


if __name__ == "__main__":
    main()
