"""Who wraps and unwraps a data key. Each back end's library is loaded only where it is used."""

from pathlib import Path
from typing import Protocol

from key_custody.custody_file import CustodySettings, VaultSettings


class Wrapping(Protocol):
    """Raises CustodyAway (TryAgain), CustodyRefused, KeyRefused."""

    def unwrap(self, wrapped: str) -> bytes: ...

    def wrap(self, data_key: bytes) -> str: ...

    def new_data_key(self) -> tuple[bytes, str]: ...


def wrapping_of(folder: Path, settings: CustodySettings) -> Wrapping:
    """What custody.toml names. Files it names lie in `folder` unless their names are absolute."""
    if isinstance(settings.how, VaultSettings):
        from key_custody.vault import Vault

        return Vault(folder, settings.how)
    from key_custody.pkcs11_token import Pkcs11Token

    return Pkcs11Token(folder, settings.how, settings.zone)
