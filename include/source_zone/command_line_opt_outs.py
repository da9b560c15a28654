"""The part of the command gp-source that answers questions about opt-outs. It prints counts, and never who."""

import argparse
import json
from datetime import date


def add_opt_outs(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    asked = commands.add_parser(
        "opt-outs", help="how many would have been held back on one day, as known on another; one JSON line of counts"
    )
    asked.add_argument("--collection", required=True)
    asked.add_argument("--practice", required=True, metavar="CODE")
    asked.add_argument(
        "--effective", type=date.fromisoformat, required=True, metavar="DATE", help="the day asked about"
    )
    asked.add_argument(
        "--known", type=date.fromisoformat, required=True, metavar="DATE", help="going by what was known"
    )
    asked.set_defaults(run=_opt_outs)


def _opt_outs(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.release import prepare
    from source_zone.replay import in_words, replay

    loaded = settings.load()
    practice = loaded.policy().practice(arguments.practice)
    release = prepare(arguments.collection, practice, "opt-outs", loaded)
    memory = release.memory_file().read()
    said = replay(release.rules, memory, effective=arguments.effective, known=arguments.known)
    print(json.dumps(in_words(practice.practice_code, said), sort_keys=True))
    return 0
