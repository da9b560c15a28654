"""A parcel's load against a bare COPY of as many rows, in stores of several sizes, and questions put to the largest.

    python bench/store.py [--practices 3 27 267] [--rounds 5] [--folder F]

Logged, indexed tables, fsync on. Stores of all sizes stand side by side and take their turns, so that what else the machine
does meets them alike: read the ratios. A practice has some 390,000 rows; 267 of them make 105 million and 21 GB.
With a folder the stores stay there, and the next run finds them filled: fill while the machine is busy, measure when it is quiet.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from filled_store import Tables, a_practice, code_of, copy_statement, fill, moved, several, stream, together
from store_questions import questions, timed

from central_zone.admit import admit
from central_zone.commit import commit
from central_zone.judge import judge
from central_zone.settings import Settings
from central_zone.store.role_names import LOADER
from central_zone.zone import opened
from demo.embedded_postgres import embedded_postgres

FOLDERS = ("GP_INBOX_DIR", "GP_CENTRAL_WORK_DIR", "GP_RECEIPTS_DIR", "GP_ERASURE_JOURNAL_DIR")
_SIZE = """SELECT sum(pg_table_size(leaf.oid)), sum(pg_indexes_size(leaf.oid)), sum(leaf.reltuples)
FROM pg_class AS leaf WHERE leaf.relispartition AND leaf.relkind = 'r' AND relnamespace = 'records'::regnamespace"""


_HEADINGS = (
    *("rows in the store", "heap B/row", "indexes B/row", "load rows/s", "bare COPY rows/s", "bare / load"),
    *("processor us/row, loader + server", "bare: server", "a night's parcel, ms"),
)


@dataclass(slots=True)
class Spent:
    """On some rows: seconds on the wall, and of processor in this process and in the server's."""

    seconds: float = 0.0
    here: float = 0.0
    server: float = 0.0
    rows: int = 0

    def over(self, rows: int) -> "Spent":
        self.rows = rows
        return self

    def __str__(self) -> str:
        each = 1e6 / self.rows
        return f"{self.rows / self.seconds:,.0f} rows/s ({self.here * each:.1f} + {self.server * each:.1f} us a row)"


def _processor(postmaster: int) -> dict[int, float]:
    """Seconds so far of each process of the server."""
    found = {}
    for process in psutil.Process(postmaster).children():
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


class Store:
    """A filled store, and what takes parcels into it."""

    def __init__(self, root: Path, url: str, practice: Tables) -> None:
        from support.parcels import Keys

        root.mkdir(parents=True, exist_ok=True)
        self.url, self.practice, self.next = url, practice, 10_000 + int(time.time()) % 80_000
        self.keys = Keys(Path(tempfile.mkdtemp(dir=root)) / "keys").make()
        values = {name: str(self.keys.folder.parent / name.lower()) for name in FOLDERS}
        self.settings = Settings({**values, "GP_CENTRAL_KEYS_DIR": str(self.keys.folder), "GP_STORE_URL": url})
        for name in FOLDERS:
            Path(values[name]).mkdir()

    def connect(self) -> Any:
        return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True)

    def loaded(self) -> tuple["Spent", "Spent"]:
        """A practice's first parcel, and a night's parcel of its own."""
        from support.parcels import seal

        self.next += 1
        tables = moved(self.practice, self.next)
        who = {"practice_code": code_of(self.next)}
        first = seal(self.settings.inbox_folder, self.keys, tables, **who)
        large = self._committed(first.folder.name)
        night = several(tables, 125)
        second = seal(self.settings.inbox_folder, self.keys, night, sequence=2, previous=first, **who)
        return large, self._committed(second.folder.name)

    def _committed(self, parcel_id: str) -> "Spent":
        with opened(self.settings, role=LOADER) as zone:
            entry = admit(zone, parcel_id)
            judge(zone, [entry])
            with self.spent() as spent:
                done = commit(zone, parcel_id)
        if done.state != "loaded":
            raise SystemExit(f"a parcel is {done.state}: {done.state_reason}")
        return spent.over(sum(done.rows_loaded.values()))

    def copied(self) -> "Spent":
        """As many rows, encoded beforehand and sorted as the loader sorts them."""
        self.next += 1
        tables = {table: together(rows) for table, rows in moved(self.practice, self.next).items()}
        pieces = {
            table: list(stream(rows, code_of(self.next), self.next, may_replace=False))
            for table, rows in tables.items()
        }
        with self.connect() as connection:
            connection.execute("SELECT 1")
            with self.spent() as spent, connection.transaction():
                for table, rows in tables.items():
                    with connection.cursor() as cursor, cursor.copy(copy_statement(table, rows.column_names)) as copy:
                        for piece in pieces[table]:
                            copy.write(piece)
            return spent.over(sum(rows.num_rows for rows in tables.values()))

    @contextmanager
    def spent(self) -> Iterator["Spent"]:
        """Wall clock, and processor time of this process and of the server's, while the block runs."""
        with self.connect() as connection:
            postmaster = psutil.Process(connection.info.backend_pid).ppid()
        spent = Spent()
        before, here, started = _processor(postmaster), time.process_time(), time.perf_counter()
        yield spent
        spent.seconds, spent.here = time.perf_counter() - started, time.process_time() - here
        spent.server = sum(max(0.0, now - before.get(pid, 0.0)) for pid, now in _processor(postmaster).items())

    def size(self) -> tuple[float, float, float]:
        with self.connect() as connection:
            heap, indexes, rows = connection.execute(_SIZE).fetchone()
        return float(rows), float(heap) / float(rows), float(indexes) / float(rows)


