"""gp-central reidentify: asking who somebody of a release is, approving it, and carrying it out."""

import argparse
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from crossing.policy import Policy

Commands = Any  # argparse keeps the type of its sub-commands private


def add_reidentify(commands: Commands) -> None:
    about = "have a practice told which of its patients a release's tokens are; needs two people's approval"
    reidentify = commands.add_parser("reidentify", help=about).add_subparsers(required=True, metavar="COMMAND")
    _add_request(reidentify)
    _add_approve(reidentify)
    run = reidentify.add_parser("run", help="carry out a case once; the practice is told at the source, nobody here")
    run.add_argument("request", type=Path, metavar="REQUEST", help="case.request.json; its approvals lie beside it")
    run.add_argument("--custodian-key", type=Path, required=True, metavar="FILE", help="mode 0400")
    run.set_defaults(run=_run)


def _add_request(commands: Commands) -> None:
    request = commands.add_parser("request", help="write case.request.json into a folder of its own")
    request.add_argument("--use", required=True, metavar="ID", help="the data use the tokens are of")
    request.add_argument("--case", required=True, metavar="ID", help="capital letters, digits and hyphens")
    request.add_argument("--purpose", required=True, metavar="WORD", help="one of policy/reidentification.toml")
    request.add_argument("--by", required=True, metavar="NAME", help="who asks; they cannot approve")
    request.add_argument("--tokens", required=True, metavar="FILE", help="one a line; - for standard input")
    request.add_argument("--expires", type=date.fromisoformat, required=True, metavar="DATE", help="the last day")
    request.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    request.set_defaults(run=_request)


def _add_approve(commands: Commands) -> None:
    approve = commands.add_parser("approve", help="add an approval, signed, beside the request")
    approve.add_argument("request", type=Path, metavar="REQUEST")
    approve.add_argument("--by", required=True, metavar="KEY", help="the key's name in the register of keys")
    approve.add_argument("--key", type=Path, required=True, metavar="FILE", help="its private half, mode 0400")
    approve.set_defaults(run=_approve)


def _request(arguments: argparse.Namespace) -> int:
    from central_zone.reidentification.ask import read_small, request_case

    from_file = arguments.tokens != "-"
    tokens = read_small(Path(arguments.tokens)).decode(errors="replace") if from_file else sys.stdin.read()
    said = request_case(
        Policy(),
        datetime.now(UTC),
        use=arguments.use,
        case_id=arguments.case,
        purpose=arguments.purpose,
        by=arguments.by,
        tokens=tokens,
        expires_on=arguments.expires,
        out=arguments.out,
    )
    print(json.dumps(said, sort_keys=True))
    return 0


def _approve(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.reidentification.ask import approve_case

    which = {"key_name": arguments.by, "key_file": arguments.key}
    said = approve_case(Policy(), settings.load().keys_folder, datetime.now(UTC), arguments.request, **which)
    print(json.dumps(said, sort_keys=True))
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.reidentification.run_case import run_case
    from central_zone.store.role_names import CUSTODIAN
    from central_zone.zone import opened

    loaded = settings.load()
    with opened(loaded, loaded.receipts_folder, role=CUSTODIAN) as zone:  # no parcel is looked at
        print(json.dumps(run_case(zone, arguments.request, arguments.custodian_key), sort_keys=True))
    return 0
