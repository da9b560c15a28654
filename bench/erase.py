"""How long it takes to erase people from a full store: one among millions of rows, and 50,000.

    python bench/erase.py [--patients 100000] [--rows-each 100] [--many 50000]

A store of its own on an embedded PostgreSQL, which waits for the disk (fsync on), filled through the loader's own COPY: a
hundred practices, a patient row each and the rest in five tables. Notices are sealed, signed and
taken as they come from practices, so everything counts: signature, journal, rows, marks, ledger, audit, certificate. No
parcels lie in the inbox. The reach is the person's.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from central_zone import ledger, take_notices
from central_zone.load import load_records
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.prepare import prepare
from central_zone.tokens import as_hex
from crossing.tokens import keyed_tokens
from demo.embedded_postgres import embedded_postgres

PRACTICES = 100
TABLES = (
    "observation",
    "observation",
    "observation",
    "observation",
    "medication",
    "medication",
    "encounter",
    "problem",
)
FOLDERS = ("GP_INBOX_DIR", "GP_CENTRAL_WORK_DIR", "GP_RECEIPTS_DIR", "GP_ERASURE_JOURNAL_DIR")


def practice_code(number: int) -> str:
    return f"B{number:05d}"


def tokens(count: int, *seed: int) -> pa.Array:
    data = np.random.default_rng(seed).bytes(16 * count)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, pa.py_buffer(data)])


class Bench:
    """A central zone under one folder."""

    def __init__(self, root: Path, url: str, patients: int, rows_each: int) -> None:
        from support.parcels import Keys

        self.root, self.keys = root, Keys(root / "keys").make()
        self.each = patients // PRACTICES
        self.rows_each = rows_each
        values = {name: str(root / name.lower()) for name in FOLDERS}
        self.settings = Settings({**values, "GP_CENTRAL_KEYS_DIR": str(self.keys.folder), "GP_STORE_URL": url})
        for name in FOLDERS:
            (root / name.lower()).mkdir()
        self.sequence: dict[int, int] = {}

    def fill(self) -> int:
        from central_zone import keys

        subkey, rows = keys.store_subkey(self.keys.folder), 0
        with store_of(self.settings.store_url) as store:
            prepare(store)
            for practice in range(PRACTICES):
                with transaction(store, "fill") as connection:
                    rows += self._fill(connection, practice, subkey)
        return rows

    def _fill(self, connection: Any, practice: int, subkey: bytes) -> int:
        from support.parcels import events, patients, seal

        draft = seal(self.root / "drafts", self.keys, {}, practice_code=practice_code(practice)).manifest
        ledger.enter(connection, draft, state="loaded")
        number = ledger.entry(connection, draft.parcel_id).parcel_number
        registrations, persons = (stored(tokens(self.each, seed, practice), subkey) for seed in (1, 2))
        whose = registrations.take(pa.array(np.arange(self.each * self.rows_each // 10) % self.each))
        people = patients(
            self.each, registration_token=registrations, patient_token=persons, record_token=registrations
        )
        pieces = [("patient", people)]
        for index, table in enumerate((*TABLES, "recall")):
            made = events(
                table, len(whose), registration_token=whose, record_token=tokens(len(whose), 3, practice, index)
            )
            pieces.append((table, made))
        for table, rows in pieces:
            load_records(connection, table, [rows], practice_code=practice_code(practice), parcel_number=number)
        return sum(rows.num_rows for _, rows in pieces)

    def notice(self, practice: int, first: int, count: int) -> Path:
        """People of one practice, from the first one on."""
        from support.parcels import seal

        self.sequence[practice] = sequence = self.sequence.get(practice, 0) + 1
        named = {
            "registration_token": tokens(self.each, 1, practice).slice(first, count),
            "patient_token": tokens(self.each, 2, practice).slice(first, count),
            "up_to_sequence": pa.array([1] * count, pa.int32()),
        }
        how = {"extract_kind": "erasure", "extract_id": f"erasure-{sequence}"}
        inbox = self.settings.inbox_folder
        tables = {"erasure": pa.table(named)}
        return seal(inbox, self.keys, tables, practice_code=practice_code(practice), sequence=sequence, **how).folder

    def taken(self, folder: Path) -> int:
        return int(take_notices.take_notice(folder, self.settings)["rows"])


def stored(t1: pa.Array, subkey: bytes) -> pa.Array:
    return keyed_tokens(as_hex(t1), subkey)


def timed(run: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    answer = run()
    return time.perf_counter() - started, answer


def query(url: str, sql: str) -> Any:
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        return connection.execute(sql).fetchone()


def measure(bench: Bench, ones: int, many: int) -> None:
    url = bench.settings.store_url
    seconds, rows = timed(bench.fill)
    execute(url, "ANALYZE")
    execute(url, "CHECKPOINT")
    size = query(url, "SELECT pg_database_size(current_database())")[0] / 1e9
    print(f"filled: {rows:,} rows in {seconds:.0f} s, {size:.1f} GB, fsync {query(url, 'SHOW fsync')[0]}", flush=True)
    print("| what | people | rows erased | seconds | rows/s |\n|---|---|---|---|---|")
    folders = [bench.notice(practice, 0, 1) for practice in range(ones)]
    results = [timed(lambda folder=folder: bench.taken(folder)) for folder in folders]
    median, worst = statistics.median(each[0] for each in results), max(each[0] for each in results)
    print(
        f"| one person, median of {ones} (worst {worst:.2f} s) | 1 | {results[0][1]:,} | {median:.2f} | |", flush=True
    )
    at_once = many // (PRACTICES // 2)
    folders = [bench.notice(practice, 0, at_once) for practice in range(PRACTICES // 2, PRACTICES)]
    seconds, erased = timed(lambda: sum(bench.taken(folder) for folder in folders))
    print(f"| {len(folders)} notices | {many:,} | {erased:,} | {seconds:.1f} | {erased / seconds:,.0f} |", flush=True)
    seconds, _ = timed(lambda: execute(url, "VACUUM"))
    print(f"| VACUUM afterwards | | | {seconds:.1f} | |", flush=True)


def execute(url: str, sql: str) -> int:
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        connection.execute(sql)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--rows-each", type=int, default=100)
    parser.add_argument("--ones", type=int, default=9)
    parser.add_argument("--many", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gp-collect-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # the embedded server runs as another user
        server = embedded_postgres(root / "postgres")
        try:
            server.psql("CREATE DATABASE bench;")
            url = server.get_uri("bench").replace("postgresql://", "postgresql+psycopg://")
            measure(Bench(root, url, arguments.patients, arguments.rows_each), arguments.ones, arguments.many)
        finally:
            server.stop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    main()
