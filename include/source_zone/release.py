"""What every step of one practice's release is handed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from crossing.policy import Policy, Practice
from source_zone import spool
from source_zone.adapters.choose import choose_adapter
from source_zone.approvals import APPROVED_DELETIONS, APPROVED_OPT_OUTS
from source_zone.identified import Adapter, Extract
from source_zone.ids_sent import IdsBook
from source_zone.keys import SourceKeys, load_keys, token_key_name
from source_zone.memory import Memory, MemoryFile
from source_zone.outcomes import Outcomes
from source_zone.pull import waiting_extracts
from source_zone.rules import ReleaseRules, read_rules
from source_zone.settings import Settings
from source_zone.token_key_versions import newest_version
from source_zone.transports.choose import choose_transport
from source_zone.transports.directory import Directory
from source_zone.transports.transport import Transport
from source_zone.windows import Window

Progress = Callable[[str], None]
Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now(UTC)


def silent(_: str) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One practice in one run. Its keys are the newest until `under` a memory; the repr shows none."""

    run_id: str
    practice: Practice
    settings: Settings
    policy: Policy
    rules: ReleaseRules = field(repr=False)
    keys: SourceKeys = field(repr=False)
    transport: Transport
    progress: Progress = silent
    window: Window | None = None  # of a backfill; a night takes everything that is new
    clock: Clock = now  # how old opt-outs are, and whether an approval is still good

    def adapter(self, memory: Memory, pulled: dict[str, pa.Table] | None = None) -> Adapter:
        """`pulled` are reference tables of this run, which the memory does not have yet."""
        known = replace(memory, tables={**memory.tables, **(pulled or {})})
        version = memory.token_key_version or self.keys.token_key_version
        name = token_key_name(self.rules.collection.id, version)
        return choose_adapter(self.practice, self.policy, known, name)

    def at(self, version: int) -> "Release":
        """The same release, its tokens made with this version of the key. Raises KeyRefused."""
        if version == self.keys.token_key_version:
            return self
        return replace(self, keys=load_keys(self.settings.keys, self.rules.collection.id, version))

    def under(self, memory: Memory) -> "Release":
        """The same release under the key the practice is at. Who is new to us begins with the newest there is."""
        return self.at(memory.token_key_version or self.keys.token_key_version)

    @property
    def folder(self) -> Path:
        """Where the practice's deliveries lie."""
        return self.transport.folder

    def has_deliveries(self) -> bool:
        """False only where a remote supplier was asked and nothing rests here; a supplier's own folder speaks for itself."""
        return not self.transport.is_remote or any(not path.name.startswith(".") for path in self.folder.glob("*"))

    def waiting(self, memory: Memory) -> list[Extract]:
        """Deliveries that have come to rest and are not taken yet, oldest first. Raises DeliveryOutOfTurn, PersonMustAct."""
        if not self.has_deliveries():
            return []
        return waiting_extracts(self.adapter(memory), self.folder, memory, self.window)

    def memory_file(self) -> MemoryFile:
        folder = self.settings.memory / self.rules.collection.id / self.practice.practice_code
        return MemoryFile(folder, self.keys.memory_key)

    def ids_book(self) -> IdsBook:
        return IdsBook(self.memory_file().folder, self.keys.memory_key)

    def spool(self) -> spool.Spool:
        return spool.open_existing(self.settings.spool, self.practice.practice_code, self.run_id)

    def outcomes(self) -> Outcomes:
        return Outcomes(self.settings.memory / self.rules.collection.id)


def prepare(
    collection: str,
    practice: Practice,
    run_id: str,
    settings: Settings,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
    window: Window | None = None,
) -> Release:
    """Reads policy and keys, and refuses early whatever is missing. `folder` overrides the way in: the files lie there."""
    policy = settings.policy()
    rules = read_rules(policy, collection, synthetic=practice.synthetic)
    policy.note_fields(practice.format)
    policy.note(APPROVED_DELETIONS, APPROVED_OPT_OUTS)
    return Release(
        run_id=run_id,
        practice=practice,
        settings=settings,
        policy=policy,
        rules=rules,
        keys=load_keys(settings.keys, collection, newest_version(settings.keys, collection)),
        transport=Directory(folder) if folder else choose_transport(practice, collection, settings, policy),
        progress=progress,
        window=window,
    )
