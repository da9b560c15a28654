"""The one way to a zone's secret keys. Who asks does not know whether they lie in files or sealed under a Vault's key."""

from pathlib import Path
from typing import Protocol

from key_custody.custody_file import CUSTODY, read_custody_file
from key_custody.plain_files import PlainFiles
from key_custody.sealed_files import SealedFiles
from key_custody.unwrapped import unwrapped


class KeyCustody(Protocol):
    """Secret keys by name, without an ending: `token-gpdpr-v1`. Every error is a KeyRefused unless it says otherwise."""

    @property
    def backend(self) -> str:
        """file, vault or pkcs11."""
        ...

    def secret(self, name: str, *, expected_bytes: int) -> bytes:
        """The key's raw bytes. Refuses one that is missing, loose, of another length, or known to the world."""
        ...

    def names(self) -> list[str]:
        """What there is, sorted."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Keeps a new key. Never replaces one."""
        ...

    def destroy(self, name: str) -> None:
        """Takes a key away for good."""
        ...


def open_custody(folder: Path) -> KeyCustody:
    """The custody of a zone's keys folder: plain files, unless it holds a custody.toml.

    Then the data key is unwrapped by Vault or the PKCS#11 module: once in this process, however often a custody is opened.
    Raises KeyRefused, CustodyRefused, CustodyAway (TryAgain).
    """
    if not (folder / CUSTODY).exists():
        return PlainFiles(folder)
    settings = read_custody_file(folder)
    return SealedFiles(folder, settings.zone, settings.backend, unwrapped(folder, settings))
