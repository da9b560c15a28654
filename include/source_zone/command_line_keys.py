"""The sub-commands of gp-source about keys: to make a development set, to see which there are, to seal them."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from key_custody.arguments import add_seal_arguments
from source_zone.command_line_keys_rotation import add_rotation


def add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("keys", help="the keys of this zone").add_subparsers(required=True, metavar="COMMAND")
    _add_init(keys)
    _add_list(keys)
    _add_seal(keys)
    add_rotation(keys)


def _add_init(keys: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    init = keys.add_parser("init", help="make a development key set for both zones, files mode 0400")
    init.add_argument("--dir", type=Path, required=True)
    init.add_argument("--collection", action="append", default=None, help="default: every collection in policy")
    init.set_defaults(run=_init)


def _add_list(keys: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listed = keys.add_parser("list", help="names, versions and how they are kept; one JSON line each, never a value")
    listed.add_argument("--keys", type=Path, help="default: GP_SOURCE_KEYS_DIR")
    listed.set_defaults(run=_list)


def _add_seal(keys: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    seal = keys.add_parser("seal", help="seal plain keys under Vault or a PKCS#11 module, or wrap their data key anew")
    seal.add_argument("--keys", type=Path, help="default: GP_SOURCE_KEYS_DIR")
    add_seal_arguments(seal)
    seal.set_defaults(run=_seal)


def _init(arguments: argparse.Namespace) -> int:
    from crossing.policy import Policy
    from source_zone.make_development_keys import make_development_keys

    made = make_development_keys(arguments.dir, arguments.collection or Policy().collections())
    purpose = "development only: in life each zone's keys are made by its own organisation"
    print(json.dumps({"keys": made, "purpose": purpose}))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from key_custody.list_keys import list_keys

    for key in list_keys(_folder(arguments)):
        print(json.dumps(asdict(key), sort_keys=True))
    return 0


def _seal(arguments: argparse.Namespace) -> int:
    from key_custody.arguments import seal_settings, sealer
    from key_custody.seal_keys import seal_keys

    folder, settings = _folder(arguments), seal_settings(arguments, "source")
    print(json.dumps(asdict(seal_keys(folder, settings, sealer(arguments, folder, settings))), sort_keys=True))
    return 0


def _folder(arguments: argparse.Namespace) -> Path:
    from source_zone import settings

    return arguments.keys or settings.keys_folder()
