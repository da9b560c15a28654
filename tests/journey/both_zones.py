"""Both zones on one machine, without Airflow: the very functions its tasks call, in the same order."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from central_zone import load_parcel, take_notices
from central_zone import settings as central_settings
from central_zone.register import build_register
from central_zone.register.deliver_lineage import deliver_lineage
from central_zone.store.connection import store_of
from central_zone.store.role_names import PUBLISHER
from crossing.canonical import TABLES
from crossing.errors import PersonMustAct
from crossing.manifest import Manifest, read_manifest
from crossing.policy import Policy, policy_folder
from simulator.simulate import simulate
from source_zone import settings as source_settings
from source_zone import shards
from source_zone.make_development_keys import make_development_keys
from source_zone.uphold_practices import check_all_upheld, uphold_practices
from support.postgres import Postgres, psycopg_url

COLLECTION = "gpdpr"
NIGHTS = ("1", "2")


@dataclass(frozen=True, slots=True)
class BothZones:
    """Two zones whose only common folder is the crossing."""

    root: Path
    source: source_settings.Settings
    central: central_settings.Settings

    def deliver(self, night: int, *, patients: int, entries_per_patient: int) -> dict[str, Any]:
        """The simulator's night, and its answer sheet for the nights so far."""
        out = self.source.incoming
        simulate(out, patients=patients, entries_per_patient=entries_per_patient, seed=7, night=night)
        return dict(json.loads((out / "truth.json").read_text()))

    def collect(self, run_id: str) -> dict[str, str]:
        """As dags/collect.py: every due shard on its own. Returns why which practice failed."""
        failed = {}
        for shard in shards.practices_due(COLLECTION, self.source):
            try:
                shards.pull_shard(COLLECTION, shard, run_id, self.source)
                shards.decide_shard(COLLECTION, shard, run_id, self.source)
                shards.seal_shard(COLLECTION, shard, run_id, self.source)
            except PersonMustAct as error:
                failed |= dict.fromkeys(shard, str(error))
            finally:
                shards.shred_shard(COLLECTION, shard, run_id, self.source)
        return failed

    def load(self) -> list[str]:
        """As dags/load.py. Returns the parcels that waited; raises where one of them did not get in."""
        waiting = load_parcel.parcels_waiting(COLLECTION, self.central)
        for shard in waiting:
            load_parcel.receive_shard(COLLECTION, shard, self.central)
            load_parcel.validate_shard(COLLECTION, shard, self.central)
            load_parcel.load_shard(COLLECTION, shard, self.central)
        parcels = [parcel for shard in waiting for parcel in shard]
        load_parcel.account_for(COLLECTION, parcels, self.central)
        return parcels

    def uphold(self) -> dict[str, Any]:
        """As dags/uphold_opt_outs.py. Returns what left, in counts and ids."""
        said = uphold_practices(COLLECTION, "uphold", self.source)
        check_all_upheld(said)
        return said

    def erase(self) -> list[dict[str, Any]]:
        """As dags/erase.py. Returns what became of each notice that waited."""
        results = take_notices.take_notices(take_notices.notices_waiting(COLLECTION, self.central), self.central)
        take_notices.check_all_taken(results)
        return results

    def publish(self) -> None:
        """As dags/publish_register.py."""
        with store_of(self.central.store_url_of(PUBLISHER)) as store:
            deliver_lineage(store, self.central.lineage_folder)
        build_register.build(self.central.register_folder, self.central)

    def text_of_store(self) -> Iterator[str]:
        """Every row of every table that is not PostgreSQL's own, as text."""
        tables = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"
        with psycopg.connect(psycopg_url(self.central.store_url)) as connection:
            for schema, table in connection.execute(tables).fetchall():
                rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table)))
                yield from (row[0] for row in rows)

    def manifests(self) -> dict[tuple[str, str], Manifest]:
        """What the source stated about each extract of each practice."""
        found = [read_manifest(path.read_bytes()) for path in self.source.outbox.glob("*/manifest.json")]
        return {(manifest.practice_code, manifest.extract_id): manifest for manifest in found}

    def ledger(self) -> dict[str, dict[str, Any]]:
        """What the central zone says became of each parcel."""
        return {str(entry["parcel_id"]): entry for entry in load_parcel.ledger_entries(self.central)}

    def rows_in_store(self) -> dict[str, Counter[str]]:
        """The rows of each table that the store holds, for each practice."""
        rows: dict[str, Counter[str]] = {}
        with psycopg.connect(psycopg_url(self.central.store_url)) as connection:
            for table in TABLES:
                counts = connection.execute(f"SELECT practice_code, count(*) FROM records.{table} GROUP BY 1")
                for practice, number in counts:
                    rows.setdefault(practice, Counter())[table] = number
        return rows

    def patients_in_store(self) -> Counter[str]:
        """The distinct registrations that the store has a patient row of, for each practice."""
        query = "SELECT practice_code, count(DISTINCT registration_token) FROM records.patient GROUP BY 1"
        with psycopg.connect(psycopg_url(self.central.store_url)) as connection:
            return Counter(dict(connection.execute(query).fetchall()))


@dataclass(slots=True)
class Journey:
    """What the two nights came to."""

    zones: BothZones
    truth: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    loaded: dict[str, list[str]] = field(default_factory=dict)
    rows_in_store: dict[str, Any] = field(default_factory=dict)
    patients_in_store: dict[str, Any] = field(default_factory=dict)
    manifests: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    ledger: dict[str, dict[str, Any]] = field(default_factory=dict)

    def expected(self, practice: str, night: str) -> dict[str, Any]:
        return dict(self.truth["practices"][practice]["nights"][night])

    def manifest(self, practice: str, night: str) -> Manifest:
        return self.manifests[practice, self.expected(practice, night)["extract_id"]]


def _policy_of_emis_practices(folder: Path) -> Path:
    """The policy that ships, with the practices these journeys deliver for; the demo has some of other suppliers too."""
    shutil.copytree(policy_folder(), folder)
    lines = (folder / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("Y99") or ",emis_csv," in line]
    (folder / "practices.csv").write_text("\n".join(kept) + "\n")
    return folder


def make_both_zones(root: Path, postgres: Postgres) -> BothZones:
    make_development_keys(root / "keys", Policy().collections())
    for folder in ("incoming", "crossing", "erasures"):
        (root / folder).mkdir()
    source = source_settings.Settings(
        keys=root / "keys" / "source",
        spool=root / "spool",
        memory=root / "memory",
        incoming=root / "incoming",
        landing=root / "landing",
        outbox=root / "crossing",
        lineage=root / "lineage",
        policy_folder=_policy_of_emis_practices(root / "source_policy"),
    )
    central = {
        "GP_STORE_URL": postgres.a_store(),
        "GP_CENTRAL_KEYS_DIR": root / "keys" / "central",
        "GP_INBOX_DIR": root / "crossing",
        "GP_CENTRAL_WORK_DIR": root / "work",
        "GP_RECEIPTS_DIR": root / "receipts",
        "GP_ERASURE_JOURNAL_DIR": root / "erasures",
        "GP_LINEAGE_DIR": root / "lineage",
        "GP_REGISTER_DIR": root / "register",
    }
    return BothZones(root, source, central_settings.Settings({name: str(value) for name, value in central.items()}))
