"""gp-central release, and gp-central national-opt-outs: what is given to whom, and of whom it is known that they may be used."""

import argparse
import json
from typing import Any

Commands = Any  # argparse keeps the type of its sub-commands private


def add_release_commands(commands: Commands) -> None:
    release = commands.add_parser("release", help="make the tables of a data use anew, in the secure environment")
    release.add_argument("--use", required=True, metavar="ID", help="a file of policy/data_uses, without .toml")
    release.set_defaults(run=_release)
    about = "national data opt-outs: of whom we know that they have none"
    national = commands.add_parser("national-opt-outs", help=about).add_subparsers(required=True, metavar="COMMAND")
    status = national.add_parser("status", help="each practice's latest check, and until when it is relied on")
    status.add_argument("--json", action="store_true", help="as a JSON list")
    status.set_defaults(run=_status)
    purge = national.add_parser("purge", help="delete what has expired, and withdraw what was released on it")
    purge.set_defaults(run=_purge)


def _release(arguments: argparse.Namespace) -> int:
    from central_zone import release, settings

    print(json.dumps(release.release(arguments.use, settings.load()), sort_keys=True))
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from central_zone import national_status, settings

    found = national_status.status(settings.load())
    if arguments.json:
        print(json.dumps(found, indent=2, default=str))
        return 0
    for each in found:
        checked = f"{each['checked_at']:%Y-%m-%d %H:%M}" if each["checked_at"] else "never"
        until = f"{each['expires_at']:%Y-%m-%d %H:%M}" if each["expires_at"] else ""
        print(
            f"{each['practice_code']}  {each['collection']:<12}{each['state']:<10}{checked:<18}{until:<18}{each['people']:>9,}"
        )
    return 0


def _purge(_: argparse.Namespace) -> int:
    from central_zone import settings, withdraw

    print(json.dumps(withdraw.purge(settings.load()), sort_keys=True))
    return 0
