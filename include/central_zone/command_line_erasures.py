"""gp-central erasures: does the store agree with the journal, and if a restored one does not, make it agree."""

import argparse
import json
from typing import Any

Commands = Any  # argparse keeps the type of its sub-commands private


def add_to(commands: Commands) -> None:
    erasures = commands.add_parser("erasures", help="people who opted out later: the store against its journal")
    each = erasures.add_subparsers(required=True, metavar="COMMAND")
    each.add_parser("status", help="how far each is; exit 4 where they do not agree").set_defaults(run=_status)
    each.add_parser("verify", help="read the whole journal; exit 4 where it breaks").set_defaults(run=_verify)
    each.add_parser("reapply", help="after a restore: erase again who was erased, then serve").set_defaults(
        run=_reapply
    )


def _status(_: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.erasures import state

    found = state.status(settings.load())
    _print(found)
    state.check(settings.load())
    return 0


def _verify(_: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.erasures import state

    _print(state.verify(settings.load()))
    return 0


def _reapply(_: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.erasures.reapply import reapply

    _print(reapply(settings.load()))
    return 0


def _print(result: dict[str, Any]) -> None:
    print(json.dumps(result, sort_keys=True), flush=True)
