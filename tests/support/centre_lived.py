"""The central zone's part of nights lived: loads, erasures, allow lists, releases, and what is in the store after them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa

from central_zone import load_parcel, take_notices
from central_zone.register import build_register
from central_zone.release import release_in
from central_zone.settings import Settings
from central_zone.store.role_names import RELEASER
from central_zone.zone import opened
from crossing.canonical import NATIONAL_ALLOW_LIST, TABLES, has_patient
from source_zone.release import Release
from source_zone.seal_notice import Notice, draft_notice, publish_notice
from support.postgres import psycopg_url

COLLECTION = "gpdpr"
USE = "example_respiratory_demand"
_OF_PATIENTS = tuple(table for table in TABLES if has_patient(table))
_EVENT = "UNION ALL SELECT practice_code, uuid_send(registration_token), NULL, 0, {0}, 1 FROM records.current_{1}"
_TODAY = "\n".join(
    [
        "SELECT practice_code, uuid_send(registration_token), uuid_send(patient_token), 1, 0, 0 FROM records.current_patient",
        *(_EVENT.format(*each) for each in ((1, "observation"), (0, "immunisation"), (0, "allergy"))),
    ]
)
_RELEASED = f"""
SELECT uuid_send(patient_token), sum(patients), sum(observations) FROM (
  SELECT patient_token, 1 AS patients, 0 AS observations FROM release.{USE}__patient
  UNION ALL SELECT patient_token, 0, 1 FROM release.{USE}__observation
) AS every GROUP BY 1
"""
_EVERYBODY = pl.Schema({"practice_code": pl.String, "token": pl.Binary})
_CURRENT = _EVERYBODY | {"person_token": pl.Binary, "patients": pl.Int64, "observations": pl.Int64, "entries": pl.Int64}


@dataclass(frozen=True, slots=True)
class Centre:
    """Its only common folder with the source is the outbox of that."""

    settings: Settings

    def load(self) -> int:
        """As dags/load.py; how many parcels. Raises where one of them did not get in.

        Histories have so many days to come that every parcel waits for a steward, who approves of it.
        """
        shards = load_parcel.parcels_waiting(COLLECTION, self.settings)
        parcels = [parcel for shard in shards for parcel in shard]
        load_parcel.receive_shard(COLLECTION, parcels, self.settings)
        for parcel in load_parcel.validate_shard(COLLECTION, parcels, self.settings):
            if parcel["state"] == "held":
                self._approve(parcel["parcel_id"], "steward", "second_steward")
        load_parcel.load_shard(COLLECTION, parcels, self.settings)
        load_parcel.account_for(COLLECTION, parcels, self.settings)
        return len(parcels)

    def _approve(self, parcel_id: str, *stewards: str) -> None:
        """By as many as policy wants for what holds it."""
        for steward in stewards:
            told = load_parcel.decide(
                parcel_id, approve=True, by=steward, reason="days to come", settings=self.settings
            )
            if told["state"] != "held":
                return

    def take_notices(self) -> list[dict[str, Any]]:
        """As dags/erase.py."""
        results = take_notices.take_notices(take_notices.notices_waiting(COLLECTION, self.settings), self.settings)
        take_notices.check_all_taken(results)
        return results

    def release(self, days_later: int = 0) -> dict[str, Any]:
        """As dags/release.py, some days after the lists were made; the register is published first."""
        build_register.build(self.settings.register_folder, self.settings)
        with opened(self.settings, role=RELEASER) as zone:
            later = type(zone)(
                settings=zone.settings,
                store=zone.store,
                policy=zone.policy,
                now=lambda: datetime.now(UTC) + timedelta(days=days_later),
                inbox=zone.inbox,
            )
            return release_in(later, USE)

    def in_any_table(self) -> pl.DataFrame:
        """practice_code, token: of whom there is any row, whatever it says."""
        every = " UNION ".join(
            f"SELECT practice_code, uuid_send(registration_token) FROM records.{table}" for table in _OF_PATIENTS
        )
        return pl.DataFrame(self._rows(every), schema=_EVERYBODY, orient="row")

    def today(self) -> pl.DataFrame:
        """practice_code, token, person_token and today's patient rows, observations and coded entries of any kind."""
        rows = pl.DataFrame(self._rows(_TODAY), schema=_CURRENT, orient="row")
        summed = pl.col("patients", "observations", "entries").sum()
        return rows.group_by("practice_code", "token").agg(pl.col("person_token").drop_nulls().first(), summed)

    def released(self) -> dict[bytes, tuple[int, int]]:
        """Of whom the release has anything, by the project's own token: patient rows and observations."""
        return {token: (patients, observations) for token, patients, observations in self._rows(_RELEASED)}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(psycopg_url(self.settings.store_url)) as connection:
            return connection.execute(query).fetchall()


def centre_settings(root: Path, *, store_url: str, keys: Path, inbox: Path) -> Settings:
    """Everything it writes is under `root`."""
    for folder in ("erasures", "register"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    said = {
        "GP_STORE_URL": store_url,
        "GP_CENTRAL_KEYS_DIR": keys,
        "GP_INBOX_DIR": inbox,
        "GP_CENTRAL_WORK_DIR": root / "work",
        "GP_RECEIPTS_DIR": root / "receipts",
        "GP_ERASURE_JOURNAL_DIR": root / "erasures",
        "GP_LINEAGE_DIR": root / "lineage",
        "GP_REGISTER_DIR": root / "register",
    }
    return Settings({name: str(value) for name, value in said.items()})


def say_who_is_allowed(release: Release, people: list[bytes], *, sequence: int, good_for: int) -> None:
    """A national allow list leaves the practice, checked now and good for some days."""
    tokens = pa.array(sorted(people), pa.binary()).cast(pa.binary(16))
    now = datetime.now(UTC).replace(microsecond=0)
    notice = Notice(
        kind=NATIONAL_ALLOW_LIST,
        sequence=sequence,
        rows=pa.table({"patient_token": tokens}),
        taken_at=now,
        not_after=now + timedelta(days=good_for),
    )
    publish_notice(release, draft_notice(release, notice).parcel_id)
