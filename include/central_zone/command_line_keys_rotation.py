"""gp-central keys status, retire: where a change of token key stands, and its end."""

import argparse
import json
from typing import Any


def add_rotation(keys: Any) -> None:
    status = keys.add_parser("status", help="which practice is under which token key")
    status.add_argument("--collection", required=True)
    status.set_defaults(run=_status)
    retire = keys.add_parser(
        "retire", help="sign that nothing is under an older token key any more; refused while it is"
    )
    retire.add_argument("--collection", required=True)
    retire.add_argument("--version", required=True, type=int, metavar="N")
    retire.set_defaults(run=_retire)


def _status(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.rotation.status import status

    print(json.dumps(status(arguments.collection, settings.load()), sort_keys=True))
    return 0


def _retire(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.rotation.retire import retire

    print(json.dumps(retire(arguments.collection, arguments.version, settings.load()), sort_keys=True))
    return 0
