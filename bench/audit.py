"""How long the audit chain takes to verify at a million entries, and how fast loaders can append to it.

`python bench/audit.py [ENTRIES]`: on the embedded PostgreSQL in a temporary folder (a gigabyte for a million entries and
the ledger's rows they speak of). Prints one JSON line.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg.types.json import Jsonb

from central_zone import audit
from central_zone.chain.cross_check import check_ledger
from central_zone.chain.entry import COLUMNS, NOTHING_BEFORE, AuditEntry
from central_zone.chain.walk import walk
from central_zone.store.connection import store_of, transaction
from central_zone.store.migrate import migrate
from demo.embedded_postgres import embedded_postgres

START = datetime(2026, 9, 1, tzinfo=UTC)
NAMESPACE = UUID(int=0)
SECONDS = 5  # for which appenders append
ROWS = {"patient": 12, "observation": 830, "medication": 411, "encounter": 190, "referral": 3}
PARCEL = (
    "parcel_number, parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id, extract_taken_at, "
    "supplier_format, synthetic, state, rows_loaded, manifest, audit_hash"
)


def entries(count: int) -> Iterator[AuditEntry]:
    before = NOTHING_BEFORE
    for number in range(1, count + 1):
        event = {
            "loaded": str(uuid5(NAMESPACE, str(number))),
            "practice_code": f"A{number % 6300:05}",
            "sequence": number // 6300 + 1,
            "manifest_sha256": f"{number:064x}",
            "rows": ROWS,
        }
        entry = AuditEntry(number, START + timedelta(seconds=number), audit.LOADER, event, before, "gp_loader")
        before = entry.hash = entry.hash_at(number)
        yield entry


def fill(uri: str, count: int) -> float:
    started = time.monotonic()
    with psycopg.connect(uri) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TEMP TABLE made (LIKE audit.entry)")
        with connection.cursor().copy(f"COPY made ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for each in entries(count):
                values = [getattr(each, name) for name in COLUMNS]
                copy.write_row([Jsonb(value) if isinstance(value, dict) else value for value in values])
        connection.execute(
            f"INSERT INTO audit.entry ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM made ORDER BY seq"  # noqa: S608 (columns named at the top of this file, none comes from outside)
        )
        connection.execute(
            f"INSERT INTO ledger.parcel ({PARCEL}) SELECT seq, (event ->> 'loaded')::uuid, 'gpdpr', event ->> 'practice_code', "  # noqa: S608 (columns named at the top of this file, none comes from outside)
            "(event ->> 'sequence')::int, event ->> 'manifest_sha256', 'extract', at, 'emis_csv', true, 'loaded', event -> 'rows', "
            "'{}', hash FROM made"
        )
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("ANALYZE audit.entry, ledger.parcel")
    return time.monotonic() - started


def seconds(of: Any) -> dict[str, float]:
    """On the clock, and of this process's own time: the first is more on a machine that others use."""
    started, used = time.monotonic(), time.process_time()
    of()
    return {"clock": round(time.monotonic() - started, 2), "cpu": round(time.process_time() - used, 2)}


def appended(url: str) -> int:
    """By one connection, each entry in a transaction of its own, as loaders do."""
    done, until = 0, time.monotonic() + SECONDS
    with store_of(url) as store:
        while time.monotonic() < until:
            with transaction(store, "append") as connection:
                audit.append(connection, actor=audit.LOADER, event={"number": done, "rows": ROWS})
            done += 1
    return done


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="gp-collect-audit-") as folder:
        server = embedded_postgres(Path(folder) / "data")
        try:
            uri = server.get_uri()
            url = uri.replace("postgresql://", "postgresql+psycopg://")
            with store_of(url) as store:
                migrate(store)
                said: dict[str, Any] = {"entries": count, "filled_in": round(fill(uri, count), 1)}
                with transaction(store, "walk") as connection:
                    said["walk"] = seconds(lambda: walk(connection))
                    said["cross_check"] = seconds(lambda: check_ledger(connection))
                    said["walk_last_tenth"] = seconds(lambda: walk(connection, after=_at(connection, count * 9 // 10)))
            for writers in (1, 2, 8):
                with ThreadPoolExecutor(writers) as pool:
                    done = sum(pool.map(appended, [url] * writers))
                said[f"appends_per_second_of_{writers}"] = round(done / SECONDS)
            print(json.dumps(said))
        finally:
            server.stop()


def _at(connection: Any, seq: int) -> tuple[int, str]:
    hash_ = connection.exec_driver_sql("SELECT hash FROM audit.entry WHERE seq = %s", (seq,)).scalar_one()
    return seq, hash_


if __name__ == "__main__":
    main()
