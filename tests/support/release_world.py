"""A store with patients, their national allow lists and a published register: what a release needs, without a load."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
from sqlalchemy import Engine, insert, text

from central_zone import keys as central_keys
from central_zone import release, take_notices
from central_zone.load import load_records
from central_zone.register.build_register import publish
from central_zone.register.read_ledger import read_ledger
from central_zone.settings import Settings
from central_zone.store.connection import store_of
from central_zone.store.role_names import ERASER, LOADER, PUBLISHER, RELEASER
from central_zone.store.tables import parcel
from central_zone.tokens import with_store_tokens
from central_zone.zone import Zone
from crossing.canonical import NATIONAL_ALLOW_LIST
from crossing.policy import Policy, policy_folder
from support.parcels import Keys, Sealed, rows, seal, tokens

USE = "example_respiratory_demand"
TODAY = datetime.now(UTC).replace(microsecond=0)
_USED = ("patient", "encounter", "observation", "staff_role")
_numbers = count(1)


@dataclass(slots=True)
class ReleaseWorld:
    """The central zone on a day of its own, with a policy that tests may change."""

    root: Path
    keys: Keys
    store_url: str
    today: datetime = TODAY
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.root / "policy"
        shutil.copytree(policy_folder(), self.folder)
        for name in ("inbox", "register"):
            (self.root / name).mkdir()

    @property
    def settings(self) -> Settings:
        return Settings(
            {
                "GP_STORE_URL": self.store_url,
                "GP_CENTRAL_KEYS_DIR": str(self.keys.folder),
                "GP_INBOX_DIR": str(self.root / "inbox"),
                "GP_RECEIPTS_DIR": str(self.root / "receipts"),
                "GP_REGISTER_DIR": str(self.root / "register"),
            }
        )

    @contextmanager
    def zone(self, role: str = RELEASER) -> Iterator[Zone]:
        with store_of(self.settings.store_url_of(role)) as store:
            yield self._zone(store)

    def empty_the_store(self) -> None:
        """Quicker than a new one."""
        names = self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'release' AND tablename LIKE '%\\_\\_%'")
        fixed = "SELECT schemaname || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname IN ('audit', 'lineage', 'release')"
        with store_of(self.store_url) as store, store.begin() as connection:
            # As the administrator it is: nobody else gets an entry out of the audit chain.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for (name,) in names:
                connection.exec_driver_sql(f"DROP TABLE release.{name}")
            rows = [row for (row,) in connection.execute(text(fixed))]
            for table in (
                *rows,
                *(f"records.{name}" for name in _USED),
                "ledger.parcel",
                "ledger.notice",
                "ledger.refusal",
            ):
                connection.exec_driver_sql(f"DELETE FROM {table}")

    def _zone(self, store: Engine) -> Zone:
        policy, inbox = Policy(self.folder), self.root / "inbox"
        return Zone(settings=self.settings, store=store, policy=policy, now=lambda: self.today, inbox=inbox)

    def change(self, old: str, new: str, *, use: str = USE) -> None:
        path = self.folder / "data_uses" / f"{use}.toml"
        assert old in path.read_text(), f"{use} has no {old}"
        path.write_text(path.read_text().replace(old, new, 1))

    def publish(self) -> dict[str, Any]:
        with self.zone(PUBLISHER) as zone:
            publish(self.root / "register", read_ledger(zone.store), Policy(self.folder))
        return json.loads((self.root / "register" / "register.json").read_text())

    def load(self, practice: str, tables: dict[str, pa.Table], *, synthetic: bool = True) -> None:
        """Into the store, as a parcel of its own: T1 tokens become T2."""
        number = next(_numbers)
        subkey = central_keys.store_subkey(self.keys.folder)
        with self.zone(LOADER) as zone, zone.store.begin() as connection:
            connection.execute(insert(parcel).values(**_parcel(practice, number, synthetic=synthetic)))
            for name, whole in tables.items():
                stored = [with_store_tokens(name, whole, subkey)]
                load_records(connection, name, stored, practice_code=practice, parcel_number=number)

    def seal_list(
        self, practice: str, people: pa.Array, *, sequence: int = 1, days_ago: float = 0, good_for: float = 21
    ) -> Sealed:
        """A national allow list in the inbox, checked some days before today."""
        checked = self.today - timedelta(days=days_ago)
        return seal(
            self.root / "inbox",
            self.keys,
            {NATIONAL_ALLOW_LIST: rows(NATIONAL_ALLOW_LIST, len(people), patient_token=people)},
            practice_code=practice,
            sequence=sequence,
            extract_kind=NATIONAL_ALLOW_LIST,
            extract_id=f"{NATIONAL_ALLOW_LIST}-{sequence}",
            extract_taken_at=checked.isoformat(),
            created_at=checked.isoformat(),
            not_after=(checked + timedelta(days=good_for)).isoformat(),
        )

    def allow(self, practice: str, people: pa.Array, **how: Any) -> dict[str, Any]:
        """The list above, taken."""
        sealed = self.seal_list(practice, people, **how)
        with self.zone(ERASER) as zone:
            return take_notices._take(zone, sealed.manifest.parcel_id)

    def release(self, use: str = USE) -> dict[str, Any]:
        """The register is published first, as it must be."""
        self.publish()
        return self.release_only(use)

    def release_only(self, use: str = USE) -> dict[str, Any]:
        with self.zone() as zone:
            return release.release_in(zone, use)

    def query(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with store_of(self.store_url) as store, store.begin() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def released(self, table: str, columns: str = "*", *, use: str = USE) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT {columns} FROM release.{use}__{table}")

    def stored(self, token: bytes) -> UUID:
        """T2 of a T1, as the store has it."""
        import hmac

        subkey = central_keys.store_subkey(self.keys.folder)
        return UUID(bytes=hmac.digest(subkey.hex().encode(), token.hex().encode(), "sha256")[:16])


def persons(number: int, seed: int = 2) -> pa.Array:
    return tokens(number, seed)


def _parcel(practice: str, number: int, *, synthetic: bool) -> dict[str, Any]:
    return {
        "parcel_number": number,
        "parcel_id": uuid4(),
        "collection": "gpdpr",
        "practice_code": practice,
        "sequence": number,
        "manifest_sha256": uuid4().hex,
        "extract_id": "extract",
        "extract_taken_at": TODAY,
        "supplier_format": "emis_csv",
        "synthetic": synthetic,
        "state": "loaded",
        "received_at": TODAY,
        "loaded_at": TODAY,
        "rows_loaded": {},
        "rows_quarantined": {},
        "manifest": {
            "counts": {"patients_may_leave": 0, "patients_held_back": {}, "tables": {}},
            "policy_sha256": {},
            "schema_sha256": "ef" * 32,
            "token_key": "token-gpdpr-v1",
            "software": "gp-collect 0.1.0",
        },
    }
