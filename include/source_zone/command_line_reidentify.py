"""gp-source reidentify: answers one case file of the centre's, to the practice alone. It prints counts, and never who."""

import argparse
import json
from pathlib import Path


def add_reidentify(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "tell a practice which of its patients a case is about; checks the two approvals itself"
    reidentify = commands.add_parser("reidentify", help=about)
    reidentify.add_argument(
        "case_file", type=Path, metavar="CASEFILE", help="<case>.<practice>.case.json, of the centre"
    )
    reidentify.set_defaults(run=_reidentify)


def _reidentify(arguments: argparse.Namespace) -> int:
    from source_zone import settings
    from source_zone.reidentification.answer_case import Desk, answer_case

    print(json.dumps(answer_case(arguments.case_file, Desk(settings.load())), sort_keys=True))
    return 0
