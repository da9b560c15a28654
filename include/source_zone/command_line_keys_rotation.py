"""gp-source keys rotate, bridge, destroy: a new token key, every practice brought to it, the old one gone."""

import argparse
import json
import uuid
from pathlib import Path


def add_rotation(keys: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    rotate = keys.add_parser("rotate", help="make the next version of a collection's token key")
    rotate.add_argument("--collection", required=True)
    rotate.set_defaults(run=_rotate)
    bridge = keys.add_parser("bridge", help="bring every practice to the newest token key, whether or not it delivers")
    bridge.add_argument("--collection", required=True)
    bridge.set_defaults(run=_bridge)
    destroy = keys.add_parser("destroy", help="destroy an older token key, on the centre's signed word")
    destroy.add_argument("--collection", required=True)
    destroy.add_argument("--version", required=True, type=int, metavar="N")
    destroy.add_argument(
        "--statement", required=True, type=Path, metavar="FILE", help="the centre's <key>.retired.json"
    )
    destroy.set_defaults(run=_destroy)


def _rotate(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.keys import token_key_name
    from source_zone.token_key_versions import make_next

    version = make_next(settings.load().keys, arguments.collection)
    made = token_key_name(arguments.collection, version)
    then = "each practice goes over with its next night, or with: gp-source keys bridge"
    print(json.dumps({"key": made, "state": "made", "then": then}, sort_keys=True))
    return 0


def _bridge(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.bridge_practices import bridge_practices, check_all_bridged

    said = bridge_practices(arguments.collection, uuid.uuid4().hex, settings.load())
    print(json.dumps(said, sort_keys=True))
    check_all_bridged(said)
    return 0


def _destroy(arguments: argparse.Namespace) -> int:
    from crossing.errors import PersonMustAct
    from source_zone import settings
    from source_zone.destroy_token_key import destroy_token_key

    try:
        statement = arguments.statement.read_bytes()
    except OSError as error:
        raise PersonMustAct(f"--statement: {error.strerror}. Fetch the centre's signed statement first.") from None
    said = destroy_token_key(arguments.collection, arguments.version, statement, settings.load())
    print(json.dumps(said, sort_keys=True))
    return 0
