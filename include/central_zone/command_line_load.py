"""gp-central load: parcels and notices by hand, in the order given."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from crossing.canonical import NOTICES
from crossing.errors import GPCollectError, PersonMustAct

Commands = Any  # argparse keeps the type of its sub-commands private


def add_to(commands: Commands) -> None:
    load = commands.add_parser(
        "load", help="receive, validate and load parcels, and act on notices, in the order given"
    )
    load.add_argument("parcels", nargs="+", metavar="PARCEL", help="a parcel's folder, or its id in GP_INBOX_DIR")
    load.set_defaults(run=_load)


def _load(arguments: argparse.Namespace) -> int:
    from central_zone import settings

    loaded_settings = settings.load()
    errors: list[GPCollectError] = []
    for number, name in enumerate(arguments.parcels, 1):
        if sys.stderr.isatty():  # for somebody who watches; a log would only grow
            sys.stderr.write(f"parcel {number} of {len(arguments.parcels)}\n")
        folder = Path(name).resolve() if Path(name).is_dir() else loaded_settings.inbox_folder / name
        try:
            errors.extend(_take(folder, loaded_settings))
        except GPCollectError as error:
            _print({"parcel_id": folder.name, "state": "not loaded", "reason": f"{type(error).__name__}: {error}"})
            errors.append(error)
    return _worst(errors)


def _take(folder: Path, settings: Any) -> list[GPCollectError]:
    """Which of the two it is, its own unverified word says; either way it is verified before anything is done."""
    from central_zone import inbox, load_parcel, take_notices

    claim = inbox.claim(folder)
    if claim and claim.kind in NOTICES:
        _print(take_notices.take_notice(folder, settings))
        return []
    result = load_parcel.load_parcel(folder, settings)
    _print(result)
    return load_parcel.not_loaded(result)


def _worst(errors: list[GPCollectError]) -> int:
    """What a person must mend comes before what may mend itself."""
    for error in sorted(errors, key=lambda error: not isinstance(error, PersonMustAct)):
        raise error
    return 0


def _print(result: dict[str, Any]) -> None:
    print(json.dumps(result, sort_keys=True), flush=True)
