"""Snapshots in folders of their own, named by the moment they were taken: a night that was missed can still be read."""

import re
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from source_zone.adapters.reading import FileRefused
from source_zone.identified import Extract

_STAMP = re.compile(r"[0-9]{14}")


def is_stamp(name: str) -> bool:
    return _STAMP.fullmatch(name) is not None


def stamped_snapshots(folder: Path, practice_code: str) -> list[Extract]:
    """Not opened here: what was taken long ago would be read again every night. Raises FileRefused."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [_snapshot(path, practice_code) for path in inside if not path.name.startswith(".")]


def _snapshot(folder: Path, practice_code: str) -> Extract:
    files = tuple(sorted(folder.glob("*.json")))
    if not is_stamp(folder.name):
        _refuse(practice_code, "a folder in its folder is not named by a moment (YYYYMMDDhhmmss)", "Move it away.")
    if not files:
        _refuse(practice_code, f"its folder {folder.name} holds no *.json bundle", "Check the delivery.")
    try:
        taken_at = datetime.strptime(f"{folder.name}+0000", "%Y%m%d%H%M%S%z")
    except ValueError:
        _refuse(practice_code, "a folder in its folder is named by a moment that never was", "Name it rightly.")
    return Extract(extract_id=folder.name, taken_at=taken_at, files=files)


def _refuse(practice_code: str, rule: str, remedy: str) -> NoReturn:
    raise FileRefused(f"{practice_code}: {rule}. {remedy}") from None
