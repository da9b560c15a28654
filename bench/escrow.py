"""What the escrow of re-identification costs on the way into the store, and how long a case takes to find its people.

    python bench/escrow.py [--patients 100000] [--rows-each 20] [--times 3]

One parcel of so many patients, signed, staged, validated and loaded into a store of its own on an embedded PostgreSQL that
waits for the disk, with the escrow and without, in turn. In CPU time of this process and on the clock: the server works in
another process. The parcel is far larger than a practice's; what counts is the share.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from central_zone import load_parcel
from central_zone.load import load_records
from central_zone.project_tokens import stored_tokens
from central_zone.reidentification.escrow import load_escrow, sealer
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.prepare import prepare
from central_zone.store.tables import RECORDS
from crossing.policy import policy_folder
from demo.embedded_postgres import embedded_postgres

FOLDERS = ("GP_INBOX_DIR", "GP_CENTRAL_WORK_DIR", "GP_RECEIPTS_DIR", "GP_ERASURE_JOURNAL_DIR")


def a_zone(root: Path, url: str) -> tuple[Settings, Any]:
    from support.parcels import Keys

    keys = Keys(root / "keys").make()
    for name in FOLDERS:
        (root / name.lower()).mkdir()
    values = {name: str(root / name.lower()) for name in FOLDERS}
    return Settings({**values, "GP_CENTRAL_KEYS_DIR": str(keys.folder), "GP_STORE_URL": url}), keys


def load_one(settings: Settings, keys: Any, patients: int, rows_each: int, practice: str) -> tuple[float, float]:
    from support.parcels import a_night, events, seal

    others = {table: events(table, patients, patient_count=patients) for table in ("encounter", "medication")}
    tables = {**a_night(patients, patients * rows_each), **others}
    parcel = seal(settings.inbox_folder, keys, tables, practice_code=practice)
    cpu, clock = time.process_time(), time.monotonic()
    said = load_parcel.load_parcel(parcel.folder, settings)
    took = time.process_time() - cpu, time.monotonic() - clock
    if said["state"] != "loaded":
        raise SystemExit(f"The parcel was not loaded: {said['state']}, {said['reason']}")
    return took


def without_escrow(root: Path) -> Path:
    shutil.copytree(policy_folder(), root / "policy")
    rules = root / "policy" / "reidentification.toml"
    rules.write_text(rules.read_text().replace("kept = true", "kept = false", 1))
    return root / "policy"


def sealing(patients: int, keys: Any) -> float:
    """Of that, sealing each row."""
    from support.parcels import patients as some
    from support.parcels import tokens

    seed = MLKEM768PrivateKey.from_seed_bytes(keys.custodian.seed).public_key()
    one = sealer("B00000", "parcel", MLKEM768X25519PublicKey(seed, keys.custodian.classical.public_key()))
    rows = some(patients, registration_token=tokens(patients, 1))
    started = time.process_time()
    one.rows(rows, rows)
    return time.process_time() - started


def copying(settings: Settings, keys: Any, patients: int) -> tuple[float, float]:
    """Of that, on the clock and in one transaction that is taken back: the escrow's rows, and the patients' themselves."""
    from support.parcels import patients as some
    from support.parcels import tokens

    seed = MLKEM768PrivateKey.from_seed_bytes(keys.custodian.seed).public_key()
    one = sealer("B00000", "parcel", MLKEM768X25519PublicKey(seed, keys.custodian.classical.public_key()))
    rows = some(patients, registration_token=tokens(patients, 5))
    escrow, number = one.rows(rows, rows), 2**40
    with store_of(settings.store_url) as store, store.connect() as connection:
        started = time.monotonic()
        load_escrow(connection, SimpleNamespace(practice_code="B00000", parcel_number=number), escrow)
        between = time.monotonic()
        load_records(connection, "patient", [rows], practice_code="B00000", parcel_number=number)
        return between - started, time.monotonic() - between


def finding(settings: Settings) -> float:
    """Hashing everybody of the store again, for a case."""
    from support.parcels import tokens

    with store_of(settings.store_url) as store, transaction(store, "find") as connection:
        started = time.monotonic()
        stored_tokens(connection, [RECORDS["patient"].c.patient_token], os.urandom(32), tokens(20, 9))
        return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--rows-each", type=int, default=20)
    parser.add_argument("--times", type=int, default=3)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gp-collect-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)  # the embedded server runs as another user
        server = embedded_postgres(root / "postgres")
        try:
            server.psql("CREATE DATABASE bench;")
            measure(root, server.get_uri("bench").replace("postgresql://", "postgresql+psycopg://"), said)
        finally:
            server.stop()


def measure(root: Path, url: str, said: argparse.Namespace) -> None:
    settings, keys = a_zone(root, url)
    with store_of(settings.store_url) as store:
        prepare(store)
    policies = {"with": str(policy_folder()), "without": str(without_escrow(root))}
    load_one(settings, keys, 1_000, said.rows_each, "B99999")  # the first load imports and warms up
    took: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
    for number in range(said.times):
        for which, policy in policies.items():
            os.environ["GP_POLICY_DIR"] = policy
            practice = f"B{number:04d}{len(which) % 10}"
            took[which].append(load_one(settings, keys, said.patients, said.rows_each, practice))
    for which, times in took.items():
        cpu, clock = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{which:>8} escrow: {cpu:6.2f} s of CPU, {clock:6.2f} s", flush=True)
    for _ in range(said.times):
        ours, theirs = copying(settings, keys, said.patients)
        print(f"copying them: {ours:.2f} s; the patients' own rows: {theirs:.2f} s", flush=True)
    print(f"sealing {said.patients:,} rows: {sealing(said.patients, keys):.2f} s of CPU")
    print(f"hashing {2 * said.times * said.patients:,} rows' people again: {finding(settings):.2f} s")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    main()
