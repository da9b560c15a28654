"""The sub-command of gp-source about patients who opted out, or in again, after records had left."""

import argparse
import json
import uuid


def add_uphold(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    uphold = commands.add_parser("uphold", help="ask for the erasure of who opted out since; send who opted in again")
    uphold.add_argument("--collection", required=True)
    uphold.set_defaults(run=_uphold)


def _uphold(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.uphold_practices import check_all_upheld, uphold_practices

    said = uphold_practices(arguments.collection, uuid.uuid4().hex, settings.load())
    print(json.dumps(said, sort_keys=True))
    check_all_upheld(said)
    return 0
