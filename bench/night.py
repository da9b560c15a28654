"""A million EMIS rows through the whole data path, as the two commands do it: wall, processor time, memory, rates.

    python bench/night.py [--patients 2100] [--runs 3]

Each step is a process of its own, measured from outside by the operating system's accounts. Medians of several runs.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.embedded_postgres import embedded_postgres

BIN = Path(sys.executable).parent
PRACTICE = "Y99001"


@dataclass(frozen=True, slots=True)
class Measured:
    """One process: seconds on the wall, seconds of processor, peak memory in MB, and what it printed."""

    wall: float
    processor: float
    megabytes: float
    output: str


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def environment_of(root: Path, store_url: str) -> dict[str, str]:
    folders = {
        "GP_SOURCE_KEYS_DIR": "keys/source",
        "GP_SOURCE_WORK_DIR": "spool",
        "GP_SOURCE_STATE_DIR": "memory",
        "GP_INCOMING_DIR": "incoming",
        "GP_OUTBOX_DIR": "outbox",
        "GP_CENTRAL_KEYS_DIR": "keys/central",
        "GP_INBOX_DIR": "outbox",
        "GP_CENTRAL_WORK_DIR": "central",
        "GP_RECEIPTS_DIR": "receipts",
        "GP_LINEAGE_DIR": "lineage",
        "GP_REGISTER_DIR": "register",
    }
    return {**{name: str(root / folder) for name, folder in folders.items()}, "GP_STORE_URL": store_url}


def one_run(root: Path, patients: int, server: Any, number: int) -> dict[str, tuple[int, Measured]]:
    database = f"bench{number}"
    server.psql(f"CREATE DATABASE {database};")
    url = server.get_uri(database).replace("postgresql://", "postgresql+psycopg://")
    here = environment_of(root, url)
    for folder in ("spool", "memory", "outbox", "central", "receipts", "incoming"):
        shutil.rmtree(root / folder, ignore_errors=True)
    size = ["--practices", "1", "--patients", str(patients), "--seed", "1", "--night", "1"]
    simulated = measure([str(BIN / "gp-source"), "simulate", *size, "--out", str(root / "incoming")], here)
    rows = json.loads(simulated.output)["rows"]
    released = measure([str(BIN / "gp-source"), "release", "--collection", "gpdpr", "--practice", PRACTICE], here)
    sent = json.loads(released.output)["sent"]
    measure([str(BIN / "gp-central"), "store", "init", "--leave-settings"], here | {"GP_STORE_ADMIN_URL": url})
    parcels = [str(path) for path in sorted((root / "outbox").iterdir()) if not path.name.startswith(".")]
    loaded = measure([str(BIN / "gp-central"), "load", *parcels], here)
    return {"simulate": (rows, simulated), "gp-source release": (rows, released), "gp-central load": (sent, loaded)}


def table(runs: list[dict[str, tuple[int, Measured]]]) -> str:
    lines = ["| step | rows | wall s | processor s | rows/s | peak MB |", "|---|---|---|---|---|---|"]
    for step in runs[0]:
        rows = runs[0][step][0]
        wall = statistics.median(run[step][1].wall for run in runs)
        processor = statistics.median(run[step][1].processor for run in runs)
        peak = max(run[step][1].megabytes for run in runs)
        lines.append(f"| {step} | {rows:,} | {wall:.1f} | {processor:.1f} | {rows / wall:,.0f} | {peak:,.0f} |")
    path = [sum(run[step][1].wall for step in ("gp-source release", "gp-central load")) for run in runs]
    rows = runs[0]["simulate"][0]
    whole = statistics.median(path)
    lines.append(f"| release + load | {rows:,} | {whole:.1f} | | {rows / whole:,.0f} | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=2100, help="about 480 rows each")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gp-collect-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # the embedded server runs as another user
        subprocess.run(
            [str(BIN / "gp-source"), "keys", "init", "--dir", str(root / "keys")], check=True, stdout=subprocess.DEVNULL
        )
        server = embedded_postgres(root / "postgres")
        runs = [one_run(root, arguments.patients, server, number) for number in range(arguments.runs)]
        print(table(runs))
        server.stop()


if __name__ == "__main__":
    main()
