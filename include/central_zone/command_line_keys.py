"""The sub-commands of gp-central about keys: to see which there are, and to seal them."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from central_zone.command_line_keys_rotation import add_rotation
from key_custody.arguments import add_seal_arguments


def add_keys(commands: Any) -> None:
    keys = commands.add_parser("keys", help="the keys of this zone").add_subparsers(required=True, metavar="COMMAND")
    listed = keys.add_parser("list", help="names, versions and how they are kept; one JSON line each, never a value")
    seal = keys.add_parser("seal", help="seal plain keys under Vault or a PKCS#11 module, or wrap their data key anew")
    for command in (listed, seal):
        command.add_argument("--keys", type=Path, help="default: GP_CENTRAL_KEYS_DIR")
    add_seal_arguments(seal)
    listed.set_defaults(run=_list)
    seal.set_defaults(run=_seal)
    add_rotation(keys)


def _list(arguments: argparse.Namespace) -> int:
    from key_custody.list_keys import list_keys

    for key in list_keys(_folder(arguments)):
        print(json.dumps(asdict(key), sort_keys=True))
    return 0


def _seal(arguments: argparse.Namespace) -> int:
    from key_custody.arguments import seal_settings, sealer
    from key_custody.seal_keys import seal_keys

    folder, settings = _folder(arguments), seal_settings(arguments, "central")
    print(json.dumps(asdict(seal_keys(folder, settings, sealer(arguments, folder, settings))), sort_keys=True))
    return 0


def _folder(arguments: argparse.Namespace) -> Path:
    from central_zone import settings

    return arguments.keys or settings.load().keys_folder