def rates(stores: list[Store], rounds: int) -> None:
    found: list[list[tuple[Spent, Spent, Spent]]] = [[] for _ in stores]
    for _ in range(rounds):
        for index, store in enumerate(stores):
            bare = store.copied()
            first, night = store.loaded()
            found[index].append((first, bare, night))
            told = f"load {first}, bare {bare}, a night of {night.rows} rows {1000 * night.seconds:.0f} ms"
            print(f"  {index}: {told}; the machine's load {os.getloadavg()[0]:.0f}", flush=True)
    print(f"| {' | '.join(_HEADINGS)} |\n{'|---' * len(_HEADINGS)}|")
    for store, each in zip(stores, found, strict=True):
        rows, heap, indexes = store.size()
        load, bare = (statistics.median(turn[which].rows / turn[which].seconds for turn in each) for which in (0, 1))
        ratio = statistics.median(turn[1].rows / turn[1].seconds * turn[0].seconds / turn[0].rows for turn in each)
        here, server = (
            statistics.median(getattr(turn[0], which) / turn[0].rows * 1e6 for turn in each)
            for which in ("here", "server")
        )
        copying = statistics.median(turn[1].server / turn[1].rows * 1e6 for turn in each)
        night = statistics.median(1000 * turn[2].seconds for turn in each)
        told = (f"{rows:,.0f}", f"{heap:.0f}", f"{indexes:.0f}", f"{load:,.0f}", f"{bare:,.0f}", f"{ratio:.2f}")
        print(f"| {' | '.join(told)} | {here:.1f} + {server:.1f} | {copying:.1f} | {night:.0f} |")


def stands(server: Any, root: Path, practices: int, practice: Tables) -> Store:
    """The store of so many practices: filled now, unless an earlier run left it here whole."""
    here, filled = root / str(practices), root / f"{practices}.filled"
    name = f"bench{practices}"
    url = server.get_uri(name).replace("postgresql://", "postgresql+psycopg://")
    if not filled.exists():
        server.psql(f"DROP DATABASE IF EXISTS {name};")
        server.psql(f"CREATE DATABASE {name};")
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        seconds, rows = timed(lambda: fill(url, here, practice, practices))
        print(f"filled: {rows:,} rows in {seconds:.0f} s", flush=True)
        filled.touch()
    return Store(here, url, practice)


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="gp-collect-bench-") as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--practices", type=int, nargs="+", default=[3, 27, 267])
    parser.add_argument("--rounds", type=int, default=5, help="0: fill only, ask nothing")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with _folder(arguments.folder) as root:
        root.chmod(0o755)  # the embedded server runs as another user
        server = embedded_postgres(root / "postgres")
        try:
            shutil.rmtree(root / "source", ignore_errors=True)
            practice = a_practice(root / "source", 900)
            stores = [stands(server, root, practices, practice) for practices in arguments.practices]
            if arguments.rounds:
                rates(stores, arguments.rounds)
                questions(stores[-1].connect())
        finally:
            server.stop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    main()
