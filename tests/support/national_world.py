"""A source zone with practices whose people it knows, its mailbox on a MESH sandbox, and the service at the other end."""

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from central_zone import keys as central_keys
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.manifest import Manifest
from crossing.policy import policy_folder
from crossing.tokens import keyed_tokens
from simulator.check_digits import nhs_numbers_for_tests
from source_zone.identified import schema
from source_zone.keys import NHS_NUMBER, load_keys
from source_zone.memory import Memory, MemoryFile
from source_zone.national_opt_outs.ask import check_national_opt_outs
from source_zone.national_opt_outs.check import Check
from source_zone.national_opt_outs.kept_checks import KeptChecks, kept_checks
from source_zone.national_opt_outs.take import take_national_answers
from source_zone.objections import CONSENTS
from source_zone.settings import Settings
from source_zone.versions import stated
from support.emis_files import PRACTICE
from support.mesh_server import CHECKING, SERVICE, Sandbox
from support.mesh_world import write_secrets
from support.national_service import WORKFLOW, NationalService
from support.source_zone import make_source_zone

NEIGHBOUR = "Y99002"
NOW = datetime.now(UTC).replace(microsecond=0)
NUMBERS = [str(each) for each in nhs_numbers_for_tests()[:40]]
_TAKEN = datetime(2026, 9, 2, 1, tzinfo=UTC)
_RULES = {
    "recheck_after_days": 7,
    "expires_after_days": 21,
    "overdue_after_hours": 48,
    "largest_request": 1000,
    "judged_from": 1000,
    "lowest_share": 0.02,
    "highest_share": 0.5,
}


