"""The part of the command gp-central about notices: what practices said of people, and what was done about it."""

import argparse
import json
from typing import Any


def add_notices(commands: Any) -> None:
    notices = commands.add_parser("notices", help="what practices said of people, and what became of it; counts only")
    notices.add_argument("--json", action="store_true", help="as a JSON list")
    notices.set_defaults(run=_notices)


def _notices(arguments: argparse.Namespace) -> int:
    from central_zone import settings, take_notices

    found = take_notices.every_notice(settings.load())
    if arguments.json:
        print(json.dumps(found, sort_keys=True, default=str))
        return 0
    for row in found:
        state = f"applied {row['applied_at']:%Y-%m-%d %H:%M}" if row["applied_at"] else "not applied yet"
        print(f"{row['practice_code']}  {row['kind']:<20} {row['sequence']:>5}  {row['people']:>8} people  {state}")
    return 0
