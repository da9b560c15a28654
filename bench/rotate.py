"""How long it takes to bring a practice with a million rows to a newer token key, at the source and at the centre.

    python bench/rotate.py [--patients 2100] [--entries 480]

One simulated EMIS practice, collected and loaded with the very functions of the nightly DAGs into an embedded PostgreSQL that
waits for the disk (fsync on). Then the key is rotated, the bridge sealed and applied, the old key retired and destroyed. Also
told: what the book of ids costs a night, in seconds and on disk.
"""

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil

# Before what follows is imported: a benchmark is run as a file, and borrows the tests' world.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "include"))

from demo.embedded_postgres import embedded_postgres
from journey.both_zones import make_both_zones
from journey.rotation_lived import bridge_all, query, retire_and_destroy, rotate, with_practices
from simulator.simulate import simulate
from support.postgres import Postgres


def timed(server: psutil.Process, what: str, do, *arguments):
    """Seconds by the clock, and of processors: ours and the server's, whose processes have ended when a step has."""
    started, ours, theirs = time.perf_counter(), time.process_time(), _of_children(server)
    answer = do(*arguments)
    seconds = time.perf_counter() - started
    time.sleep(1)
    ours, theirs = time.process_time() - ours, _of_children(server) - theirs
    print(f"{what:<44}{seconds:8.2f} s, of processors {ours:.2f} s here and {theirs:.2f} s in PostgreSQL", flush=True)
    return answer


def _of_children(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=2100)
    parser.add_argument("--entries", type=int, default=480)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gp-collect-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # the embedded server runs as another user
        server = embedded_postgres(root / "postgres")
        measured = partial(timed, psutil.Process(server.get_pid()))
        (root / "zones").mkdir()
        zones = with_practices(make_both_zones(root / "zones", Postgres(root / "postgres", server.get_uri())), "Y99001")
        size = {"practices": 1, "patients": arguments.patients, "entries_per_patient": arguments.entries}
        simulate(zones.source.incoming, seed=1, **size)
        measured("a night at the source, the book of ids kept", zones.collect, "night-1")
        measured("its load at the centre", zones.load)
        book = sum(path.stat().st_size for path in zones.source.memory.rglob("ids/*.sealed"))
        rows = sum(
            row[0]
            for table in (
                "observation",
                "medication",
                "encounter",
                "problem",
                "patient",
                "referral",
                "immunisation",
                "appointment",
                "allergy",
                "recall",
            )
            for row in query(zones, f"SELECT count(*) FROM records.{table}")  # noqa: S608 (each table is named just above, none comes from outside)
        )
        print(f"{rows:,} rows; the book of ids is {book / 1e6:.1f} MB, {book / rows:.1f} bytes a row")
        rotate(zones)
        measured("the bridge at the source", bridge_all, zones)
        measured("the bridge at the centre", zones.load)
        measured("retiring and destroying the old key", retire_and_destroy, zones, 1)
        server.cleanup()


if __name__ == "__main__":
    main()
