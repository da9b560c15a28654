"""custody.toml in a zone's keys folder: the wrapped data key, who unwraps it, and how we come before them. No secret."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from crossing.key_files import write_key_file
from key_custody.errors import CustodyRefused

CUSTODY = "custody.toml"
ZONES = ("source", "central")
Backend = TypeVar("Backend")


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """HashiCorp Vault, or OpenBao, with the Transit engine. Files are named from the keys folder unless absolute."""

    address: str
    transit_mount: str
    transit_key: str
    ca_file: str  # empty: the system's
    namespace: str  # empty: none
    token_file: str  # either this, or both of the following
    role_id_file: str
    secret_id_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs11Settings:
    """A PKCS#11 module, its token and the AES key in it."""

    module: str
    token_label: str
    key_label: str
    pin_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodySettings:
    zone: str
    how: VaultSettings | Pkcs11Settings
    data_key: str  # wrapped; in the same file as who unwraps it, so that both change at once

    @property
    def backend(self) -> str:
        return "vault" if isinstance(self.how, VaultSettings) else "pkcs11"


def read_custody_file(folder: Path) -> CustodySettings:
    """Raises CustodyRefused for a file that says too little, too much, or what cannot be."""
    try:
        said = tomllib.loads((folder / CUSTODY).read_text())
    except (OSError, ValueError):
        raise CustodyRefused(f"{CUSTODY} cannot be read. Mend the file, or its mode.") from None
    zone, backend, data_key = (said.pop(name, None) for name in ("zone", "backend", "data_key"))
    kinds: dict[Any, type[Any]] = {"vault": VaultSettings, "pkcs11": Pkcs11Settings}
    if zone not in ZONES or backend not in kinds or set(said) != {backend} or not isinstance(data_key, str):
        raise CustodyRefused(
            f"{CUSTODY} needs zone ({', '.join(ZONES)}), backend ({', '.join(kinds)}), data_key and one table named so. Correct it."
        )
    return CustodySettings(zone=zone, how=_read_table(kinds[backend], said[backend], backend), data_key=data_key)


def _read_table(kind: type[Backend], said: object, backend: str) -> Backend:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # both kinds are dataclasses
    if not isinstance(said, dict) or set(said) != known or not all(isinstance(value, str) for value in said.values()):
        missing = sorted(known - set(said if isinstance(said, dict) else ()))
        raise CustodyRefused(
            f"{CUSTODY}, [{backend}]: every key must be there, as text ({', '.join(sorted(known))}). Missing: {missing}."
        )
    return kind(**said)


def write_custody_file(folder: Path, settings: CustodySettings) -> None:
    """Makes the file, or replaces it, whole or not at all."""
    said = {"zone": settings.zone, "backend": settings.backend, "data_key": settings.data_key}
    lines = [f"{name} = {_quoted(value)}" for name, value in said.items()] + ["", f"[{settings.backend}]"]
    lines += [f"{each.name} = {_quoted(getattr(settings.how, each.name))}" for each in fields(settings.how)]
    draft = folder / f".{CUSTODY}.tmp"
    draft.unlink(missing_ok=True)
    write_key_file(
        draft, ("\n".join(lines) + "\n").encode()
    )  # written through to the disk, and 0400 as all that is here
    draft.replace(folder / CUSTODY)


def _quoted(value: str) -> str:
    if any(character in value for character in '"\\\n') or not value.isprintable():
        raise CustodyRefused("A setting of custody must not hold quotes, backslashes or line ends. Name it otherwise.")
    return f'"{value}"'
