"""The command gp-central: what an engineer or a steward does by hand. Results on stdout, progress and errors on stderr."""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from central_zone import command_line_erasures, command_line_load
from central_zone.command_line_audit import add_audit
from central_zone.command_line_doctor import add_doctor
from central_zone.command_line_keys import add_keys
from central_zone.command_line_metrics import add_metrics
from central_zone.command_line_notices import add_notices
from central_zone.command_line_quarantine import add_quarantine
from central_zone.command_line_reidentify import add_reidentify
from central_zone.command_line_release import add_release_commands
from central_zone.command_line_store import add_store
from crossing.errors import run_command

Commands = Any  # argparse keeps the type of its sub-commands private


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, 3 (try again) or 4 (a person must act); one line on stderr says why."""
    parsed = _parser().parse_args(arguments)
    return run_command(lambda: int(parsed.run(parsed)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gp-central", description="The central zone: receive, validate, load, publish."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_store(commands)
    _add_fetch(commands)
    command_line_load.add_to(commands)
    _add_ledger(commands)
    _add_decide(commands)
    _add_skip(commands)
    add_quarantine(commands)
    _add_reconcile(commands)
    add_release_commands(commands)
    add_reidentify(commands)
    _add_register(commands)
    command_line_erasures.add_to(commands)
    add_audit(commands)
    add_notices(commands)
    add_keys(commands)
    add_metrics(commands)
    add_doctor(commands)
    return parser


def _add_fetch(commands: Commands) -> None:
    fetch = commands.add_parser("fetch", help="bring parcels from the mailbox on MESH into GP_INBOX_DIR")
    fetch.add_argument("--again", action="store_true", help="look anew at messages that were refused before")
    fetch.add_argument("--drop", metavar="MESSAGE", help="acknowledge this message without ever taking it")
    fetch.set_defaults(run=_fetch)


def _add_ledger(commands: Commands) -> None:
    ledger = commands.add_parser("ledger", help="what became of every parcel")
    ledger.add_argument("--json", action="store_true", help="as a JSON list")
    ledger.add_argument("--gaps", action="store_true", help="only practices whose sequence does not go on, and why")
    ledger.set_defaults(run=_ledger)


def _add_decide(commands: Commands) -> None:
    decide = commands.add_parser("decide", help="a steward's decision on a held parcel")
    decide.add_argument("parcel", metavar="PARCEL")
    choice = decide.add_mutually_exclusive_group(required=True)
    choice.add_argument("--approve", action="store_true", help="load it with the next load")
    choice.add_argument("--refuse", action="store_true", help="never load it; later parcels go on without it")
    decide.add_argument("--by", required=True, metavar="NAME")
    decide.add_argument("--reason", required=True, metavar="TEXT")
    decide.set_defaults(run=_decide)


def _add_skip(commands: Commands) -> None:
    skip = commands.add_parser("skip", help="a steward gives up a parcel that will never come; later ones go on")
    skip.add_argument("--collection", required=True)
    skip.add_argument("--practice", required=True, metavar="CODE")
    skip.add_argument("--sequence", required=True, type=int, metavar="N", help="the first one missing")
    skip.add_argument("--by", required=True, metavar="NAME")
    skip.add_argument("--reason", required=True, metavar="TEXT")
    skip.set_defaults(run=_skip)


def _add_reconcile(commands: Commands) -> None:
    reconcile = commands.add_parser("reconcile", help="what should be here against what is; exit 4 where they differ")
    reconcile.add_argument("--collection", required=True)
    reconcile.add_argument("--json", action="store_true", help="as a JSON list, a practice each")
    reconcile.add_argument(
        "--recount", action="store_true", help="count the rows of every parcel again, not only new ones"
    )
    reconcile.set_defaults(run=_reconcile)


def _add_register(commands: Commands) -> None:
    register = commands.add_parser("register", help="the public register").add_subparsers(
        required=True, metavar="COMMAND"
    )
    build = register.add_parser("build", help="make its pages from what ran")
    build.add_argument("--out", type=Path, help="default: GP_REGISTER_DIR")
    build.set_defaults(run=_register_build)


def _fetch(arguments: argparse.Namespace) -> int:
    from central_zone import fetch, settings

    if arguments.drop:
        _print(fetch.drop(arguments.drop, settings.load()))
    else:
        _print(fetch.fetch_parcels(settings.load(), again=arguments.again))
    return 0


def _ledger(arguments: argparse.Namespace) -> int:
    from central_zone import load_parcel, settings

    if arguments.gaps:
        return _gaps(as_json=arguments.json)
    entries = load_parcel.ledger_entries(settings.load())
    if arguments.json:
        print(json.dumps(entries, indent=2, default=str))
    else:
        _print_table(entries)
    return 0


def _gaps(*, as_json: bool) -> int:
    from central_zone import load_parcel, settings

    found = load_parcel.gaps_of(settings.load())
    if as_json:
        print(json.dumps([asdict(gap) for gap in found], indent=2, default=str))
        return 0
    for gap in found:
        print(f"{gap.practice_code}  {gap.collection}  loaded up to {gap.settled_up_to}: {gap.in_words()}")
    if not found:
        print("No gap.")
    return 0


def _print_table(entries: Iterable[dict[str, Any]]) -> None:
    print(f"{'practice':<10}{'collection':<12}{'seq':>4}  {'state':<10}{'rows':>12}{'kept out':>10}  parcel, reason")
    for entry in entries:
        rows = sum(entry["rows_loaded"].values())
        out = sum(sum(rules.values()) for rules in entry["rows_quarantined"].values())
        print(
            f"{entry['practice_code']:<10}{entry['collection']:<12}{entry['sequence']:>4}  {entry['state']:<10}"
            f"{rows:>12,}{out:>10,}  {entry['parcel_id']}  {entry['state_reason'] or ''}"
        )


def _decide(arguments: argparse.Namespace) -> int:
    from central_zone import load_parcel, settings

    words = {"approve": arguments.approve, "by": arguments.by, "reason": arguments.reason}
    _print(load_parcel.decide(arguments.parcel, **words, settings=settings.load()))
    return 0


def _skip(arguments: argparse.Namespace) -> int:
    from central_zone import load_parcel, settings

    words = {"by": arguments.by, "reason": arguments.reason}
    place = (arguments.collection, arguments.practice, arguments.sequence)
    _print(load_parcel.skip(*place, **words, settings=settings.load()))
    return 0


def _reconcile(arguments: argparse.Namespace) -> int:
    from central_zone import reconcile, settings

    loaded_settings = settings.load()
    reconcile.count_rows(arguments.collection, loaded_settings, again=arguments.recount)
    reports = reconcile.report(arguments.collection, loaded_settings)
    if arguments.json:
        print(json.dumps([asdict(each) for each in reports], indent=2, default=str))
    for each in () if arguments.json else reports:
        print(f"{each.practice_code}  {'agrees' if each.agrees else ' | '.join(each.differences)}")
    reconcile.check_agreement(arguments.collection, reports)
    return 0


def _register_build(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.register import build_register

    loaded_settings = settings.load()
    _print(build_register.build(arguments.out or loaded_settings.register_folder, loaded_settings))
    return 0


def _print(result: dict[str, Any]) -> None:
    print(json.dumps(result, sort_keys=True), flush=True)
