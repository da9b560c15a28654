"""What the central zone is told from outside, read once. No source key is among it: there is no setting for one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from central_zone.errors import SettingMissing
from crossing.carriers import carrier


@dataclass(frozen=True, slots=True)
class Settings:
    """The GP_ settings of this process. Each is checked when it is first needed, and named when it is missing."""

    values: Mapping[str, str] = field(repr=False)

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store, psycopg driver. A password belongs in the file form, GP_STORE_URL_FILE."""
        if "GP_STORE_URL_FILE" in self.values:
            return _first_line(Path(self.values["GP_STORE_URL_FILE"]))
        return self._needed("GP_STORE_URL")

    @property
    def keys_folder(self) -> Path:
        return self._folder("GP_CENTRAL_KEYS_DIR")

    @property
    def inbox_folder(self) -> Path:
        return self._folder("GP_INBOX_DIR")

    @property
    def inbox_carrier(self) -> str:
        """How parcels get into the inbox. Raises CarrierUnknown."""
        return carrier(self.values, "GP_INBOX_CARRIER")

    @property
    def work_folder(self) -> Path:
        return self._folder("GP_CENTRAL_WORK_DIR")

    @property
    def receipts_folder(self) -> Path:
        return self._folder("GP_RECEIPTS_DIR")

    @property
    def erasure_journal_folder(self) -> Path:
        """Where erasures are written down outside the store; never on the disk that the store is backed up with."""
        return self._folder("GP_ERASURE_JOURNAL_DIR")

    @property
    def has_erasure_journal(self) -> bool:
        return "GP_ERASURE_JOURNAL_DIR" in self.values

    @property
    def checkpoints_folder(self) -> Path | None:
        """Where checkpoints of the audit chain are written down: GP_AUDIT_CHECKPOINTS_DIR, else beside the receipts.

        Never where it is restored together with the store: it is what shows that the store was.
        """
        folder = self.values.get("GP_AUDIT_CHECKPOINTS_DIR") or self.values.get("GP_RECEIPTS_DIR")
        return Path(folder) if folder else None

    @property
    def audit_origin(self) -> str:
        """The name under which checkpoints of this store's audit chain are signed; no space, no plus sign."""
        return self.values.get("GP_AUDIT_ORIGIN", "gp-collect.example/audit")

    @property
    def lineage_folder(self) -> Path:
        return self._folder("GP_LINEAGE_DIR")

    @property
    def register_folder(self) -> Path:
        return self._folder("GP_REGISTER_DIR")

    def _folder(self, name: str) -> Path:
        return Path(self._needed(name))

    def _needed(self, name: str) -> str:
        value = self.values.get(name)
        if not value:
            raise SettingMissing(f"{name} is not set. Set it in the environment of the central zone's worker.")
        return value


def load() -> Settings:
    """The settings of this process, from its environment."""
    return Settings({name: value for name, value in os.environ.items() if name.startswith("GP_") and value})


def _first_line(path: Path) -> str:
    try:
        return path.read_text().strip().splitlines()[0]
    except (OSError, IndexError):
        raise SettingMissing("GP_STORE_URL_FILE names a file that cannot be read, or is empty.") from None
