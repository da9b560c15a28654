"""gp-central audit and gp-central store restored: does everything outside the store bear the audit chain out, and if not."""

import argparse
import json
from pathlib import Path
from typing import Any

Commands = Any  # argparse keeps the type of its sub-commands private


def add_audit(commands: Commands) -> None:
    audit = commands.add_parser("audit", help="the audit chain").add_subparsers(required=True, metavar="COMMAND")
    verify = audit.add_parser("verify", help="read the whole chain and compare; exit 4 where it does not hold")
    verify.add_argument("--published-head", metavar="HASH", help="a head seen earlier: it must still be in the chain")
    verify.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a receipt, register or checkpoint kept elsewhere",
    )
    verify.add_argument("--only-new", action="store_true", help="read only what follows the newest checkpoint")
    verify.set_defaults(run=_verify)
    checkpoint = audit.add_parser("checkpoint", help="sign what the chain is now, and write it down")
    checkpoint.add_argument(
        "--begin-anew", action="store_true", help="every copy of the journal is lost, and the chain was verified"
    )
    checkpoint.set_defaults(run=_checkpoint)


def add_restored(store: Commands) -> None:
    restored = store.add_parser("restored", help="after a restore from a backup: what is missing, erase again, go on")
    restored.add_argument("--by", required=True, metavar="NAME", help="published")
    restored.add_argument("--reason", required=True, metavar="TEXT", help="published")
    restored.set_defaults(run=_restored)


def _verify(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.chain.verify import verify

    how = {"published_head": arguments.published_head, "also": arguments.also, "only_new": arguments.only_new}
    _print(verify(settings.load(), **how))
    return 0


def _checkpoint(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.chain.give_checkpoint import give_checkpoint
    from central_zone.store.connection import store_of
    from central_zone.store.role_names import AUDITOR

    loaded = settings.load()
    with store_of(loaded.store_url_of(AUDITOR)) as store:
        note = give_checkpoint(loaded, store, begin_anew=arguments.begin_anew)
    print(note or "Nothing to sign: no entry, no folder, or a copy nobody confirmed.")
    return 0


def _restored(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.restored.resume import resume

    _print(resume(settings.load(), by=arguments.by, reason=arguments.reason))
    return 0


def _print(result: dict[str, Any]) -> None:
    print(json.dumps(result, sort_keys=True), flush=True)
