"""What a change of token key is looked at with: nights of few practices, keys made and retired, tokens made a second time."""

import hmac
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from central_zone import keys as central_keys
from central_zone.rotation.retire import retire
from central_zone.store.tables import RECORDS
from crossing.canonical import Kind, column_names
from crossing.policy import policy_folder
from journey.both_zones import COLLECTION, BothZones
from source_zone.bridge_practices import bridge_practices, check_all_bridged
from source_zone.destroy_token_key import destroy_token_key
from source_zone.keys import LOCAL_ID, NHS_NUMBER, load_keys
from source_zone.token_key_versions import make_next
from support.emis_files import guid
from support.postgres import psycopg_url


def with_practices(zones: BothZones, *codes: str) -> BothZones:
    """The policy that ships, with these practices alone."""
    policy = zones.root / f"policy of {len(codes)}"
    shutil.copytree(policy_folder(), policy)
    lines = (policy / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("practice_code", *codes))]
    (policy / "practices.csv").write_text("\n".join(kept) + "\n")
    return replace(zones, source=replace(zones.source, policy_folder=policy))


def rotate(zones: BothZones) -> int:
    """As gp-source keys rotate."""
    return make_next(zones.source.keys, COLLECTION)


def bridge_all(zones: BothZones) -> list[str]:
    """As gp-source keys bridge; the parcels that left."""
    said = bridge_practices(COLLECTION, "bridge", zones.source)
    check_all_bridged(said)
    return list(said["parcels"])


def retire_and_destroy(zones: BothZones, version: int) -> dict[str, Any]:
    """As gp-central keys retire and gp-source keys destroy."""
    said = retire(COLLECTION, version, zones.central)
    statement = (zones.root / "receipts" / said["statement"]).read_bytes()
    return {**said, **destroy_token_key(COLLECTION, version, statement, zones.source)}


def query(zones: BothZones, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(psycopg_url(zones.central.store_url)) as connection:
        return connection.execute(sql, values or None).fetchall()


def stored(zones: BothZones, version: int, *, name: str = "", code: str = "", number: str = "") -> UUID:
    """The store's token of a registration, or of a person, under a version of the key: made here from the keys alone."""
    keys = load_keys(zones.source.keys, COLLECTION, version)
    field = NHS_NUMBER if number else LOCAL_ID
    message = f"{field}\0{number}" if number else f"{field}\0{code}\0{guid(name).strip('{}')}"
    store = central_keys.store_subkey(zones.root / "keys" / "central")
    return UUID(bytes=digest(store, digest(keys.token_keys[field], message).hex()))


def digest(key: bytes, message: str) -> bytes:
    return hmac.digest(key.hex().encode(), message.encode(), "sha256")[:16]


def tokens_of_a_person(zones: BothZones, *registrations: UUID) -> list[UUID]:
    """Under which person's tokens the store has patient rows of these registrations."""
    wanted = list(registrations)
    rows = query(
        zones,
        "SELECT DISTINCT patient_token FROM records.patient WHERE registration_token = ANY(%s) AND patient_token IS NOT NULL",
        wanted,
    )
    return [row[0] for row in rows]


def every_token(zones: BothZones) -> set[UUID]:
    """All that stand in any token column of the store's records and quarantine."""
    columns = [(f"records.{table}", name) for table in RECORDS for name in column_names(table, Kind.TOKEN)]
    columns += [("quarantine.row", "record_token"), ("quarantine.row", "registration_token")]
    found: set[UUID] = set()
    for table, name in columns:
        found |= {row[0] for row in query(zones, f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL")}
    return found


def contents(zones: BothZones) -> dict[str, Counter[str]]:
    """Every row of the records, of today's views and of the quarantine, tokens and all; not under which number its parcel came."""
    tables = [f"records.{table}" for table in RECORDS] + [f"records.current_{table}" for table in RECORDS]
    found = {}
    for table in (*tables, "quarantine.row"):
        rows = query(zones, f"SELECT to_jsonb(r) - 'parcel_number' FROM {table} AS r")
        found[table] = Counter(json.dumps(row[0], sort_keys=True) for row in rows)
    return found


def key_files(zones: BothZones) -> list[str]:
    return sorted(path.name for path in Path(zones.source.keys).glob("token-*"))
