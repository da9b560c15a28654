"""Both zones with three practices, a release, a custodian and approvers: what a case of re-identification needs."""

import hmac
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_zone import keys as central_keys
from central_zone.reidentification.ask import approve_case, request_case
from central_zone.reidentification.run_case import run_case
from central_zone.store.role_names import CUSTODIAN
from central_zone.zone import opened
from crossing.case_request import REQUEST_NAME
from crossing.identifiers import is_nhs_number
from crossing.key_register import REGISTER_NAME, Entry, RegisteredKey, entry_in_toml, read_key_register
from crossing.policy import Policy
from journey.both_zones import BothZones
from source_zone.keys import LOCAL_ID, NHS_NUMBER, load_keys
from source_zone.reidentification.answer_case import Desk, answer_case
from source_zone.release import prepare
from support.centre_lived import Centre, say_who_is_allowed
from support.emis_files import a_patient, an_observation, guid, write_extract
from support.postgres import psycopg_url

USE, PURPOSE = "example_respiratory_demand", "finding_that_needs_care"
HERE, THERE, ELSEWHERE = "Y99001", "Y99002", "Y99003"
ONE, TWO = "approver-one-v1", "approver-two-v1"
NUMBERS = list(
    islice(
        (text for n in count(999_123_000) for text in map(str, range(n * 10, n * 10 + 10)) if is_nhs_number(text)), 40
    )
)
# Who is registered where. "mover" left HERE for THERE; "gone" left HERE for nowhere we know.
LISTS = {
    HERE: [f"h{number}" for number in range(12)] + ["mover", "gone"],
    THERE: [f"t{number}" for number in range(5)] + ["mover"],
    ELSEWHERE: [f"e{number}" for number in range(4)],
}
PEOPLE = sorted({name for names in LISTS.values() for name in names})
NUMBER_OF = dict(zip(PEOPLE, NUMBERS, strict=False))
_LEFT = {(HERE, "mover"), (HERE, "gone")}
_nights = count(2)


