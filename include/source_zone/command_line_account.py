"""The sub-command of gp-source that tells a practice what left of it, what stayed, and what the centre answered."""

import argparse
import json
import re
from pathlib import Path

from crossing.errors import PersonMustAct


def add_account(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    account = commands.add_parser("account", help="what left of one practice, what stayed and why; not for publication")
    account.add_argument("--collection", required=True)
    account.add_argument("--practice", required=True, metavar="CODE")
    account.add_argument("--html", type=Path, metavar="FILE", help="write a page to read; default: JSON on stdout")
    account.set_defaults(run=_account)


def _account(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.practice_account import account
    from source_zone.practice_account_page import write_page

    if not re.fullmatch(r"[A-Z]\d{5}", arguments.practice):
        raise PersonMustAct("--practice: a practice code is a letter and five digits.")
    loaded = settings.load()
    loaded.policy().collection(arguments.collection)
    contents = account(arguments.collection, arguments.practice, loaded)
    if arguments.html is None:
        print(json.dumps(contents, sort_keys=True))
        return 0
    write_page(arguments.html, contents)
    print(json.dumps({"practice_code": arguments.practice, "left": len(contents["left"]), "page": str(arguments.html)}))
    return 0
