"""Nights at the centre, a backup, a disaster, and what is in a store: for tests of restores."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from central_zone import load_parcel
from central_zone.register.build_register import build
from central_zone.settings import Settings
from crossing.canonical import NATIONAL_ALLOW_LIST, TABLES
from support.centre_lived import COLLECTION, Centre
from support.erasures import a_notice, token
from support.parcels import Keys, Sealed, a_night, rows, seal, tokens
from support.postgres import psycopg_url

PRACTICES = ("A12345", "B12345", "C12345")
FOLDERS = {
    "GP_INBOX_DIR": "inbox",
    "GP_CENTRAL_WORK_DIR": "work",
    "GP_RECEIPTS_DIR": "receipts",
    "GP_ERASURE_JOURNAL_DIR": "journal",
    "GP_REGISTER_DIR": "register",
    "GP_LINEAGE_DIR": "lineage",
}
# What somebody sees of the store. Parcels have numbers by arrival, so their place in the sequence stands for them.
_RECORDS = """
SELECT to_jsonb(record) - 'parcel_number' || jsonb_build_object('sequence', parcel.sequence)
FROM records.{0} AS record JOIN ledger.parcel USING (parcel_number) ORDER BY 1
"""
_LEDGER = "SELECT practice_code, sequence, state, rows_quarantined FROM ledger.parcel ORDER BY 1, 2"
_MARKS = "SELECT * FROM erasure.mark ORDER BY 1, 2, 3, 4"


@dataclass(slots=True)
class Nights:
    """The centre's folders, which outlive its store, and the parcels that practices sent."""

    root: Path
    keys: Keys
    url: str
    last: dict[str, Sealed]

    @property
    def settings(self) -> Settings:
        values = {name: str(self.root / folder) for name, folder in FOLDERS.items()}
        return Settings({**values, "GP_CENTRAL_KEYS_DIR": str(self.keys.folder), "GP_STORE_URL": self.url})

    def night(self, number: int) -> None:
        """Every practice sends its records; they are loaded, and the register is published."""
        for seed, practice in enumerate(PRACTICES, 10 * number):
            previous = self.last.get(practice)
            night = a_night(25, 60, seed=seed)
            self.last[practice] = self.sealed(night, practice_code=practice, sequence=number, previous=previous)
        Centre(self.settings).load()
        build(self.settings.register_folder, self.settings)

    def sealed(self, tables: dict[str, pa.Table], **how: Any) -> Sealed:
        return seal(self.root / "inbox", self.keys, tables, **how)

    def say_who_is_allowed(self, sequence: int) -> None:
        """Everybody may be used, at every practice."""
        for practice in PRACTICES:
            people = {NATIONAL_ALLOW_LIST: rows(NATIONAL_ALLOW_LIST, 25, patient_token=tokens(25, 2))}
            self.sealed(
                people,
                practice_code=practice,
                sequence=sequence,
                extract_kind=NATIONAL_ALLOW_LIST,
                extract_id=f"list-{sequence}",
                not_after=(datetime.now(UTC) + timedelta(days=20)).isoformat(timespec="seconds"),
            )
        Centre(self.settings).take_notices()

    def erase(self, *people: int) -> list[dict[str, Any]]:
        """These people of the first practice opted out, whose records left with every night until now."""
        so_far = self.last[PRACTICES[0]].manifest.sequence
        a_notice(self, [(token(row, 1), token(row, 2), so_far) for row in people])
        return Centre(self.settings).take_notices()

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        with psycopg.connect(psycopg_url(self.url)) as connection:
            queries = {table: _RECORDS.format(table) for table in TABLES} | {"ledger": _LEDGER, "marks": _MARKS}
            return {name: connection.execute(query).fetchall() for name, query in queries.items()}

    def receipts(self) -> dict[str, dict[str, Any]]:
        folder = self.settings.receipts_folder
        return {path.name: json.loads(path.read_bytes())["receipt"] for path in folder.glob("*.receipt.json")}


def nights(root: Path, url: str) -> Nights:
    for name in FOLDERS.values():
        (root / name).mkdir(parents=True)
    return Nights(root, Keys(root / "keys").make(), url, {})


PRACTICES_FILE = (
    "practice_code,supplier,format,transport,connection,participates_from,participates_until,synthetic\n"
    + "".join(f"{code},EMIS,emis_csv,directory,{code},2026-09-01,,yes\n" for code in PRACTICES)
)


def refused_by_the_loader(settings: Settings) -> set[str]:
    """What a load says of each parcel that waits; nothing is loaded."""
    shards = load_parcel.parcels_waiting(COLLECTION, settings)
    return {told["reason"] for shard in shards for told in load_parcel.receive_shard(COLLECTION, shard, settings)}
