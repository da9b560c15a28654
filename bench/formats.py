"""How fast each format becomes canonical rows, on one core, and whether ten times the input needs more memory.

    python bench/formats.py [FORMAT ...] [--patients 400] [--runs 3]

One practice's first night of the simulator; the adapter alone is timed, in a process of its own that may use one core
and one thread: files in, identified batches out. Medians of several runs; the peak is the operating system's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PRACTICE = "Y99001"
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}


def peak_megabytes() -> float:
    """Of this process alone: getrusage's peak begins with that of the process which started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def read_once(format_name: str, folder: Path) -> dict[str, Any]:
    """In this process: reads the delivery and says rows, seconds and peak."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    from crossing.policy import Policy
    from source_zone.adapters.choose import choose_adapter
    from source_zone.identified import ReadTally
    from source_zone.memory import Memory
    from support.source_zone import a_practice

    adapter = choose_adapter(a_practice(PRACTICE, format_name), Policy(), Memory(), "token-gpdpr-v1")
    [extract] = adapter.find_extracts(folder / PRACTICE)
    before = peak_megabytes()
    tally, rows = ReadTally(), 0
    started = time.perf_counter()
    for batch in adapter.read(extract, tally):
        rows += batch.rows.num_rows
    seconds = time.perf_counter() - started
    rows += tally.reference_rows.total()
    peak = peak_megabytes()
    size = sum(path.stat().st_size for path in extract.files) / 1e6
    return {"rows": rows, "seconds": seconds, "before": before, "peak": peak, "megabytes": size}


def in_its_own_process(format_name: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--read", format_name, str(folder)]
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def simulate(format_name: str, folder: Path, patients: int) -> None:
    from simulator.simulate import simulate as write

    write(folder, format=format_name, practices=1, patients=patients, seed=1, night=1, cut_off=None)


def measured(format_name: str, patients: int, runs: int) -> str:
    with tempfile.TemporaryDirectory(prefix="gp-collect-bench-") as root:
        once, tenfold = Path(root, "once"), Path(root, "tenfold")
        simulate(format_name, once, patients)
        results = [in_its_own_process(format_name, once) for _ in range(runs)]
        simulate(format_name, tenfold, patients * 10)
        large = in_its_own_process(format_name, tenfold)
    seconds = statistics.median(each["seconds"] for each in results)
    peak = max(each["peak"] for each in results)
    rate, large_rate = results[0]["rows"] / seconds, large["rows"] / large["seconds"]
    return (
        f"| {format_name} | {results[0]['rows']:,} | {results[0]['megabytes']:,.0f} | {rate:,.0f} | {peak:,.0f} "
        f"| {large['rows']:,} | {large_rate:,.0f} | {large['peak']:,.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--patients", type=int, default=400, help="about 480 rows each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--read", nargs=2, metavar=("FORMAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read_once(arguments.read[0], Path(arguments.read[1]))))
        return
    from simulator.formats import formats

    print("| format | rows | MB | rows/s, one core | peak MB | rows, tenfold | rows/s | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for each in arguments.formats or formats():
        print(measured(each, arguments.patients, arguments.runs), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    main()
