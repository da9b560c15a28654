"""A source zone in a temporary folder: keys, settings and a practice to release."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from crossing.policy import Practice, policy_folder
from source_zone.make_development_keys import make_development_keys
from source_zone.release import Release, prepare
from source_zone.settings import Settings
from support.emis_files import PRACTICE


@dataclass(frozen=True, slots=True)
class SourceZone:
    """Everything a release needs, under one folder."""

    root: Path
    settings: Settings

    @property
    def deliveries(self) -> Path:
        return self.settings.incoming / PRACTICE

    def release(self, run_id: str = "run", practice: Practice | None = None) -> Release:
        return prepare("gpdpr", practice or a_practice(), run_id, self.settings, folder=self.deliveries)


def source_environment(settings: Settings) -> dict[str, str]:
    """The settings again, as a process of the source zone is given them."""
    named = {
        "GP_SOURCE_KEYS_DIR": settings.keys,
        "GP_SOURCE_WORK_DIR": settings.spool,
        "GP_SOURCE_STATE_DIR": settings.memory,
        "GP_INCOMING_DIR": settings.incoming,
        "GP_LANDING_DIR": settings.landing,
        "GP_OUTBOX_DIR": settings.outbox,
        "GP_POLICY_DIR": settings.policy_folder,
    }
    return {name: str(value) for name, value in named.items()}


def a_practice(code: str = PRACTICE, format_: str = "emis_csv") -> Practice:
    return Practice(
        practice_code=code,
        supplier="EMIS",
        format=format_,
        transport="directory",
        connection=code,
        participates_from=date(2026, 9, 1),
        participates_until=None,
        synthetic=True,
    )


def make_source_zone(root: Path, policy: Path | None = None, *, keys: Path | None = None) -> SourceZone:
    """With keys of its own, unless it is to have those of another."""
    if keys is None:
        make_development_keys(root / "keys", ["gpdpr"])
    settings = Settings(
        keys=keys or root / "keys" / "source",
        spool=root / "spool",
        memory=root / "memory",
        incoming=root / "incoming",
        landing=root / "landing",
        outbox=root / "outbox",
        lineage=None,
        policy_folder=policy or policy_folder(),
    )
    return SourceZone(root, settings)