@dataclass(slots=True)
class Cases:
    """The two zones, and everybody's hands."""

    zones: BothZones
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    lists_said: int = 0

    def __post_init__(self) -> None:
        self.zones = replace(self.zones, source=replace(self.zones.source, practice_answers=self.root / "answers"))
        _only(self.zones.source.policy_folder, *LISTS)

    @property
    def root(self) -> Path:
        return self.zones.root

    @property
    def custodian(self) -> Path:
        return self.root / "keys" / "custodian" / "custodian-v1.key"

    # What happens at night

    def night(
        self,
        lists: dict[str, list[dict[str, str]]] | None = None,
        entries: dict[str, list[dict[str, str]]] | None = None,
    ) -> None:
        """Practices deliver, records are collected and loaded. Without lists, everybody of LISTS is new."""
        name = f"202609{next(_nights):02}010000"
        for code, rows in (lists or {code: patients_of(code) for code in LISTS}).items():
            written = entries or {code: [an_observation(each["_"], f"{code} {each['_']}") for each in rows]}
            patients = [{key: value for key, value in row.items() if key != "_"} for row in rows]
            tables = {"Admin_Patient": patients, "CareRecord_Observation": written.get(code, [])}
            write_extract(self.zones.source.incoming / code, tables, name)
        assert self.zones.collect(name) == {}
        self.zones.load()

    def release(self) -> None:
        """Nobody objected nationally."""
        self.lists_said += 1
        for code, names in LISTS.items():
            practice = self.zones.source.policy().practice(code)
            release = prepare("gpdpr", practice, "lists", self.zones.source, folder=self.root)
            people = [self.patient_t1(name) for name in names]
            say_who_is_allowed(release, people, sequence=self.lists_said, good_for=20)
        Centre(self.zones.central).take_notices()
        Centre(self.zones.central).release()

    # What people do

    def ask(self, case_id: str, *names: str, tokens: list[bytes] | None = None, **how: Any) -> Path:
        how = {
            "use": USE,
            "purpose": PURPOSE,
            "by": "R. Searcher",
            "expires_on": self.now.date() + timedelta(days=7),
            **how,
        }
        asked = tokens or [self.t3(name) for name in names]
        text = "\n".join(token.hex() for token in asked)
        now = how.pop("now", self.now)
        request_case(Policy(), now, case_id=case_id, tokens=text, out=self.root / "cases" / case_id, **how)
        return self.root / "cases" / case_id / REQUEST_NAME

    def approve(self, path: Path, *names: str, now: datetime | None = None) -> Path:
        for name in names:
            key = self.root / "keys" / "approvers" / f"{name}.key"
            approve_case(Policy(), self.zones.central.keys_folder, now or self.now, path, key_name=name, key_file=key)
        return path

    def approved(self, case_id: str, *names: str, **how: Any) -> Path:
        return self.approve(self.ask(case_id, *names, **how), ONE, TWO, now=how.get("now"))

    def run(self, path: Path, *, now: datetime | None = None, custodian: Path | None = None) -> dict[str, Any]:
        with opened(self.zones.central, role=CUSTODIAN) as zone:
            today = now or self.now
            return run_case(replace(zone, now=lambda: today), path, custodian or self.custodian)

    def answer(self, name: str, *, now: datetime | None = None) -> dict[str, Any]:
        today = now or self.now
        path = Path(name) if name.startswith("/") else self.zones.central.receipts_folder / name
        return answer_case(path, Desk(self.zones.source, lambda: today))

    def told(self, code: str, case_id: str) -> str | None:
        path = self.root / "answers" / code / f"{case_id}.csv"
        return path.read_text() if path.exists() else None

    # Tokens, made here from the keys alone

    def patient_t1(self, name: str) -> bytes:
        keys = load_keys(self.zones.source.keys, "gpdpr", 1)
        return digest(keys.token_keys[NHS_NUMBER], f"{NHS_NUMBER}\0{NUMBER_OF[name]}")

    def registration_t1(self, code: str, name: str) -> bytes:
        keys = load_keys(self.zones.source.keys, "gpdpr", 1)
        return digest(keys.token_keys[LOCAL_ID], f"{LOCAL_ID}\0{code}\0{local_id(code, name).strip('{}')}")

    def t2(self, t1: bytes) -> bytes:
        return digest(central_keys.store_subkey(self.zones.central.keys_folder), t1.hex())

    def t3(self, name: str) -> bytes:
        return self.t3_of(self.patient_t1(name))

    def t3_of(self, t1: bytes) -> bytes:
        label = central_keys.project_label(USE, 1)
        return digest(central_keys.project_subkey(self.zones.central.keys_folder, label), self.t2(t1).hex())

    # What is written down

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(psycopg_url(self.zones.central.store_url), autocommit=True) as connection:
            found = connection.execute(sql, values or None)
            return found.fetchall() if found.description else []

    def last_audited(self) -> dict[str, Any]:
        return dict(self.query("SELECT event FROM audit.entry ORDER BY seq DESC LIMIT 1")[0][0])

    def last_refused(self) -> tuple[Any, ...]:
        return self.query("SELECT case_id, reason, people FROM custody.refused_case ORDER BY id DESC LIMIT 1")[0]

    def book(self) -> list[dict[str, Any]]:
        return Desk(self.zones.source).book().lines()

    # The register of keys, of both zones or one

    def register_again(self, change: Any, *zones: str) -> None:
        for zone in zones or ("source", "central"):
            path = self.root / "keys" / zone / REGISTER_NAME
            entries = [change(entry) for entry in read_key_register(path.parent).entries.values()]
            path.unlink()
            path.write_text("\n".join(entry_in_toml(entry) for entry in entries if entry))
            path.chmod(0o400)

    def enter_approver(self, name: str, owner: str) -> None:
        """One more key, in both registers."""
        private = Ed25519PrivateKey.generate()
        file = self.root / "keys" / "approvers" / f"{name}.key"
        file.write_bytes(private.private_bytes_raw())
        file.chmod(0o400)
        key = RegisteredKey(
            name=name,
            purpose="reidentification",
            owner=owner,
            ed25519=private.public_key().public_bytes_raw(),
            ml_dsa_65=None,
            speaks_for=(),
        )
        entry = Entry(
            key=key, valid_from=datetime(2020, 1, 1, tzinfo=UTC), valid_until=datetime(2100, 1, 1, tzinfo=UTC)
        )
        for zone in ("source", "central"):
            path = self.root / "keys" / zone / REGISTER_NAME
            path.chmod(0o600)
            path.write_text(f"{path.read_text()}\n{entry_in_toml(entry)}")
            path.chmod(0o400)


def local_id(code: str, name: str) -> str:
    return guid(f"{name} at {code}")


def a_registration(code: str, name: str, **cells: str) -> dict[str, str]:
    left = {"DateOfDeactivation": "2026-08-01"} if (code, name) in _LEFT else {}
    return {
        **a_patient(f"{name} at {code}", **{"NhsNumber": NUMBER_OF[name], **left, **cells}),
        "_": f"{name} at {code}",
    }


def patients_of(code: str) -> list[dict[str, str]]:
    return [a_registration(code, name) for name in LISTS[code]]


def digest(key: bytes, message: str) -> bytes:
    return hmac.digest(key.hex().encode(), message.encode(), "sha256")[:16]


def _only(policy: Path, *codes: str) -> None:
    lines = (policy / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("practice_code", *codes))]
    (policy / "practices.csv").write_text("\n".join(kept) + "\n")
