"""The part of the command gp-central about rows that were kept out: a steward lists them, releases or discards them."""

import argparse
import json
from dataclasses import asdict
from typing import Any


def add_quarantine(commands: Any) -> None:
    about = "rows that broke a rule and were kept out: by rule and count, never what is in them"
    quarantine = commands.add_parser("quarantine", help=about).add_subparsers(required=True, metavar="COMMAND")
    listed = quarantine.add_parser("list", help="what waits for a decision, and what may be released")
    listed.add_argument("--practice", action="append", default=[], metavar="CODE")
    listed.add_argument("--json", action="store_true", help="as a JSON list")
    listed.add_argument("--tokens", metavar="PARCEL", help="the tokens of one parcel's rows instead, a row a line")
    listed.set_defaults(run=_list)
    release = quarantine.add_parser("release", help="load these rows from the sealed parcel after all")
    release.set_defaults(run=_release)
    discard = quarantine.add_parser("discard", help="these rows stay out for good")
    discard.set_defaults(run=_discard)
    for command in (release, discard):
        _add_choice(command)


def _add_choice(command: argparse.ArgumentParser) -> None:
    command.add_argument("parcel", metavar="PARCEL")
    command.add_argument("--table", required=True)
    command.add_argument(
        "--rule",
        required=True,
        action="append",
        metavar="ID",
        help="rows that broke this rule and no other; given more than once, any of them and no other",
    )
    command.add_argument("--by", required=True, metavar="NAME")
    command.add_argument("--reason", required=True, metavar="TEXT")


def _list(arguments: argparse.Namespace) -> int:
    from central_zone import quarantine_list, settings

    if arguments.tokens:
        for line in quarantine_list.tokens_waiting(arguments.tokens, settings.load()):
            print(line)
        return 0
    found = quarantine_list.rows_waiting(settings.load(), arguments.practice)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    for each in found:
        may = f"stays out: {each['why_not_released']}" if each["why_not_released"] else "may be released"
        print(
            f"{each['practice_code']}  parcel {each['sequence']:>4}  {each['table_name']:<14}{each['rule_id']:<26}"
            f"{each['rows']:>14}  {each['parcel_id']}  {may}"
        )
    if not found:
        print("Nothing waits in quarantine.")
    return 0


def _release(arguments: argparse.Namespace) -> int:
    from central_zone import quarantine_decide, settings

    print(json.dumps(asdict(quarantine_decide.release_rows(_choice(arguments), settings.load())), sort_keys=True))
    return 0


def _discard(arguments: argparse.Namespace) -> int:
    from central_zone import quarantine_decide, settings

    print(json.dumps(asdict(quarantine_decide.discard_rows(_choice(arguments), settings.load())), sort_keys=True))
    return 0


def _choice(arguments: argparse.Namespace) -> Any:
    from central_zone.quarantine_choice import Choice

    return Choice(
        parcel_id=arguments.parcel,
        table_name=arguments.table,
        rule_ids=tuple(arguments.rule),
        by=arguments.by,
        reason=arguments.reason,
    )
