"""A zone's keys folder that is sealed under a real OpenBao, or a real SoftHSM."""

import os
from dataclasses import dataclass
from pathlib import Path

import pkcs11

from crossing.key_files import write_key_file
from key_custody.custody_file import CustodySettings, Pkcs11Settings, VaultSettings
from support.openbao_server import ROOT_TOKEN, OpenBao

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "4711"


@dataclass(frozen=True, slots=True)
class Sealing:
    """Plain keys, and how they are to be sealed."""

    folder: Path
    settings: CustodySettings
    keys: dict[str, bytes]


def plain_keys(folder: Path) -> dict[str, bytes]:
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = {"token-gpdpr-v1": os.urandom(32), "memory-v1": os.urandom(32), "recipient-v1": os.urandom(96)}
    for name, key in keys.items():
        write_key_file(folder / f"{name}.key", key)
    return keys


def secret(folder: Path, name: str, content: str) -> str:
    write_key_file(folder / name, content.encode())
    return str(folder / name)


def for_vault(root: Path, bao: OpenBao, *, transit_key: str, token: str | None = None) -> Sealing:
    folder = root / "source"
    keys = plain_keys(folder)
    how = VaultSettings(
        address=bao.address,
        transit_mount="transit",
        transit_key=transit_key,
        ca_file="",
        namespace="",
        token_file=secret(root, f"token-{transit_key}", token or ROOT_TOKEN),
        role_id_file="",
        secret_id_file="",
    )
    return Sealing(folder, CustodySettings(zone="source", how=how, data_key=""), keys)


def for_pkcs11(root: Path, token_label: str) -> Sealing:
    folder = root / "source"
    keys = plain_keys(folder)
    pin_file = secret(root, "pin", PIN)
    how = Pkcs11Settings(module=str(SOFTHSM), token_label=token_label, key_label="wrap-v1", pin_file=pin_file)
    return Sealing(folder, CustodySettings(zone="source", how=how, data_key=""), keys)


def make_wrapping_key(token_label: str, key_label: str = "wrap-v1") -> None:
    """What an administrator of the module does once. The key is made in it and cannot be taken out."""
    with pkcs11.lib(str(SOFTHSM)).get_token(token_label=token_label).open(rw=True, user_pin=PIN) as session:
        session.generate_key(pkcs11.KeyType.AES, 256, label=key_label, store=True)
