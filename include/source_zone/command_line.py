"""The command gp-source: what the source zone does, without Airflow."""

import argparse
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable
from datetime import date
from pathlib import Path

from crossing.errors import PersonMustAct, run_command
from crossing.policy import Practice
from source_zone.command_line_account import add_account
from source_zone.command_line_keys_rotation import add_rotation
from source_zone.command_line_mesh import add_mesh
from source_zone.command_line_national import add_national_opt_outs
from source_zone.command_line_opt_outs import add_opt_outs
from source_zone.command_line_uphold import add_uphold
from source_zone.settings import Settings


def main() -> int:
    arguments = _parser().parse_args()
    return run_command(lambda: int(arguments.run(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gp-source", description="The source zone of GP Collect.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_keys(commands)
    _add_simulate(commands)
    _add_release(commands)
    _add_backfill(commands)
    _add_status(commands)
    add_mesh(commands)
    add_opt_outs(commands)
    add_uphold(commands)
    add_account(commands)
    add_national_opt_outs(commands)
    return parser


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("keys", help="key files").add_subparsers(required=True, metavar="COMMAND")
    init = keys.add_parser("init", help="make a development key set for both zones, files mode 0400")
    init.add_argument("--dir", type=Path, required=True)
    init.add_argument("--collection", action="append", default=None, help="default: every collection in policy")
    init.set_defaults(run=_keys_init)
    add_rotation(keys)


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    simulate = commands.add_parser("simulate", help="write synthetic practices and an answer sheet")
    simulate.add_argument("--format", default="emis_csv", help="default: emis_csv; a wrong one lists those there are")
    simulate.add_argument("--practices", type=int, default=8)
    simulate.add_argument("--first-practice", type=int, default=1, help="its number: 9 is Y99009")
    simulate.add_argument("--patients", type=int, default=500, help="a practice")
    simulate.add_argument("--entries-per-patient", type=int, default=500)
    simulate.add_argument("--seed", type=int, default=1)
    simulate.add_argument("--night", type=int, default=1)
    simulate.add_argument(
        "--trouble",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="plant what must be held back, of every kind",
    )
    simulate.add_argument(
        "--opted-out",
        type=float,
        default=0,
        metavar="PERCENT",
        help="of patients, who plainly dissent; in England some 5",
    )
    simulate.add_argument(
        "--histories",
        action="store_true",
        help="give every patient a generated history of opt-outs in place of planted trouble, and an answer sheet by patient",
    )
    simulate.add_argument("--out", type=Path, required=True)
    simulate.set_defaults(run=_simulate)


def _add_release(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    release = commands.add_parser("release", help="all source steps for one practice; one JSON line of counts")
    release.add_argument("--collection", required=True)
    release.add_argument("--practice", required=True, metavar="CODE")
    release.add_argument("--from", dest="source", metavar="FORMAT:DIR", help="default: where policy says")
    release.add_argument("--outbox", type=Path, help="default: GP_OUTBOX_DIR")
    release.add_argument("--keys", type=Path, help="default: GP_SOURCE_KEYS_DIR")
    release.add_argument(
        "--state", type=Path, help="spool and memory; default: GP_SOURCE_WORK_DIR, GP_SOURCE_STATE_DIR"
    )
    release.add_argument(
        "--real", action="store_true", help="records are not synthetic: every safeguard for real data applies"
    )
    release.set_defaults(run=_release)


def _add_backfill(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backfill = commands.add_parser("backfill", help="take what was delivered in days gone by and was never taken")
    backfill.add_argument("--collection", required=True)
    which = backfill.add_mutually_exclusive_group(required=True)
    which.add_argument("--practice", metavar="CODE", action="append", help="may be given again")
    which.add_argument("--all", action="store_true", help="every practice that takes part today")
    backfill.add_argument("--from", dest="first", type=date.fromisoformat, required=True, metavar="DATE")
    backfill.add_argument("--until", type=date.fromisoformat, required=True, metavar="DATE", help="included")
    backfill.set_defaults(run=_backfill)


def _add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = commands.add_parser("status", help="how each practice stands")
    status.add_argument("--collection", required=True)
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_status)


def _keys_init(arguments: argparse.Namespace) -> int:
    from crossing.policy import Policy
    from source_zone.make_development_keys import make_development_keys

    made = make_development_keys(arguments.dir, arguments.collection or Policy().collections())
    print(
        json.dumps(
            {"keys": made, "purpose": "development only: in life each zone's keys are made by its own organisation"}
        )
    )
    return 0


def _simulate(arguments: argparse.Namespace) -> int:
    from simulator.simulate import simulate

    try:
        summary = simulate(
            arguments.out,
            format=arguments.format,
            practices=arguments.practices,
            first_practice=arguments.first_practice,
            patients=arguments.patients,
            seed=arguments.seed,
            night=arguments.night,
            entries_per_patient=arguments.entries_per_patient,
            trouble=arguments.trouble,
            opted_out=arguments.opted_out / 100,
            histories=arguments.histories,
            progress=_progress(),
        )
    except ValueError as error:  # the simulator's own words about its arguments; it knows nobody real
        raise PersonMustAct(str(error)) from None
    print(json.dumps(summary, sort_keys=True))
    return 0


def _release(arguments: argparse.Namespace) -> int:
    from source_zone.release import prepare
    from source_zone.release_practice import release_practice

    settings = _settings(arguments)
    practice, folder = _practice(arguments, settings)
    progress = _progress()
    release = prepare(arguments.collection, practice, uuid.uuid4().hex, settings, folder=folder, progress=progress)
    print(json.dumps(release_practice(release), sort_keys=True))
    return 0


def _backfill(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.backfill import backfill, practices_to_backfill
    from source_zone.windows import window_of_days

    window = window_of_days(arguments.first, arguments.until)
    loaded = settings.load()
    practices = practices_to_backfill(arguments.practice, loaded)
    errors = []
    for outcome, error in backfill(arguments.collection, practices, window, loaded, _progress()):
        print(json.dumps(outcome, sort_keys=True))
        errors += [error] if error else []
    for error in sorted(errors, key=lambda each: not isinstance(each, PersonMustAct)):
        raise error
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    """The environment's settings, with what the command line says put over them."""
    from source_zone import settings

    environment = dict(os.environ)
    said = {
        "GP_OUTBOX_DIR": arguments.outbox,
        "GP_SOURCE_KEYS_DIR": arguments.keys,
        "GP_SOURCE_WORK_DIR": arguments.state and arguments.state / "spool",
        "GP_SOURCE_STATE_DIR": arguments.state and arguments.state / "memory",
        "GP_INCOMING_DIR": arguments.source and Path.cwd(),
    }
    environment |= {name: str(value) for name, value in said.items() if value}
    return settings.load(environment)


def _practice(arguments: argparse.Namespace, settings: Settings) -> tuple[Practice, Path | None]:
    if not re.fullmatch(r"[A-Z]\d{5}", arguments.practice):
        raise PersonMustAct("--practice: a practice code is a letter and five digits.")
    if not arguments.source:
        return settings.policy().practice(arguments.practice), None
    format_, separator, folder = arguments.source.partition(":")
    if not separator:
        raise PersonMustAct("--from: write FORMAT:DIR, as in emis_csv:deliveries/A12345.")
    practice = Practice(
        practice_code=arguments.practice,
        supplier=format_,
        format=format_,
        transport="directory",
        connection=arguments.practice,
        participates_from=date.min,
        participates_until=None,
        synthetic=not arguments.real,
    )
    return practice, Path(folder)


def _status(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.shards import status

    rows = status(arguments.collection, settings.load())
    if arguments.json:
        print(json.dumps(rows, sort_keys=True))
        return 0
    for row in rows:
        print(f"{row['practice_code']}  {row['state']:<16}  {row.get('error', '')}")
    return 0


def _progress() -> Callable[[str], None]:
    """One line on stderr that keeps itself up to date, at most twice a second; silent where nobody watches."""
    last = time.monotonic()

    def show(text: str) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > 0.5:
            last = time.monotonic()
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    return show
