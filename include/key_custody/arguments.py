"""What the commands `keys seal` of both zones are told. Secrets are named by the files they lie in, never given in argv."""

import argparse
from dataclasses import replace
from pathlib import Path

from key_custody.custody_file import CustodySettings, Pkcs11Settings, VaultSettings
from key_custody.errors import CustodyRefused
from key_custody.wrapping import Wrapping, wrapping_of


def add_seal_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", choices=("vault", "pkcs11"), required=True)
    vault = parser.add_argument_group("vault, HashiCorp's or OpenBao")
    vault.add_argument("--address", default="", help="https://...")
    vault.add_argument("--transit-mount", default="transit")
    vault.add_argument("--transit-key", default="", metavar="NAME")
    vault.add_argument("--ca-file", default="", help="default: the system's certificates")
    vault.add_argument("--namespace", default="")
    vault.add_argument("--token-file", default="", help="the worker's, mode 0400; it needs leave to decrypt alone")
    vault.add_argument("--role-id-file", default="", help="with --secret-id-file: in place of a token")
    vault.add_argument("--secret-id-file", default="")
    vault.add_argument(
        "--sealing-token-file", default="", help="yours, for this command alone: leave to make data keys"
    )
    module = parser.add_argument_group("pkcs11, a hardware security module")
    module.add_argument("--module", default="", help="its library, an absolute path")
    module.add_argument("--token-label", default="")
    module.add_argument("--key-label", default="")
    module.add_argument("--pin-file", default="", help="mode 0400")


def seal_settings(arguments: argparse.Namespace, zone: str) -> CustodySettings:
    """Raises CustodyRefused, naming what was left out."""
    if arguments.backend == "vault":
        needed = ("address", "transit_mount", "transit_key")
        names = VaultSettings.__dataclass_fields__
    else:
        needed = ("module", "token_label", "key_label", "pin_file")
        names = Pkcs11Settings.__dataclass_fields__
    missing = [f"--{name.replace('_', '-')}" for name in needed if not getattr(arguments, name)]
    if missing:
        raise CustodyRefused(f"keys seal --backend {arguments.backend} needs {', '.join(missing)} too.")
    said = {name: getattr(arguments, name) for name in names}
    how = VaultSettings(**said) if arguments.backend == "vault" else Pkcs11Settings(**said)
    return CustodySettings(zone=zone, how=how, data_key="")


def sealer(arguments: argparse.Namespace, folder: Path, settings: CustodySettings) -> Wrapping | None:
    """Who wraps, where that is somebody with more leave than the worker. None: the worker's own."""
    if not arguments.sealing_token_file or not isinstance(settings.how, VaultSettings):
        return None
    theirs = replace(settings.how, token_file=arguments.sealing_token_file, role_id_file="", secret_id_file="")
    return wrapping_of(folder, replace(settings, how=theirs))
