"""The part of the command gp-source that has to do with the National Data Opt-out."""

import argparse
import json


def add_national_opt_outs(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    national = commands.add_parser(
        "national-opt-outs", help="how the check for National Data Opt-outs stands; exit 4 where it needs you"
    )
    national.add_argument("--collection", required=True)
    what = national.add_mutually_exclusive_group()
    what.add_argument("--ask", action="store_true", help="ask about everybody now, unless a check is running")
    what.add_argument("--take", action="store_true", help="take the answers that have come, and make allow lists")
    what.add_argument("--drop", metavar="MESSAGE", help="acknowledge this message of the mailbox without reading it")
    national.set_defaults(run=_national_opt_outs)


def _national_opt_outs(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.national_opt_outs import ask, status, take

    loaded, problems = settings.load(), []
    if arguments.ask:
        said = ask.check_national_opt_outs(arguments.collection, loaded, again=True)
    elif arguments.take:
        said = take.take_national_answers(arguments.collection, loaded)
    elif arguments.drop:
        said = take.drop(arguments.collection, arguments.drop, loaded)
    else:
        said = status.national_opt_outs(arguments.collection, loaded)
        problems = status.problems(arguments.collection, loaded)
    print(json.dumps(said, sort_keys=True))
    status.raise_any(problems)
    return 0
