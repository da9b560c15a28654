"""The sub-command of gp-central that proves where its keys are, and that they are nowhere else."""

import argparse
import os
import sys
from typing import Any

from key_custody.whereabouts.arguments import add_doctor_arguments


def add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor", help="where this zone's keys are, and nowhere else; exit 4 where it needs you"
    )
    add_doctor_arguments(doctor)
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.doctor import deployment
    from key_custody.whereabouts.arguments import asked_by, write_verdicts
    from key_custody.whereabouts.doctor import examine
    from key_custody.whereabouts.verdict import check

    verdicts = examine(deployment(settings.load()), asked_by(arguments, os.environ))
    write_verdicts(verdicts, sys.stdout, as_json=arguments.json)
    check(verdicts)
    return 0