class NationalWorld:
    """`ask()` and `take()` are what Airflow's tasks and the command do."""

    def __init__(self, root: Path, sandbox: Sandbox) -> None:
        self.root, self.sandbox, self.service = root, sandbox, NationalService(sandbox)
        self.policy = root / "policy"
        shutil.copytree(policy_folder(), self.policy, dirs_exist_ok=True)
        self.rule()
        self.connect()
        self.take_part(PRACTICE, NEIGHBOUR)
        self.zone = make_source_zone(root, self.policy)
        write_secrets(self.settings.keys / "connections" / "national_data_opt_out")

    @property
    def settings(self) -> Settings:
        return self.zone.settings

    @property
    def environment(self) -> dict[str, str]:
        """Of the source zone's worker."""
        folders = {
            "GP_SOURCE_KEYS_DIR": self.settings.keys,
            "GP_POLICY_DIR": self.policy,
            "GP_SOURCE_WORK_DIR": self.settings.spool,
            "GP_SOURCE_STATE_DIR": self.settings.memory,
            "GP_LANDING_DIR": self.settings.landing,
            "GP_INCOMING_DIR": self.settings.incoming,
            "GP_OUTBOX_DIR": self.settings.outbox,
        }
        return {**os.environ, **{name: str(folder) for name, folder in folders.items()}}

    @property
    def kept(self) -> KeptChecks:
        return kept_checks("gpdpr", self.settings)

    @property
    def check(self) -> Check:
        check = self.kept.current()
        assert check is not None
        return check

    def rule(self, **changed: float) -> None:
        lines = [
            f'[{name}]\nvalue = {value}\nwhy = "Test"\nsource = "Test"\n'
            for name, value in {**_RULES, **changed}.items()
        ]
        (self.policy / "opt_outs" / "national.toml").write_text("".join(lines))

    def connect(self, to: str = SERVICE, unclear_seconds: int = 0) -> None:
        (self.policy / "connections.toml").write_text(
            f"""
[national_data_opt_out]
transport = "mesh"
url = "{self.sandbox.url}"
mailbox = "{CHECKING}"
to_mailbox = "{to}"
from_mailboxes = ["{SERVICE}"]
workflow_id = "{WORKFLOW}"
unclear_seconds = {unclear_seconds}
why = "Test"
"""
        )

    def approve(self, local_id: str) -> None:
        with (self.policy / "opt_outs" / "approved_replies.csv").open("a") as approved:
            approved.write(f"{local_id},A Reviewer,2099-01-01,Asked\n")

    def take_part(self, *practices: str) -> None:
        head = "practice_code,supplier,format,transport,connection,participates_from,participates_until,synthetic\n"
        rows = [f"{code},EMIS,emis_csv,directory,{code},2026-09-01,,yes\n" for code in practices]
        (self.policy / "practices.csv").write_text(head + "".join(rows))

    def memory_file(self, practice: str = PRACTICE) -> MemoryFile:
        return MemoryFile(self.settings.memory / "gpdpr" / practice, self.kept.key)

    def know(self, people: Mapping[str, str | None], practice: str = PRACTICE, said_no: tuple[str, ...] = ()) -> None:
        """The practice was collected and has these people, by name; `said_no` to the practice itself, a type 1 opt-out."""
        patients = pa.Table.from_pylist([_a_patient(*each) for each in people.items()], schema("patient"))
        consents = pa.Table.from_pylist([_a_dissent(name) for name in said_no], CONSENTS)
        tables = {"patients": stated(patients, _TAKEN), "consents": stated(consents, _TAKEN)}
        file = self.memory_file(practice)
        file.prepare(Memory(sequence=1, taken_until=_TAKEN.isoformat(), tables=tables))
        file.commit()

    def lose_memory(self, practice: str = PRACTICE) -> None:
        (self.memory_file(practice).folder / "memory.sealed").write_bytes(b"rotten")

    def ask(self, after: timedelta = timedelta(), **given: Any) -> dict[str, Any]:
        return check_national_opt_outs("gpdpr", self.settings, now=NOW + after, **given)

    def take(self, after: timedelta = timedelta()) -> dict[str, Any]:
        return take_national_answers("gpdpr", self.settings, now=NOW + after)

    def manifest(self, parcel: str) -> Manifest:
        return read_signed_manifest(self.settings.outbox / parcel, self.root / "keys" / "central")

    @property
    def notices(self) -> dict[str, list[tuple[Manifest, set[bytes]]]]:
        """Of each practice, in their order, as the central zone opens them."""
        found: dict[str, list[tuple[Manifest, set[bytes]]]] = {}
        central = self.root / "keys" / "central"
        for folder in self.settings.outbox.glob("[!.]*"):
            manifest = read_signed_manifest(folder, central)
            rows = list(opened_rows(folder, manifest, central_keys.recipient_key(central)))
            tokens = {token for table, some in rows if manifest.is_notice for token in some[0].to_pylist()}
            if manifest.is_notice:
                found.setdefault(manifest.practice_code, []).append((manifest, tokens))
        return {code: sorted(each, key=lambda pair: pair[0].sequence) for code, each in sorted(found.items())}

    @property
    def listed(self) -> dict[str, set[str]]:
        """Whom each practice's last notice names, by NHS number."""

        key = load_keys(self.settings.keys, "gpdpr", 1).token_keys[NHS_NUMBER]
        tokens = keyed_tokens(pa.array([f"{NHS_NUMBER}\0{each}" for each in NUMBERS]), key).to_pylist()
        names = dict(zip(tokens, NUMBERS, strict=True))
        return {code: {names[token] for token in each[-1][1]} for code, each in self.notices.items()}

    @property
    def waiting(self) -> list[str]:
        return self.sandbox.waiting(CHECKING)

    @property
    def sealed(self) -> list[str]:
        """What is still kept of what was asked and answered."""
        return sorted(path.name for path in self.kept.folder.glob("*.sealed"))


def _a_patient(name: str, number: str | None) -> dict[str, Any]:
    return {
        "record_id": name,
        "registration_id": name,
        "is_deleted": False,
        "nhs_number": number,
        "registration_type": "regular",
        "registered_date": date(2001, 1, 1),
        "is_test_patient": False,
        "is_confidential": False,
    }


def _a_dissent(name: str) -> dict[str, Any]:
    return {
        "registration_id": name.upper(),
        "record_id": f"no-{name}",
        "meaning": "dissent",
        "effective_date": date(2024, 1, 1),
        "effective_date_precision": "day",
        "is_deleted": False,
    }
