"""What the central zone is told from outside, read once. No source key is among it: there is no setting for one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from central_zone.errors import SettingMissing
from central_zone.store.address import check_environment, checked_address
from crossing.carriers import carrier
from crossing.connections import read_secret_file
from crossing.key_files import KeyRefused


@dataclass(frozen=True, slots=True)
class Settings:
    """The GP_ settings of this process. Each is checked when it is first needed, and named when it is missing."""

    values: Mapping[str, str] = field(repr=False)

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store, psycopg driver. A password belongs in the file form, GP_STORE_URL_FILE.

        Raises StoreAddressRefused where it leads over a network without asking for TLS as promised.
        """
        return self._address("GP_STORE_URL")

    @property
    def store_admin_url(self) -> str:
        """Of an administrator of its server, for `gp-central store init` alone. No worker has it."""
        return self._address("GP_STORE_ADMIN_URL")

    @property
    def has_store_admin_url(self) -> bool:
        return bool({"GP_STORE_ADMIN_URL", "GP_STORE_ADMIN_URL_FILE"} & set(self.values))

    @property
    def store_passwords_folder(self) -> Path | None:
        """Where the passwords of the store's roles are, a file each; None where nobody has one."""
        return Path(self.values["GP_STORE_PASSWORDS_DIR"]) if "GP_STORE_PASSWORDS_DIR" in self.values else None

    @property
    def is_demonstration(self) -> bool:
        """Whether what the embedded server lacks is accepted: only of a server that no network reaches."""
        return self.values.get("GP_STORE_IS_DEMONSTRATION") == "yes"

    def store_url_of(self, role: str) -> str:
        """The same server and database under one of the store's roles; the user that GP_STORE_URL names is for `store init` alone.

        Its password is the file of its name in GP_STORE_PASSWORDS_DIR. Without that folder there is none: the server knows
        whoever may open its socket, or a certificate. Raises SettingMissing, KeyRefused.
        """
        url = _parsed(self.store_url)
        if self.store_passwords_folder:
            password = _password(self.store_passwords_folder / role)
        elif url.password:
            raise SettingMissing(
                "GP_STORE_URL has a password, which is nobody's who works here. Put each role's into GP_STORE_PASSWORDS_DIR, "
                "and leave user and password out of the address."
            )
        else:
            password = None
        return url._replace(username=role, password=password).render_as_string(hide_password=False)

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

    def _address(self, name: str) -> str:
        file = f"{name}_FILE"
        if file in self.values:
            return checked_address(_first_line(Path(self.values[file]), file), file)
        return checked_address(self._needed(name), name)

    def _folder(self, name: str) -> Path:
        return Path(self._needed(name))

    def _needed(self, name: str) -> str:
        value = self.values.get(name)
        if not value:
            raise SettingMissing(f"{name} is not set. Set it in the environment of the central zone's worker.")
        return value


def load() -> Settings:
    """The settings of this process, from its environment. Raises StoreAddressRefused where libpq's own variables mislead it."""
    check_environment(os.environ)
    return Settings({name: value for name, value in os.environ.items() if name.startswith("GP_") and value})


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:  # its text quotes the address
        raise SettingMissing("GP_STORE_URL is no address: postgresql+psycopg://HOST/DATABASE") from None


def _password(path: Path) -> str:
    try:
        return read_secret_file(path).decode()
    except UnicodeDecodeError:
        raise KeyRefused(f"Secret {path.name} in {path.parent} is not text. Put the right file there.") from None


def _first_line(path: Path, name: str) -> str:
    try:
        return path.read_text().strip().splitlines()[0]
    except (OSError, IndexError):
        raise SettingMissing(f"{name} names a file that cannot be read, or is empty.") from None
