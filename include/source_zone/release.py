"""What every step of one practice's release is handed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from crossing.policy import Policy, Practice
from source_zone import spool
from source_zone.adapters.choose import choose_adapter
from source_zone.identified import Adapter
from source_zone.keys import SourceKeys, load_keys
from source_zone.memory import Memory, MemoryFile
from source_zone.outcomes import Outcomes
from source_zone.rules import ReleaseRules, read_rules
from source_zone.settings import Settings
from source_zone.transports.directory import folder_of

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One practice in one run. Keys are read once and pinned; the repr shows none."""

    run_id: str
    practice: Practice
    settings: Settings
    policy: Policy
    rules: ReleaseRules = field(repr=False)
    keys: SourceKeys = field(repr=False)
    folder: Path
    progress: Progress = silent

    def adapter(self, memory: Memory, pulled: dict[str, pa.Table] | None = None) -> Adapter:
        """`pulled` are reference tables of this run, which the memory does not have yet."""
        known = replace(memory, tables={**memory.tables, **(pulled or {})})
        return choose_adapter(self.practice, self.policy, known)

    def memory_file(self) -> MemoryFile:
        folder = self.settings.memory / self.rules.collection.id / self.practice.practice_code
        return MemoryFile(folder, self.keys.memory_key)

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
) -> Release:
    """Reads policy and keys, and refuses early whatever is missing. `folder` overrides where policy says the files are."""
    policy = settings.policy()
    rules = read_rules(policy, collection, synthetic=practice.synthetic)
    policy.table(f"fields/{practice.format}.toml")  # so that its hash is in the manifest, whichever step runs
    return Release(
        run_id=run_id,
        practice=practice,
        settings=settings,
        policy=policy,
        rules=rules,
        keys=load_keys(settings.keys, collection, rules.collection.token_key_version),
        folder=folder or folder_of(practice, settings.incoming),
        progress=progress,
    )
