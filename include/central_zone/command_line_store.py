"""The sub-commands of gp-central with which an administrator makes a store, and looks whether it is as promised."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from central_zone.command_line_audit import add_restored


def add_store(commands: Any) -> None:
    store = commands.add_parser("store", help="the store itself").add_subparsers(required=True, metavar="COMMAND")
    init = store.add_parser(
        "init", help="roles, tables, rights, settings; then a look; exit 4 where it is weaker than promised"
    )
    init.add_argument(
        "--passwords", type=Path, metavar="DIR", help="a file a role, mode 0400; default: GP_STORE_PASSWORDS_DIR"
    )
    init.add_argument("--make-passwords", action="store_true", help="make those that are missing there; none is shown")
    init.add_argument(
        "--leave-settings",
        action="store_true",
        help="the server's settings are another's business: neither set nor judged",
    )
    init.add_argument("--partitions", type=int, metavar="N", help="of each table, in a store that is made now")
    init.set_defaults(run=_init)
    check = store.add_parser(
        "check", help="a look alone, with the administrator's eyes where GP_STORE_ADMIN_URL is set"
    )
    check.add_argument("--json", action="store_true", help="a JSON object a line")
    check.set_defaults(run=_check)
    analyst = store.add_parser("analyst", help="a login for one person who works with releases; it has no password")
    analyst.add_argument("login", help="as policy/data_uses names the person")
    analyst.set_defaults(run=_analyst)
    add_restored(store)


def _init(arguments: argparse.Namespace) -> int:
    from central_zone import settings as settings_of
    from central_zone.store.init import Asked, init

    settings = settings_of.load()
    folder = arguments.passwords or settings.store_passwords_folder
    done = init(
        settings.store_admin_url,
        Asked(
            passwords=folder,
            make_passwords=arguments.make_passwords,
            set_settings=not arguments.leave_settings,
            demonstration=settings.is_demonstration,
            partitions=arguments.partitions,
        ),
    )
    print(
        json.dumps(
            {
                "store": "migrated" if done.migrated else "already at this version",
                "passwords_made": done.passwords_made,
                "settings": done.settings,
            }
        )
    )
    return _tell([] if arguments.leave_settings else done.verdicts)


def _analyst(arguments: argparse.Namespace) -> int:
    from central_zone import settings as settings_of
    from central_zone.store.init import init_analyst

    init_analyst(settings_of.load().store_admin_url, arguments.login)
    print(json.dumps({"login": arguments.login, "sees": "what policy/data_uses says, from the next release on"}))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from central_zone import settings as settings_of
    from central_zone.store.look import look_at_store

    settings = settings_of.load()
    verdicts = look_at_store(settings, as_administrator=settings.has_store_admin_url)
    return _tell(verdicts, as_json=arguments.json)


def _tell(verdicts: Sequence[Any], *, as_json: bool = False) -> int:
    """The lines on stderr, where they do not disturb what a command prints; JSON on stdout."""
    from central_zone.errors import StoreWeaker
    from key_custody.whereabouts.arguments import write_verdicts
    from key_custody.whereabouts.verdict import NOT_LOOKED_AT, WRONG

    write_verdicts(verdicts, sys.stdout if as_json else sys.stderr, as_json=as_json)
    weak = sum(each.said in (WRONG, NOT_LOOKED_AT) for each in verdicts)
    if weak:
        raise StoreWeaker(f"The store is weaker than promised in {weak} things, named above. docs/store.md says more.")
    return 0
