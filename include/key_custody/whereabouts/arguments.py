"""What the commands `doctor` of both zones are told, and how they answer."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from key_custody.whereabouts.doctor import Asked
from key_custody.whereabouts.metadata_access import metadata_access
from key_custody.whereabouts.verdict import Verdict


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metadata-url-file",
        type=Path,
        metavar="FILE",
        help="the address of Airflow's database; default: Airflow's own setting",
    )
    parser.add_argument("--fernet-key-file", type=Path, metavar="FILE", help="Airflow's; default: its own setting")
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="DIR", help="a folder more to search")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="PLACE",
        help="a place that need not be looked at, by its name in an answer",
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line")


def asked_by(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Asked:
    """Raises MetadataAddressWrong."""
    return Asked(
        metadata=metadata_access(environment, arguments.metadata_url_file, arguments.fernet_key_file),
        also=arguments.also,
        without=frozenset(arguments.without),
    )


def write_verdicts(verdicts: Sequence[Verdict], out: TextIO, *, as_json: bool) -> None:
    for each in verdicts:
        out.write((json.dumps(asdict(each), sort_keys=True) if as_json else each.line()) + "\n")
